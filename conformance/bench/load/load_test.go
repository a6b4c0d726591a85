package load

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/millrace/millrace/conformance/bench/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func servers(t *testing.T) *upstream.Servers {
	s, err := upstream.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func until(t *testing.T, r *Run, n int64) {
	for r.Count() < n {
		if err := r.For(t.Context(), time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAClosedLoopCountsEveryAnswerThatWasRight(t *testing.T) {
	s := servers(t)
	body := bytes.Repeat([]byte("x"), 40<<10)
	r, err := Start(Plan{Workers: 4, Dial: func(int) (Client, error) { return HTTP(s.HTTP, "/x", body, Same) }})
	if err != nil {
		t.Fatal(err)
	}
	until(t, r, 40)
	if errs := r.Stop(); errs != nil {
		t.Fatal(errs)
	}
	if n := r.Count(); int64(len(r.Times())) != n || s.Calls() != n+4 {
		t.Errorf("%d answers, %d times, %d calls", n, len(r.Times()), s.Calls())
	}
}

func TestGRPCStreamsShareAConnection(t *testing.T) {
	s := servers(t)
	conn, err := Connect(s.GRPC)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r, err := Start(Plan{Workers: 4, Dial: func(i int) (Client, error) {
		return GRPC(conn, "/a.B/C", []byte{byte(i), 1, 2}, Same), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	until(t, r, 20)
	if errs := r.Stop(); errs != nil {
		t.Fatal(errs)
	}
}

// stall answers after what the test says.
type stall struct {
	asked atomic.Int64
	first chan struct{}
}

func (s *stall) Ask() error {
	if s.asked.Add(1) == 2 { // the first one of the loop; the one before it is Start's
		<-s.first
	}
	return nil
}
func (s *stall) Close() error { return nil }

func TestAnOpenLoopCountsTheTimeThatQuestionsWereKeptBack(t *testing.T) {
	c := &stall{first: make(chan struct{})}
	r, err := Start(Plan{Workers: 1, Rate: 1000, Dial: func(int) (Client, error) { return c, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.For(t.Context(), 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	close(c.first)
	until(t, r, 40)
	if errs := r.Stop(); errs != nil {
		t.Fatal(errs)
	}
	late := 0
	for _, d := range r.Times() {
		if d > 10*time.Millisecond {
			late++
		}
	}
	if late < 30 {
		t.Errorf("%d of %d questions were late, though one answer took 50 ms at 1 ms a question", late, len(r.Times()))
	}
}

func TestAnAnswerThatIsNotTheSameEndsTheRun(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	defer func() { <-done }()
	defer lis.Close()
	go func() {
		defer close(done)
		conn, err := lis.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buf := make([]byte, 4096)
		for i := range 3 {
			if _, err := conn.Read(buf); err != nil {
				return
			}
			_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + []string{"abc", "abc", "abd"}[i]))
		}
	}()
	r, err := Start(Plan{Workers: 1, Dial: func(int) (Client, error) { return HTTP(lis.Addr().String(), "/", []byte("abc"), Same) }})
	if err != nil {
		t.Fatal(err)
	}
	<-r.done
	if err := errors.Join(r.Stop()...); err == nil || !strings.Contains(err.Error(), "differs at byte 2") {
		t.Errorf("error %v", err)
	}
}
