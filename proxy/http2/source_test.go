package http2

import (
	"bytes"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// sockets is two ends of a connection over the loopback.
func sockets(t *testing.T) (near, far net.Conn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if far, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

func TestAConnectionThatWaitsHoldsNoReadBuffer(t *testing.T) {
	near, far := sockets(t)
	var s source
	s.init(near, []byte("abc"))
	if p, err := s.Peek(3); err != nil || string(p) != "abc" || s.Buffered() != 3 {
		t.Fatalf("%q, %v", p, err)
	}
	if _, err := far.Write(make([]byte, 40<<10)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Discard(3 + 40<<10); err != nil {
		t.Fatal(err)
	}
	_ = near.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := s.ReadByte(); !os.IsTimeout(err) {
		t.Fatalf("nothing came, and the error is %v", err)
	}
	if s.buf != nil || s.pool != nil {
		t.Error("it holds a buffer")
	}
}

func TestTheEndAndAResetAreToldAfterWhatCame(t *testing.T) {
	for name, end := range map[string]func(net.Conn){
		"the end": func(c net.Conn) { c.Close() },
		"a reset": func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			near, far := sockets(t)
			var s source
			s.init(near, nil)
			if _, err := far.Write([]byte("abc")); err != nil {
				t.Fatal(err)
			}
			if p, err := s.Peek(2); err != nil || string(p) != "ab" {
				t.Fatalf("%q, %v", p, err)
			}
			end(far)
			if p, err := s.Peek(4); err == nil || string(p) != "abc" {
				t.Errorf("%q, %v", p, err)
			}
			if n, err := s.Discard(9); n != 3 || err == nil {
				t.Errorf("discarded %d, %v", n, err)
			}
			if _, err := s.Read(make([]byte, 1)); err == nil {
				t.Error("there is no error past the end")
			}
		})
	}
	if _, err := (&source{size: 4}).Peek(5); err == nil {
		t.Error("more than the buffer can be seen at once")
	}
}

// dribble is a connection that gives its bytes in pieces of its own choice.
type dribble struct {
	net.Conn
	rest []byte
	size func() int
}

func (d *dribble) Read(p []byte) (int, error) {
	if len(d.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, d.rest[:min(len(d.rest), d.size())])
	d.rest = d.rest[n:]
	return n, nil
}

func TestASourceGivesTheBytesInOrderHoweverTheyCome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := make([]byte, rapid.IntRange(0, 200<<10).Draw(t, "length"))
		for i := range all {
			all[i] = byte(i) ^ byte(i>>8)
		}
		first := rapid.IntRange(0, min(len(all), 100)).Draw(t, "read before")
		var s source
		s.init(&dribble{rest: all[first:], size: func() int { return rapid.IntRange(1, 50<<10).Draw(t, "piece") }}, all[:first])
		rest := all
		for len(rest) > 0 {
			n := rapid.IntRange(1, min(len(rest), s.Size())).Draw(t, "step")
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				p, err := s.Peek(n)
				if err != nil || !bytes.Equal(p, rest[:n]) {
					t.Fatalf("peek of %d: %d bytes, %v", n, len(p), err)
				}
			case 1:
				if got, err := s.Discard(n); got != n || err != nil {
					t.Fatalf("discard of %d: %d, %v", n, got, err)
				}
				rest = rest[n:]
			default:
				p := make([]byte, n)
				if _, err := io.ReadFull(&s, p); err != nil || !bytes.Equal(p, rest[:n]) {
					t.Fatalf("read of %d: %v", n, err)
				}
				rest = rest[n:]
			}
		}
		if b, err := s.ReadByte(); err != io.EOF {
			t.Fatalf("past the end: %d, %v", b, err)
		}
	})
}
