package http1

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

func TestAPanicEndsOneConnectionAlone(t *testing.T) {
	client, server := net.Pipe()
	ended := make(chan error, 1)
	info := &stream.ConnInfo{Remote: server.RemoteAddr()}
	go func() {
		ended <- ServeConn(server, info, ServerOptions{}, handlerFunc(func(stream.Downstream) { panic("oh") }))
	}()
	_, _ = io.WriteString(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if all, err := io.ReadAll(client); err != nil || len(all) > 0 {
		t.Errorf("the client reads %q, %v", all, err)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "panicked: oh") {
		t.Errorf("got %v", err)
	}
}

// notified is an Upstream of which only Cancel matters.
type notified chan struct{}

func (n notified) Cancel() { close(n) }

func TestAClientThatLeavesCancelsWhatWasAskedForIt(t *testing.T) {
	asked, canceled, stale := make(chan struct{}), make(notified), make(notified)
	addr, _ := startServer(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
		ctx := d.Context().(interface{ NotifyCancel(interface{ Cancel() }) })
		ctx.NotifyCancel(stale)
		ctx.NotifyCancel(nil)
		ctx.NotifyCancel(canceled)
		close(asked)
		<-canceled
	}))
	conn := dial(t, addr)
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-asked
	_ = conn.Close()
	<-canceled
	select {
	case <-stale:
		t.Error("what was taken back was cancelled")
	default:
	}
}

func TestTheContextOfARequestEndsWithIt(t *testing.T) {
	ends := make(chan (<-chan struct{}), 2)
	addr, _ := startServer(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
		if d.Context().Err() != nil {
			t.Error("the context is done before the request is")
		}
		ends <- d.Context().Done()
		reply(d, 200, "")
	}))
	conn := dial(t, addr)
	for range 2 {
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		<-<-ends
	}
}

func TestSmallPiecesOfAResponseAreFlushedOneByOne(t *testing.T) {
	next := make(chan struct{})
	addr, _ := startServer(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
		_ = d.SendHead(&stream.ResponseHead{Status: 200, ContentLength: 10}, false)
		_ = d.Send(nil, false) // sends the head alone
		<-next
		_ = d.Send(body.Of([]byte("hello")), false)
		<-next
		_ = d.Send(body.Of([]byte("world")), true)
	}))
	c := NewClientConn(dial(t, addr), ClientOptions{})
	u, _ := c.Open()
	defer u.Close()
	_ = u.SendHead(request("GET", "/", 0), true)
	if h, err := u.RecvHead(); err != nil || h.ContentLength != 10 {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"hello", "world"} {
		next <- struct{}{}
		b, err := u.Recv()
		if err != nil || string(b.Bytes()) != want {
			t.Fatalf("got %q, %v", b.Bytes(), err)
		}
		b.Release()
	}
	if _, err := u.Recv(); err != io.EOF {
		t.Errorf("the end is %v", err)
	}
}

func TestAServerIsAskedOverTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		conn, err := ln.Accept()
		if err == nil {
			err = ServeConn(conn, &stream.ConnInfo{Remote: conn.RemoteAddr()}, ServerOptions{}, echo)
		}
		done <- err
	}()
	conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	c := NewClientConn(conn, ClientOptions{})
	large := strings.Repeat("x", 50_000)
	for range 3 { // session tickets that wait to be read are no sign of an end
		u, err := c.Open()
		if err != nil {
			t.Fatal(err)
		}
		if u.FD() != -1 {
			t.Error("the descriptor of a TLS connection is offered for polling")
		}
		_ = u.SendHead(request("POST", "/", int64(len(large))), false)
		_ = u.Send(body.Of([]byte(large)), true)
		if _, err := u.RecvHead(); err != nil {
			t.Fatal(err)
		}
		if got, err := readAll(u.Recv); err != nil || string(got) != "POST / "+large {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
		u.Close()
	}
	_ = c.Close()
	_ = ln.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := c.Open(); !errors.Is(err, stream.ErrClosed) {
		t.Errorf("a closed connection opens: %v", err)
	}
}

func TestCookiesOfHTTP2AreJoined(t *testing.T) {
	h := request("GET", "/", 0)
	h.Version = stream.HTTP2
	h.Header.Add("cookie", "a=1")
	h.Header.Add("x", "y")
	h.Header.Add("cookie", "b=2")
	want := "GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nx: y\r\ncookie: a=1; b=2\r\n\r\n"
	if got := string(appendRequest(nil, h, false)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTrailersAreSentWhereTheFramingHasAPlaceForThem(t *testing.T) {
	for _, tc := range []struct{ version, want string }{
		{"HTTP/1.1", "2\r\nhi\r\n0\r\nDigest: x\r\n\r\n"}, {"HTTP/1.0", "\r\n\r\nhi"},
	} {
		addr, _ := startServer(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
			_ = d.SendHead(&stream.ResponseHead{Status: 200, ContentLength: -1}, false)
			_ = d.Send(body.Of([]byte("hi")), false)
			var tr stream.Header
			tr.Add("Digest", "x")
			tr.Add("Content-Length", "7")
			_ = d.SendTrailers(&tr)
			if p := d.Progress(); !p.Ended || p.Sent != 2 {
				t.Errorf("progress %+v", p)
			}
		}))
		conn := dial(t, addr)
		_, _ = io.WriteString(conn, "GET / "+tc.version+"\r\nHost: a\r\nConnection: close\r\n\r\n")
		if all, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(all), tc.want) {
			t.Errorf("%s: got %q, %v", tc.version, all, err)
		}
	}
}

func TestTheConnectionsLastErrorIsToldAgain(t *testing.T) {
	c := script(t, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello")
	u, _ := c.Open()
	defer u.Close()
	if _, err := u.RecvHead(); err == nil {
		t.Error("a head without a request")
	}
	if err := u.Send(body.Of([]byte("x")), true); err == nil {
		t.Error("a body without a head")
	}
	_ = u.SendHead(request("GET", "/", 0), true)
	if err := u.SendHead(request("GET", "/", 0), true); err == nil {
		t.Error("a second head")
	}
	if _, err := u.RecvHead(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := readAll(u.Recv); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %v", err)
		}
	}
}

func TestARefusalReachesAClientThatIsStillSendingALargeBody(t *testing.T) {
	addr, _ := startServer(t, ServerOptions{}, refuser{})
	for range 10 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		const size = 32 << 20
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", size)
		piece := make([]byte, 1<<20)
		for range size / len(piece) {
			if _, err := conn.Write(piece); err != nil {
				t.Fatalf("the body could not be sent to its end: %v", err)
			}
		}
		got, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 413 ") {
			t.Fatalf("%.80q %v", got, err)
		}
		conn.Close()
	}
}

// refuser answers before it has read anything.
type refuser struct{}

func (refuser) Serve(d stream.Downstream) {
	h := stream.ResponseHead{Status: 413}
	_ = d.SendHead(&h, true)
}
