package listener

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/millrace/millrace/proxy/http1"
	"github.com/millrace/millrace/proxy/stream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type handlerFunc func(d stream.Downstream)

func (f handlerFunc) Serve(d stream.Downstream) { f(d) }

func say(text string) stream.Handler {
	return handlerFunc(func(d stream.Downstream) {
		h := stream.ResponseHead{Status: 200}
		h.Header.Add("Say", text)
		_ = d.SendHead(&h, true)
	})
}

func newHTTP1(conn net.Conn, info *stream.ConnInfo, h stream.Handler) ServerConn {
	return http1.NewServerConn(conn, info, http1.ServerOptions{IdleTimeout: time.Minute}, h)
}

// fakeHTTP2 reads the preface, says what it is and lives until it is drained or closed.
type fakeHTTP2 struct {
	conn net.Conn
	stop func()
}

func newHTTP2(conn net.Conn, info *stream.ConnInfo, _ stream.Handler) ServerConn {
	return &fakeHTTP2{conn: conn, stop: sync.OnceFunc(func() { _ = conn.Close() })}
}

func (f *fakeHTTP2) Serve() error {
	defer f.stop()
	got := make([]byte, len(preface))
	if _, err := io.ReadFull(f.conn, got); err != nil || string(got) != preface {
		return errors.New("no preface: " + string(got))
	}
	_, _ = io.WriteString(f.conn, "two")
	_, _ = f.conn.Read(got)
	return nil
}
func (f *fakeHTTP2) Drain()       { f.stop() }
func (f *fakeHTTP2) Close() error { f.stop(); return nil }

func start(t *testing.T, cfg Config, h stream.Handler) *Listener {
	t.Helper()
	cfg.Name, cfg.Address, cfg.HTTP1 = "test", "127.0.0.1:0", newHTTP1
	l, err := New(cfg, h)
	if err != nil {
		t.Fatal(err)
	}
	l.Start()
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t *testing.T, l *Listener) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

func get(t *testing.T, conn net.Conn) *http.Response {
	t.Helper()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func waitUntil(t *testing.T, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(10 * time.Second); !cond(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the condition never came true")
		}
	}
}

func TestOnePortSpeaksBothVersions(t *testing.T) {
	l := start(t, Config{HTTP2: newHTTP2}, say("one"))
	for _, tc := range []struct{ name, first, want string }{
		{"HTTP/1.1", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTT"},
		{"a method that begins like the preface", "PRINT / HTTP/1.1\r\nHost: a\r\n\r\n", "HTT"},
		{"HTTP/2", preface, "two"},
	} {
		for _, slow := range []bool{false, true} {
			conn := dial(t, l)
			var src io.Reader = strings.NewReader(tc.first)
			if slow {
				src = iotest.OneByteReader(src)
			}
			if _, err := io.Copy(struct{ io.Writer }{conn}, src); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 3)
			if _, err := io.ReadFull(conn, got); err != nil || string(got) != tc.want {
				t.Errorf("%s, slow %t: got %q, %v", tc.name, slow, got, err)
			}
			_ = conn.Close()
		}
	}
}

func TestASilentClientIsLeftToHTTP1(t *testing.T) {
	l := start(t, Config{HTTP2: newHTTP2, SniffTimeout: time.Millisecond}, say("one"))
	conn := dial(t, l)
	waitUntil(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for c := range l.conns {
			return c.sc != nil
		}
		return false
	})
	if res := get(t, conn); res.Header.Get("Say") != "one" {
		t.Errorf("got %v", res)
	}
}

func TestTheHandlerIsSwappedWhileConnectionsLive(t *testing.T) {
	l := start(t, Config{}, say("old"))
	conn := dial(t, l)
	if got := get(t, conn).Header.Get("Say"); got != "old" {
		t.Errorf("first %q", got)
	}
	l.SetHandler(say("new"))
	if got := get(t, conn).Header.Get("Say"); got != "new" {
		t.Errorf("then %q", got)
	}
}

func TestConnectionsBeyondTheLimitAreClosed(t *testing.T) {
	limit := NewLimit(1)
	a, b := start(t, Config{Conns: limit}, say("a")), start(t, Config{Conns: limit}, say("b"))
	first := dial(t, a)
	get(t, first)
	if n, err := dial(t, b).Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the second connection reads %d bytes, %v", n, err)
	}
	if limit.Used() != 1 || limit.Rejected() != 1 {
		t.Errorf("used %d, rejected %d", limit.Used(), limit.Rejected())
	}
	_ = first.Close()
	waitUntil(t, func() bool { return limit.Used() == 0 })
	get(t, dial(t, b))
}

