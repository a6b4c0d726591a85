package http1

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// script is a server that gives one canned answer for each request on a connection and then closes it.
func script(t *testing.T, answers ...string) *ClientConn {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		br := bufio.NewReader(conn)
		for _, a := range answers {
			req, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				return
			}
			if _, err := io.WriteString(conn, a); err != nil {
				return
			}
		}
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := NewClientConn(conn, ClientOptions{Budget: body.NewBudget(0)})
	t.Cleanup(func() { _ = c.Close(); _ = ln.Close(); <-done })
	return c
}

func request(method, path string, length int64) *stream.RequestHead {
	h := &stream.RequestHead{Method: []byte(method), Path: []byte(path), Authority: []byte("a"), ContentLength: length}
	h.Header.Add("Accept", "*/*")
	return h
}

// ask makes a request without a body and returns the answer's parts.
func ask(t *testing.T, c *ClientConn, method string) (status int, text string, trailers *stream.Header, err error) {
	t.Helper()
	u, err := c.Open()
	if err != nil {
		return 0, "", nil, err
	}
	defer u.Close()
	_ = u.SetDeadline(time.Now().Add(10 * time.Second))
	if err := u.SendHead(request(method, "/", 0), true); err != nil {
		return 0, "", nil, err
	}
	h, err := u.RecvHead()
	for err == nil && h.Status < 200 {
		h, err = u.RecvHead()
	}
	if err != nil {
		return 0, "", nil, err
	}
	all, err := readAll(u.Recv)
	if tr := u.RecvTrailers(); tr != nil && err == nil {
		trailers = &stream.Header{}
		trailers.CopyFrom(tr)
	}
	return h.Status, string(all), trailers, err
}

