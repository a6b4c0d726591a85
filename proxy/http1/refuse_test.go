package http1

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/proxy/stream"
)

func TestMalformedRequestsAreRefusedAndTheConnectionCloses(t *testing.T) {
	const host = "Host: a\r\n"
	for _, tc := range []struct {
		name, raw string
		status    int
	}{
		{"Content-Length and Transfer-Encoding", "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		{"Transfer-Encoding and Content-Length", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
		{"two equal Content-Lengths", "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
		{"two different Content-Lengths", "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\ncontent-length: 6\r\n\r\nhello", 400},
		{"a list of Content-Lengths", "POST / HTTP/1.1\r\n" + host + "Content-Length: 5, 5\r\n\r\nhello", 400},
		{"a signed Content-Length", "POST / HTTP/1.1\r\n" + host + "Content-Length: +5\r\n\r\nhello", 400},
		{"a negative Content-Length", "POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", 400},
		{"a hexadecimal Content-Length", "POST / HTTP/1.1\r\n" + host + "Content-Length: 0x5\r\n\r\nhello", 400},
		{"an empty Content-Length", "POST / HTTP/1.1\r\n" + host + "Content-Length:\r\n\r\n", 400},
		{"a Content-Length beyond 64 bits", "POST / HTTP/1.1\r\n" + host + "Content-Length: 18446744073709551621\r\n\r\nhello", 400},
		{"chunked twice", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		{"gzip, chunked", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
		{"identity", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: identity\r\n\r\n", 501},
		{"xchunked", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
		{"chunked over HTTP/1.0", "POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		{"whitespace before the colon", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
		{"a folded line", "GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n", 400},
		{"a first field that is folded", "GET / HTTP/1.1\r\n X: a\r\n" + host + "\r\n", 400},
		{"bare LF line ends", "GET / HTTP/1.1\nHost: a\n\n", 400},
		{"one bare LF", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400},
		{"a bare CR in a value", "GET / HTTP/1.1\r\n" + host + "X: a\rb\r\n\r\n", 400},
		{"NUL in a value", "GET / HTTP/1.1\r\n" + host + "X: a\x00b\r\n\r\n", 400},
		{"NUL in a name", "GET / HTTP/1.1\r\n" + host + "X\x00: a\r\n\r\n", 400},
		{"NUL in the target", "GET /\x00 HTTP/1.1\r\n" + host + "\r\n", 400},
		{"no Host", "GET / HTTP/1.1\r\nX: a\r\n\r\n", 400},
		{"two Hosts", "GET / HTTP/1.1\r\n" + host + "host: a\r\n\r\n", 400},
		{"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
		{"a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
		{"a Host with user information", "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400},
		{"a line without a colon", "GET / HTTP/1.1\r\n" + host + "nonsense\r\n\r\n", 400},
		{"an empty name", "GET / HTTP/1.1\r\n" + host + ": a\r\n\r\n", 400},
		{"a request line of two parts", "GET /\r\n" + host + "\r\n", 400},
		{"two spaces in the request line", "GET  / HTTP/1.1\r\n" + host + "\r\n", 400},
		{"a target with a space", "GET /a b HTTP/1.1\r\n" + host + "\r\n", 400},
		{"a relative target", "GET a HTTP/1.1\r\n" + host + "\r\n", 400},
		{"* for GET", "GET * HTTP/1.1\r\n" + host + "\r\n", 400},
		{"a method that is no token", "G@T / HTTP/1.1\r\n" + host + "\r\n", 400},
		{"lower-case http", "GET / http/1.1\r\n" + host + "\r\n", 400},
		{"HTTP/2.0", "GET / HTTP/2.0\r\n" + host + "\r\n", 505},
		{"HTTP/1.2", "GET / HTTP/1.2\r\n" + host + "\r\n", 505},
		{"only empty lines", strings.Repeat("\r\n", 20) + "GET / HTTP/1.1\r\n" + host + "\r\n", 400},
		{"a header that is too large", "GET / HTTP/1.1\r\n" + host + "X: " + strings.Repeat("x", 70<<10) + "\r\n\r\n", 431},
		{"a target that is too long", "GET /" + strings.Repeat("x", 70<<10) + " HTTP/1.1\r\n" + host + "\r\n", 414},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var refused atomic.Int32
			addr, _ := startServer(t, ServerOptions{OnProtocolError: func(_ *stream.ConnInfo, e *stream.ProtocolError) { refused.Add(1) }},
				handlerFunc(func(d stream.Downstream) { t.Errorf("the handler was asked: %s %s", d.Head().Method, d.Head().Path) }))
			conn := dial(t, addr)
			if _, err := io.WriteString(conn, tc.raw+"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			br := bufio.NewReader(conn)
			res, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, res.Body); err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != tc.status || !res.Close {
				t.Errorf("got %s, close %t; want %d and close", res.Status, res.Close, tc.status)
			}
			if rest, err := io.ReadAll(br); err != nil || len(rest) > 0 {
				t.Errorf("after the reply: %q, %v", rest, err)
			}
			if refused.Load() != 1 {
				t.Errorf("the hook was told %d times", refused.Load())
			}
		})
	}
}

func TestMalformedChunksFailTheBodyAndTheConnection(t *testing.T) {
	for _, tc := range []struct{ name, chunks string }{
		{"no size", "\r\n\r\n"},
		{"a size that is no number", "x\r\n"},
		{"a signed size", "+5\r\nhello\r\n0\r\n\r\n"},
		{"a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"},
		{"a size with a space behind it", "5 \r\nhello\r\n0\r\n\r\n"},
		{"a size beyond 64 bits", "fffffffffffffffff\r\n"},
		{"a size that ends in LF", "5\nhello\r\n0\r\n\r\n"},
		{"LF in an extension", "5;a\nb\r\nhello\r\n0\r\n\r\n"},
		{"CR in an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n"},
		{"an extension without an end", "5;" + strings.Repeat("a", 8<<10)},
		{"data longer than its size", "5\r\nhello!\r\n0\r\n\r\n"},
		{"data that ends in LF", "5\r\nhello\n0\r\n\r\n"},
		{"a trailer that is no field", "0\r\nnonsense\r\n\r\n"},
		{"trailers that end in LF", "0\r\nA: b\n\n"},
		{"trailers without an end", "0\r\n" + strings.Repeat("A: "+strings.Repeat("b", 1000)+"\r\n", 80)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			failed := make(chan error, 1)
			addr, _ := startServer(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
				_, err := readAll(d.Recv)
				failed <- err
				reply(d, 400, "no")
			}))
			conn := dial(t, addr)
			_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"+tc.chunks+"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
			if err, ok := (<-failed).(*stream.ProtocolError); !ok {
				t.Errorf("the body ended with %v", err)
			}
			all, err := io.ReadAll(conn)
			if err != nil || strings.Count(string(all), "HTTP/1.1 ") != 1 {
				t.Errorf("the client reads %q, %v", all, err)
			}
		})
	}
}

func TestAHeaderThatDoesNotArriveInTimeIs408(t *testing.T) {
	addr, _ := startServer(t, ServerOptions{HeaderTimeout: 20 * time.Millisecond, IdleTimeout: time.Minute}, handlerFunc(func(stream.Downstream) {}))
	conn := dial(t, addr)
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHo")
	all, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 408 ") {
		t.Fatalf("the client reads %q, %v", all, err)
	}
}

func TestAnIdleConnectionIsClosedInSilence(t *testing.T) {
	addr, _ := startServer(t, ServerOptions{IdleTimeout: 10 * time.Millisecond}, handlerFunc(func(stream.Downstream) {}))
	if all, err := io.ReadAll(dial(t, addr)); err != nil || len(all) > 0 {
		t.Fatalf("the client reads %q, %v", all, err)
	}
}
