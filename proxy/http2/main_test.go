package http2

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type handlerFunc func(d stream.Downstream)

func (f handlerFunc) Serve(d stream.Downstream) { f(d) }

// server is a listener on loopback whose connections are served by this package.
type server struct {
	addr  string
	lis   net.Listener
	group sync.WaitGroup
	mu    sync.Mutex
	conns []*ServerConn
	errs  []error
}

// serve starts a server and stops it when the test ends; it fails the test where memory stays charged.
func serve(t testing.TB, opts ServerOptions, h stream.Handler) *server {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if opts.Budget == nil {
		opts.Budget = body.NewBudget(0)
	}
	s := &server{addr: lis.Addr().String(), lis: lis}
	s.group.Go(func() {
		for {
			nc, err := lis.Accept()
			if err != nil {
				return
			}
			sc := NewServerConn(nc, &stream.ConnInfo{Remote: nc.RemoteAddr(), Local: nc.LocalAddr(), Version: stream.HTTP2}, opts, h)
			s.mu.Lock()
			s.conns = append(s.conns, sc)
			s.mu.Unlock()
			s.group.Go(func() {
				err := sc.Serve()
				s.mu.Lock()
				s.errs = append(s.errs, err)
				s.mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		s.stop()
		if n := opts.Budget.Used(); n != 0 {
			t.Errorf("%d bytes of bodies are charged after the end", n)
		}
	})
	return s
}

func (s *server) stop() {
	_ = s.lis.Close()
	s.mu.Lock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.group.Wait()
}

func (s *server) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Drain()
	}
}

// dial returns a client connection to addr, closed when the test ends.
func dial(t testing.TB, addr string, opts ClientOptions) *ClientConn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if opts.Budget == nil {
		opts.Budget = body.NewBudget(0)
	}
	cc, err := NewClientConn(nc, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cc.Close()
		if n := opts.Budget.Used(); n != 0 {
			t.Errorf("%d bytes of replies are charged after the end", n)
		}
	})
	return cc
}

// relay forwards every request on one connection, in both directions at once.
type relay struct{ cc *ClientConn }

func (r relay) Serve(d stream.Downstream) {
	u, err := r.cc.Open()
	if err != nil {
		_ = d.SendHead(&stream.ResponseHead{Status: 503, ContentLength: -1}, true)
		return
	}
	stop := context.AfterFunc(d.Context(), u.Cancel)
	defer func() { stop(); u.Close() }()
	head := d.Head()
	ended := head.ContentLength == 0
	if err := u.SendHead(head, ended); err != nil {
		d.Reset()
		return
	}
	sent := make(chan struct{})
	if ended {
		close(sent)
	} else if b, err := d.Recv(); err == nil && b.Len() > 0 && int64(b.Len()) == head.ContentLength {
		_ = u.Send(b, true)
		close(sent)
	} else {
		go func() {
			defer close(sent)
			up(d, u, b, err)
		}()
	}
	err = down(d, u)
	u.Cancel()
	d.(interface{ ResetAs(error) }).ResetAs(err)
	<-sent
}

// up sends the request's body, of which the first piece was received.
func up(d stream.Downstream, u stream.Upstream, b *body.Body, err error) {
	for ; err == nil; b, err = d.Recv() {
		if u.Send(b, false) != nil {
			return
		}
	}
	switch tr := d.RecvTrailers(); {
	case err != io.EOF:
		u.Cancel()
	case tr != nil:
		_ = u.SendTrailers(tr)
	default:
		_ = u.Send(nil, true)
	}
}

// down sends the response; where it fails the caller resets.
func down(d stream.Downstream, u stream.Upstream) error {
	for {
		h, err := u.RecvHead()
		if err != nil {
			return err
		}
		if h.Status < 200 {
			if err := d.SendInformational(h); err != nil {
				return err
			}
			continue
		}
		var b *body.Body
		if h.ContentLength == 0 || string(d.Head().Method) == "HEAD" { // it may be all there is
			if b, err = u.Recv(); err == io.EOF && u.RecvTrailers() == nil {
				return d.SendHead(h, true)
			}
		}
		b.Release()
		if err := d.SendHead(h, false); err != nil {
			return err
		}
		break
	}
	for {
		b, err := u.Recv()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = d.Send(b, false)
		}
		if err != nil {
			return err
		}
	}
	if tr := u.RecvTrailers(); tr != nil {
		return d.SendTrailers(tr)
	}
	return d.Send(nil, true)
}

// serveRelay starts a relay to addr.
func serveRelay(t testing.TB, addr string, so ServerOptions, co ClientOptions) *server {
	t.Helper()
	return serve(t, so, relay{dial(t, addr, co)})
}

// reply answers with a head, a body and trailers.
func reply(d stream.Downstream, status int, text string, trailers ...string) {
	h := stream.ResponseHead{Status: status, ContentLength: -1}
	_ = d.SendHead(&h, false)
	b := body.Of([]byte(text))
	if len(trailers) == 0 {
		_ = d.Send(b, true)
		return
	}
	_ = d.Send(b, false)
	var tr stream.Header
	for i := 0; i < len(trailers); i += 2 {
		tr.Add(trailers[i], trailers[i+1])
	}
	_ = d.SendTrailers(&tr)
}

// request returns a head of a request without a body.
func request(method, path string, fields ...string) *stream.RequestHead {
	h := &stream.RequestHead{
		Method: []byte(method), Scheme: []byte("http"), Authority: []byte("models.test"), Path: []byte(path), Version: stream.HTTP2,
	}
	for i := 0; i < len(fields); i += 2 {
		h.Header.Add(fields[i], fields[i+1])
	}
	return h
}

// open claims an Upstream.
func open(t testing.TB, cc *ClientConn) stream.Upstream {
	t.Helper()
	u, err := cc.Open()
	if err != nil {
		t.Fatal(err)
	}
	_ = u.SetDeadline(time.Now().Add(10 * time.Second))
	return u
}

// readAll receives to the end.
func readAll(r interface{ Recv() (*body.Body, error) }) (string, error) {
	var all []byte
	for {
		b, err := r.Recv()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return string(all), nil
		}
		if err != nil {
			return string(all), err
		}
		all = b.AppendTo(all)
		b.Release()
	}
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("in ten seconds it did not come about that %s", what)
		}
	}
}