func TestResponsesEndWhereTheirFramingSays(t *testing.T) {
	for _, tc := range []struct {
		name, method, answer, text string
		reusable                   bool
	}{
		{"a length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", true},
		{"chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5;x\r\nhello\r\n0\r\n\r\n", "hello", true},
		{"the connection's end", "GET", "HTTP/1.1 200 OK\r\n\r\nhello", "hello", false},
		{"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", "", true},
		{"304 with a length", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "", true},
		{"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", true},
		{"Connection: close", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", "hello", false},
		{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", false},
		{"HTTP/1.0 that keeps alive", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", "hello", true},
		{"1xx before", "GET", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", true},
		{"bytes behind the end", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!", "hello", false},
		{"no reason phrase", "GET", "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", "hello", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answers := []string{tc.answer}
			if tc.reusable {
				answers = append(answers, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
			c := script(t, answers...)
			if _, text, _, err := ask(t, c, tc.method); err != nil || text != tc.text {
				t.Fatalf("got %q, %v", text, err)
			}
			if c.Closed() == tc.reusable {
				t.Fatalf("closed %t, reusable %t", c.Closed(), tc.reusable)
			}
			if tc.reusable {
				if _, text, _, err := ask(t, c, "GET"); err != nil || text != "ok" {
					t.Errorf("the second request got %q, %v", text, err)
				}
			} else if _, _, _, err := ask(t, c, "GET"); !errors.Is(err, stream.ErrClosed) {
				t.Errorf("the second request got %v", err)
			}
		})
	}
}

func TestBrokenResponsesAreErrors(t *testing.T) {
	for _, tc := range []struct {
		name, answer string
		want         error // nil for a breach of the protocol
	}{
		{"nothing", "", stream.ErrReset},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-Le", io.ErrUnexpectedEOF},
		{"a body cut short", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", io.ErrUnexpectedEOF},
		{"a chunk cut short", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello", io.ErrUnexpectedEOF},
		{"chunks without an end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", io.ErrUnexpectedEOF},
		{"trailers cut short", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n", io.ErrUnexpectedEOF},
		{"both framings", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", nil},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 4\r\n\r\nhello", nil},
		{"a folded line", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n", nil},
		{"a status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", nil},
		{"a status that is no number", "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", nil},
		{"another protocol", "SSH-2.0-x\r\n\r\n", nil},
		{"a protocol switch nobody asked for", "HTTP/1.1 101 Switching Protocols\r\n\r\n", nil},
		{"a head that is too large", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70<<10) + "\r\n\r\n", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := script(t, tc.answer)
			_, _, _, err := ask(t, c, "GET")
			var breach *stream.ProtocolError
			if tc.want == nil && !errors.As(err, &breach) || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("got %v", err)
			}
			if !c.Closed() {
				t.Error("the connection is still open")
			}
		})
	}
}

func TestAConnectionThatTheServerClosedIsNotOpened(t *testing.T) {
	c := script(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	if _, _, _, err := ask(t, c, "GET"); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool {
		u, err := c.Open() // the server closes after its one answer
		if err == nil {
			u.Close()
		}
		return errors.Is(err, stream.ErrClosed)
	})
}

// waitUntil polls a condition that comes true by itself.
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

func TestOnlyOneRequestHasRoom(t *testing.T) {
	c := script(t, "")
	u, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open(); !errors.Is(err, stream.ErrNoRoom) {
		t.Errorf("the second request got %v", err)
	}
	if c.Active() != 1 || c.Max() != 1 || !c.IdleSince().IsZero() || u.FD() < 0 {
		t.Errorf("active %d, max %d, idle since %v, descriptor %d", c.Active(), c.Max(), c.IdleSince(), u.FD())
	}
	c.Drain()
	u.Close()
	if c.Active() != 0 || !c.Closed() {
		t.Error("a drained connection lives on")
	}
}

// silent accepts one connection, tells when the first byte came and reads on.
func silent(t *testing.T) (c *ClientConn, asked <-chan struct{}, server <-chan *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	first, done, accepted := make(chan struct{}), make(chan struct{}), make(chan *net.TCPConn, 1)
	go func() {
		defer close(done)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		accepted <- conn.(*net.TCPConn)
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			close(first)
		}
		_, _ = io.Copy(io.Discard, conn)
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c = NewClientConn(conn, ClientOptions{})
	t.Cleanup(func() { _ = c.Close(); _ = ln.Close(); <-done })
	return c, first, accepted
}

func TestCancelEndsAWaitingRequest(t *testing.T) {
	c, asked, _ := silent(t)
	u, _ := c.Open()
	_ = u.SetDeadline(time.Now().Add(10 * time.Second))
	_ = u.SendHead(request("GET", "/", 0), true)
	go func() { <-asked; u.Cancel() }()
	if _, err := u.RecvHead(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := u.SetDeadline(time.Now().Add(time.Second)); !errors.Is(err, context.Canceled) {
		t.Errorf("a deadline after it: %v", err)
	}
	u.Close()
	if !c.Closed() {
		t.Error("the connection is still open")
	}
}

func TestADeadlineEndsAWaitingRequest(t *testing.T) {
	c, _, _ := silent(t)
	u, _ := c.Open()
	defer u.Close()
	_ = u.SetDeadline(time.Now().Add(10 * time.Millisecond))
	_ = u.SendHead(request("GET", "/", 0), true)
	if _, err := u.RecvHead(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if u.Unprocessed() {
		t.Error("a request that timed out is taken for one that was not seen")
	}
}

func TestADeadlineIsForOneRequest(t *testing.T) {
	c := script(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	if _, _, _, err := ask(t, c, "GET"); err != nil {
		t.Fatal(err)
	}
	_ = c.conn.SetDeadline(longAgo) // the first request's deadline passes
	u, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if err := u.SendHead(request("GET", "/", 0), true); err != nil {
		t.Fatal(err)
	}
	if h, err := u.RecvHead(); err != nil || h.Status != 200 {
		t.Fatalf("got %v", err)
	}
}

func TestARequestThatTheServerReadMayHaveBeenProcessed(t *testing.T) {
	c := script(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "")
	if _, _, _, err := ask(t, c, "GET"); err != nil {
		t.Fatal(err)
	}
	u, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	_ = u.SendHead(request("GET", "/", 0), true)
	if _, err := u.RecvHead(); !errors.Is(err, stream.ErrReset) {
		t.Fatalf("got %v", err)
	}
	if u.Unprocessed() {
		t.Error("a request that was read is taken for one that was not")
	}
}

func TestARequestToAConnectionThatWasGoneIsUnprocessed(t *testing.T) {
	c, asked, server := silent(t)
	c.ex.requests = 1 // as after a first request
	u, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	conn := <-server
	_ = conn.SetLinger(0)
	_ = conn.Close() // between the look at the connection and the request
	err = u.SendHead(request("POST", "/", 0), true)
	if err == nil {
		_, err = u.RecvHead()
	}
	if !errors.Is(err, stream.ErrReset) || !u.Unprocessed() {
		t.Errorf("got %v, unprocessed %t", err, u.Unprocessed())
	}
	select {
	case <-asked:
		t.Error("the server read something")
	default:
	}
}

func TestSplittingTheRequestLineIsRefused(t *testing.T) {
	for _, h := range []*stream.RequestHead{request("GET", "/ HTTP/1.1\r\nX: y", 0), request("GET", "", 0), request("G T", "/", 0),
		{Method: []byte("GET"), Path: []byte("/"), Authority: []byte("a\r\nX: y")}} {
		c := script(t, "")
		u, _ := c.Open()
		if err := u.SendHead(h, true); err == nil {
			t.Errorf("%q %q was sent", h.Method, h.Path)
		}
		u.Close()
		if c.Closed() {
			t.Error("nothing was sent, and the connection is closed")
		}
	}
}

func TestFieldsCannotSplitTheHeader(t *testing.T) {
	h := request("GET", "/", 0)
	h.Header.Add("X", "a\r\nSmuggled: b")
	h.Header.Add("Content-Length", "7")
	h.Header.Add("Transfer-Encoding", "chunked")
	got := string(appendRequest(nil, h, false))
	want := "GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nX: a  Smuggled: b\r\n\r\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestALargeBodyIsSentFromWhereItLies(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789"), 100_000)
	for _, length := range []int64{int64(len(text)), -1} {
		addr, _ := startServer(t, ServerOptions{Budget: body.NewBudget(0)}, handlerFunc(func(d stream.Downstream) {
			got, err := readAll(d.Recv)
			if err != nil || !bytes.Equal(got, text) {
				t.Errorf("the server read %d bytes, %v", len(got), err)
			}
			h := stream.ResponseHead{Status: 200, ContentLength: length}
			_ = d.SendHead(&h, false)
			_ = d.Send(body.Of(got), true)
		}))
		c := NewClientConn(dial(t, addr), ClientOptions{Budget: body.NewBudget(0)})
		u, _ := c.Open()
		_ = u.SendHead(request("POST", "/", length), false)
		if err := u.Send(body.Join(body.Of(text[:500_000]), body.Of(text[500_000:])), true); err != nil {
			t.Fatal(err)
		}
		if h, err := u.RecvHead(); err != nil || h.ContentLength != length {
			t.Fatalf("got %v", err)
		}
		if got, err := readAll(u.Recv); err != nil || !bytes.Equal(got, text) {
			t.Errorf("the client read %d bytes, %v", len(got), err)
		}
		u.Close()
		if c.Closed() {
			t.Error("the connection is not kept")
		}
	}
}