func TestDrainLetsRequestsFinish(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	l := start(t, Config{HTTP2: newHTTP2}, handlerFunc(func(d stream.Downstream) {
		close(asked)
		<-release
		say("done").Serve(d)
	}))
	busy, silent, two := dial(t, l), dial(t, l), dial(t, l)
	_, _ = io.WriteString(busy, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	_, _ = io.WriteString(two, preface)
	_, _ = io.ReadFull(two, make([]byte, 3))
	<-asked
	drained := make(chan error, 1)
	go func() { drained <- l.Drain(context.Background()) }()
	for _, idle := range []net.Conn{silent, two} {
		if n, err := idle.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("an idle connection reads %d bytes, %v", n, err)
		}
	}
	select {
	case err := <-drained:
		t.Fatalf("drained while a request is under way: %v", err)
	default:
	}
	close(release)
	res, err := http.ReadResponse(bufio.NewReader(busy), nil)
	if err != nil || res.Header.Get("Say") != "done" || !res.Close {
		t.Errorf("the busy client got %v, %v", res, err)
	}
	_ = busy.Close()
	if err := <-drained; err != nil || l.Active() != 0 {
		t.Errorf("drained with %v, %d connections left", err, l.Active())
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the listener still accepts")
	}
}

func TestDrainClosesWhatIsLeftWhenItsTimeIsUp(t *testing.T) {
	asked := make(chan struct{})
	l := start(t, Config{}, handlerFunc(func(d stream.Downstream) {
		close(asked)
		<-d.Context().Done()
	}))
	_, _ = io.WriteString(dial(t, l), "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-asked
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := l.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) || l.Active() != 0 {
		t.Errorf("drained with %v, %d connections left", err, l.Active())
	}
}

func TestNoRequestFailsBecauseOfADrain(t *testing.T) {
	// A client whose connection the kernel has established when the listener stops is served.
	for range 20 {
		l := start(t, Config{HTTP2: newHTTP2}, say("served"))
		var clients []net.Conn
		for range 8 {
			conn := dial(t, l)
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			clients = append(clients, conn)
		}
		drained := make(chan error, 1)
		go func() { drained <- l.Drain(context.Background()) }()
		for _, conn := range clients {
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || res.Header.Get("Say") != "served" {
				t.Fatalf("got %v, %v", res, err)
			}
			_ = conn.Close()
		}
		if err := <-drained; err != nil {
			t.Fatal(err)
		}
	}
}

func TestAListenerThatNeverStartedCloses(t *testing.T) {
	l, err := New(Config{Address: "127.0.0.1:0"}, say(""))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Drain(context.Background()); err != nil || l.Close() != 0 {
		t.Error(err)
	}
	l.Start()
	if _, err := New(Config{Name: "x", Address: "256.0.0.1:0"}, say("")); err == nil {
		t.Error("an address that cannot be was bound")
	}
}

func TestALPNTellsTheVersionUnderTLS(t *testing.T) {
	l := start(t, Config{HTTP2: newHTTP2, TLS: &tls.Config{Certificates: []tls.Certificate{certificate(t)}}}, handlerFunc(func(d stream.Downstream) {
		if d.Conn().TLS == nil || string(d.Head().Scheme) != "https" {
			t.Error("the handler does not know of TLS")
		}
		say("one").Serve(d)
	}))
	for _, tc := range []struct {
		protos      []string
		first, want string
	}{{[]string{"h2", "http/1.1"}, preface, "two"}, {[]string{"http/1.1"}, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTT"}, {nil, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTT"}} {
		conn := tls.Client(dial(t, l), &tls.Config{InsecureSkipVerify: true, NextProtos: tc.protos})
		if _, err := io.WriteString(conn, tc.first); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 3)
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != tc.want {
			t.Errorf("%v: got %q, %v", tc.protos, got, err)
		}
	}
}

func TestAFailedHandshakeIsReported(t *testing.T) {
	failed := make(chan error, 1)
	l := start(t, Config{TLS: &tls.Config{Certificates: []tls.Certificate{certificate(t)}}, OnError: func(info *stream.ConnInfo, err error) { failed <- err }}, say(""))
	_, _ = io.WriteString(dial(t, l), "GET / HTTP/1.1\r\n\r\n")
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "TLS handshake with 127.0.0.1") {
		t.Errorf("got %v", err)
	}
}

func TestTheClientIsMissedUnderTLS(t *testing.T) {
	asked, left := make(chan struct{}), make(chan struct{})
	l := start(t, Config{TLS: &tls.Config{Certificates: []tls.Certificate{certificate(t)}}}, handlerFunc(func(d stream.Downstream) {
		close(asked)
		<-d.Context().Done()
		close(left)
	}))
	conn := tls.Client(dial(t, l), &tls.Config{InsecureSkipVerify: true})
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-asked
	_ = conn.Close()
	<-left
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestThePrefaceIsToldFromItsFirstBytes(t *testing.T) {
	for n := range len(preface) {
		if _, ok := detected([]byte(preface[:n])); ok {
			t.Errorf("%q is taken for enough", preface[:n])
		}
		if v, ok := detected([]byte(preface[:n] + "x")); !ok || v != stream.HTTP11 {
			t.Errorf("%qx is taken for %v, %t", preface[:n], v, ok)
		}
	}
	if v, ok := detected([]byte(preface + "x")); !ok || v != stream.HTTP2 {
		t.Errorf("the preface is taken for %v, %t", v, ok)
	}
}
