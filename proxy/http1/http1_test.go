package http1

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type handlerFunc func(d stream.Downstream)

func (f handlerFunc) Serve(d stream.Downstream) { f(d) }

// startServer serves connections on a port of the loopback until the test ends, and fails it where one ended with an error
// other than a breach by the client.
func startServer(t testing.TB, opts ServerOptions, h stream.Handler) (addr string, conns <-chan *ServerConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan *ServerConn, 64)
	done := make(chan struct{})
	var live []*ServerConn
	go func() {
		defer close(done)
		ended := make(chan struct{})
		for {
			conn, err := ln.Accept()
			if err != nil {
				for _, c := range live {
					_ = c.Close()
				}
				for range live {
					<-ended
				}
				return
			}
			info := &stream.ConnInfo{Remote: conn.RemoteAddr(), Local: conn.LocalAddr(), Version: stream.HTTP11, Start: time.Now()}
			c := NewServerConn(conn, info, opts, h)
			live = append(live, c)
			select {
			case started <- c:
			default:
			}
			go func() {
				defer func() { ended <- struct{}{} }()
				var breach *stream.ProtocolError
				if err := c.Serve(); err != nil && !errors.As(err, &breach) {
					t.Errorf("serve: %v", err)
				}
			}()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return ln.Addr().String(), started
}

func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second)) // a test that hangs fails
	return conn.(*net.TCPConn)
}

func readAll(recv func() (*body.Body, error)) ([]byte, error) {
	var all []byte
	for {
		b, err := recv()
		all = b.AppendTo(all)
		b.Release()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

// reply sends a whole response with a body of known length.
func reply(d stream.Downstream, status int, text string) {
	h := stream.ResponseHead{Status: status, ContentLength: int64(len(text))}
	if d.SendHead(&h, text == "") == nil && text != "" {
		_ = d.Send(body.Of([]byte(text)), true)
	}
}

// relay is the plainest proxy there can be: it passes requests to one server over one connection per client connection.
type relay struct {
	up     *ClientConn
	addr   string
	budget *body.Budget
}

func (r *relay) Serve(d stream.Downstream) {
	u, err := r.open()
	if err != nil {
		reply(d, 503, err.Error())
		return
	}
	defer u.Close()
	if err := r.pass(d, u); err != nil {
		if p := d.Progress(); !p.HeadSent {
			reply(d, 502, err.Error())
			return
		}
		d.Reset()
	}
}

func (r *relay) open() (stream.Upstream, error) {
	if r.up != nil {
		if u, err := r.up.Open(); err == nil {
			return u, nil
		}
	}
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		return nil, err
	}
	r.up = NewClientConn(conn, ClientOptions{Budget: r.budget})
	return r.up.Open()
}

func (r *relay) pass(d stream.Downstream, u stream.Upstream) error {
	head := d.Head()
	if err := u.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
		return err
	}
	if err := u.SendHead(head, head.ContentLength == 0); err != nil {
		return err
	}
	for head.ContentLength != 0 {
		b, err := d.Recv()
		if err == io.EOF {
			if tr := d.RecvTrailers(); tr != nil {
				err = u.SendTrailers(tr)
			} else {
				err = u.Send(nil, true)
			}
			if err != nil {
				return err
			}
			break
		}
		if err != nil {
			return err
		}
		if err := u.Send(b, false); err != nil {
			return err
		}
	}
	res, err := u.RecvHead()
	for ; err == nil && res.Status < 200; res, err = u.RecvHead() {
		if err := d.SendInformational(res); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	if err := d.SendHead(res, false); err != nil {
		return err
	}
	for {
		b, err := u.Recv()
		if err == io.EOF {
			if tr := u.RecvTrailers(); tr != nil {
				return d.SendTrailers(tr)
			}
			return d.Send(nil, true)
		}
		if err != nil {
			return err
		}
		if err := d.Send(b, false); err != nil {
			return err
		}
	}
}

// startRelay puts a relay before the server at addr; each client connection gets a relay of its own.
func startRelay(t testing.TB, addr string, budget *body.Budget) string {
	t.Helper()
	relays := map[*stream.ConnInfo]*relay{}
	lock := make(chan struct{}, 1)
	opts := ServerOptions{Budget: budget, HeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, StreamIdle: time.Minute}
	front, _ := startServer(t, opts, handlerFunc(func(d stream.Downstream) {
		lock <- struct{}{}
		r := relays[d.Conn()]
		if r == nil {
			r = &relay{addr: addr, budget: budget}
			relays[d.Conn()] = r
		}
		<-lock
		r.Serve(d)
	}))
	t.Cleanup(func() {
		for _, r := range relays {
			if r.up != nil {
				_ = r.up.Close()
			}
		}
	})
	return front
}
