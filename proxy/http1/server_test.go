package http1

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// echo answers with what it read.
var echo = handlerFunc(func(d stream.Downstream) {
	got, err := readAll(d.Recv)
	if err != nil {
		reply(d, 400, err.Error())
		return
	}
	reply(d, 200, string(d.Head().Method)+" "+string(d.Head().Path)+" "+string(got))
})

func readResponse(t *testing.T, br *bufio.Reader, method string) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(br, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	addr, _ := startServer(t, ServerOptions{Budget: body.NewBudget(0)}, echo)
	conn := dial(t, addr)
	_, _ = io.WriteString(conn, "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"+
		"\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x=\"y\"\r\ntw\r\n1\r\no\r\n0\r\n\r\n"+
		"GET /3 HTTP/1.1\r\nHost: a\r\n\r\n")
	br := bufio.NewReader(conn)
	for _, want := range []string{"POST /1 one", "POST /2 two", "GET /3 "} {
		if _, got := readResponse(t, br, "GET"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestARequestMayArriveByteByByte(t *testing.T) {
	addr, _ := startServer(t, ServerOptions{}, echo)
	conn := dial(t, addr)
	raw := "POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
	go func() { _, _ = io.Copy(struct{ io.Writer }{conn}, iotest.OneByteReader(strings.NewReader(raw))) }()
	if _, got := readResponse(t, bufio.NewReader(conn), "POST"); got != "POST /slow hello" {
		t.Errorf("got %q", got)
	}
}

func TestTheTargetsFormsAreTold(t *testing.T) {
	for _, tc := range []struct{ line, host, authority, path string }{
		{"GET /a%2fb/../c?x=1#y HTTP/1.1", "h:80", "h:80", "/a%2fb/../c?x=1#y"},
		{"GET http://u:81/p?q HTTP/1.1", "h", "u:81", "/p?q"},
		{"GET http://u?q HTTP/1.1", "h", "u", "/?q"},
		{"GET http://u HTTP/1.1", "h", "u", "/"},
		{"OPTIONS * HTTP/1.1", "h", "h", "*"},
		{"CONNECT c:443 HTTP/1.1", "h", "c:443", "c:443"},
		{"GET / HTTP/1.1", "[::1]:8080", "[::1]:8080", "/"},
	} {
		var h stream.RequestHead
		_, err := parseRequest([]byte(tc.line+"\r\nHost: "+tc.host+"\r\n\r\n"), &h, false)
		if err != nil || string(h.Authority) != tc.authority || string(h.Path) != tc.path {
			t.Errorf("%s: authority %q, path %q, %v", tc.line, h.Authority, h.Path, err)
		}
	}
}

func TestFieldsOfTheHopStayBehind(t *testing.T) {
	var h stream.RequestHead
	_, err := parseRequest([]byte("GET / HTTP/1.1\r\nHost: a\r\nConnection: x-Mine, Keep-Alive, upgrade\r\nX-MINE: 1\r\nKeep-Alive: 5\r\n"+
		"Proxy-Connection: x\r\nTE: gzip, trailers;q=0.5\r\nUpgrade: websocket\r\nExpect: 100-continue\r\nCookie: a\r\nX-Your: 2\r\nCookie: b\r\n\r\n"), &h, false)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for n, v := range h.Header.All() {
		got = append(got, string(n)+"="+string(v))
	}
	if want := "te=trailers Cookie=a X-Your=2 Cookie=b"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if string(h.Protocol) != "websocket" {
		t.Errorf("the upgrade is %q", h.Protocol)
	}
}

func Test100ContinueIsSentWhenTheBodyIsFirstRead(t *testing.T) {
	addr, _ := startServer(t, ServerOptions{}, echo)
	conn := dial(t, addr)
	br := bufio.NewReader(conn)
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	if line, err := br.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("first %q, %v", line, err)
	}
	_, _ = br.ReadString('\n')
	_, _ = io.WriteString(conn, "hello")
	if _, got := readResponse(t, br, "POST"); got != "POST / hello" {
		t.Errorf("got %q", got)
	}
}

func TestARefusalInPlaceOf100ClosesTheConnection(t *testing.T) {
	addr, _ := startServer(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) { reply(d, 417, "no") }))
	conn := dial(t, addr)
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	all, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 417 ") || !strings.Contains(string(all), "Connection: close\r\n") {
		t.Errorf("got %q, %v", all, err)
	}
}

func TestAnEarlyAnswerNeverTurnsTheBodyIntoARequest(t *testing.T) {
	smuggled := "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, tc := range []struct {
		name string
		pad  int
	}{{"a small body is discarded", 0}, {"a large one ends the connection", 200 << 10}} {
		t.Run(tc.name, func(t *testing.T) {
			addr, _ := startServer(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
				if string(d.Head().Path) == "/smuggled" {
					t.Error("the body was taken for a request")
				}
				reply(d, 200, string(d.Head().Path))
			}))
			conn := dial(t, addr)
			text := smuggled + strings.Repeat("x", tc.pad)
			go func() {
				_, _ = io.WriteString(conn, "POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: "+strconv.Itoa(len(text))+"\r\n\r\n"+text+
					"GET /second HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			}()
			br := bufio.NewReader(conn)
			if _, got := readResponse(t, br, "POST"); got != "/first" {
				t.Errorf("got %q", got)
			}
			rest, err := io.ReadAll(br)
			if second := strings.Contains(string(rest), "/second"); second != (tc.pad == 0) || err != nil {
				t.Errorf("after it: %q, %v", rest, err)
			}
		})
	}
}

func TestHTTP10ClosesUnlessAskedNotTo(t *testing.T) {
	for _, tc := range []struct {
		name, field, want string
		length            int64
	}{
		{"a length and keep-alive", "Connection: keep-alive\r\n", "keep-alive", 2},
		{"a length alone", "", "close", 2},
		{"no length", "Connection: keep-alive\r\n", "close", -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			addr, _ := startServer(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
				_ = d.SendInformational(&stream.ResponseHead{Status: 103})
				_ = d.SendHead(&stream.ResponseHead{Status: 200, ContentLength: tc.length}, false)
				_ = d.Send(body.Of([]byte("hi")), true)
			}))
			conn := dial(t, addr)
			_, _ = io.WriteString(conn, "GET / HTTP/1.0\r\n"+tc.field+"\r\n")
			br := bufio.NewReader(conn)
			res, text := readResponse(t, br, "GET")
			if text != "hi" || res.StatusCode != 200 || len(res.TransferEncoding) > 0 || res.Close != (tc.want == "close") {
				t.Errorf("%s %q, close %t, want %s", res.Status, text, res.Close, tc.want)
			}
			if tc.want == "close" {
				if _, err := br.ReadByte(); err != io.EOF {
					t.Errorf("the connection is open: %v", err)
				}
			}
		})
	}
}

func TestResponsesWithoutABodyHaveNone(t *testing.T) {
	for _, tc := range []struct {
		method string
		head   stream.ResponseHead
		want   string
	}{
		{"HEAD", stream.ResponseHead{Status: 200, ContentLength: 1234}, "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"},
		{"HEAD", stream.ResponseHead{Status: 200, ContentLength: -1}, "HTTP/1.1 200 OK\r\n\r\n"},
		{"GET", stream.ResponseHead{Status: 204, ContentLength: -1}, "HTTP/1.1 204 No Content\r\n\r\n"},
		{"GET", stream.ResponseHead{Status: 304, ContentLength: 1234}, "HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\n\r\n"},
		{"GET", stream.ResponseHead{Status: 200, Reason: []byte("Fine")}, "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n"},
	} {
		addr, _ := startServer(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
			if d.Progress().HeadSent {
				t.Error("a head was sent before it was")
			}
			h := tc.head
			_ = d.SendHead(&h, false)
			_ = d.Send(body.Of([]byte("never sent")), true)
			if !d.Progress().Ended {
				t.Error("the response is not over")
			}
		}))
		conn := dial(t, addr)
		_, _ = io.WriteString(conn, tc.method+" / HTTP/1.1\r\nHost: a\r\n\r\n")
		_, _ = io.WriteString(conn, "BAD\r\n\r\n") // ends the connection after the response
		all, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(all), tc.want+"HTTP/1.1 400 ") {
			t.Errorf("%s %d: got %q, %v", tc.method, tc.head.Status, all, err)
		}
	}
}

func TestABodyBeyondTheLimitIsTooLarge(t *testing.T) {
	for _, framing := range []string{"Content-Length: 11\r\n\r\nhello world", "Transfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n"} {
		failed := make(chan error, 1)
		addr, _ := startServer(t, ServerOptions{MaxBodyBytes: 10}, handlerFunc(func(d stream.Downstream) {
			_, err := readAll(d.Recv)
			failed <- err
			reply(d, 413, "")
		}))
		conn := dial(t, addr)
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\n"+framing)
		var large *body.TooLarge
		if err := <-failed; !errors.As(err, &large) || large.Limit != 10 {
			t.Errorf("the body ended with %v", err)
		}
		if res, _ := readResponse(t, bufio.NewReader(conn), "POST"); res.StatusCode != 413 {
			t.Errorf("got %s", res.Status)
		}
	}
}

func TestAClientThatLeavesCancelsEvenAfterPipelining(t *testing.T) {
	for _, pipelined := range []string{"", "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"} {
		asked, ended := make(chan struct{}), make(chan error, 1)
		addr, _ := startServer(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
			derived, cancel := context.WithCancel(d.Context())
			defer cancel()
			close(asked)
			<-d.Context().Done()
			<-derived.Done()
			ended <- d.Context().Err()
		}))
		conn := dial(t, addr)
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"+pipelined)
		<-asked
		_ = conn.Close()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the context ended with %v", err)
		}
	}
}

func TestABodyCutShortByTheClientIsACancel(t *testing.T) {
	failed := make(chan error, 1)
	addr, _ := startServer(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
		_, err := readAll(d.Recv)
		failed <- err
	}))
	conn := dial(t, addr)
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello")
	_ = conn.Close()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("the body ended with %v", err)
	}
}

func TestABodyThatStallsEndsAtTheStreamsIdleTimeout(t *testing.T) {
	failed := make(chan error, 1)
	addr, _ := startServer(t, ServerOptions{StreamIdle: 10 * time.Millisecond}, handlerFunc(func(d stream.Downstream) {
		_, err := readAll(d.Recv)
		failed <- err
		reply(d, 408, "")
	}))
	conn := dial(t, addr)
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello")
	if err := <-failed; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the body ended with %v", err)
	}
	if res, _ := readResponse(t, bufio.NewReader(conn), "POST"); res.StatusCode != 408 || !res.Close {
		t.Errorf("got %s, close %t", res.Status, res.Close)
	}
}

func TestAnUnfinishedResponseIsNotMistakenForAWholeOne(t *testing.T) {
	for _, tc := range []struct {
		name, version string
		length        int64
	}{
		{"of a length", "HTTP/1.1", 10}, {"in chunks", "HTTP/1.1", -1}, {"until the connection's end", "HTTP/1.0", -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			addr, _ := startServer(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
				_ = d.SendHead(&stream.ResponseHead{Status: 200, ContentLength: tc.length}, false)
				_ = d.Send(body.Of([]byte("hello")), false)
				d.Reset()
			}))
			conn := dial(t, addr)
			_, _ = io.WriteString(conn, "GET / "+tc.version+"\r\nHost: a\r\n\r\n")
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err == nil {
				_, err = io.ReadAll(res.Body)
			}
			if err == nil {
				t.Error("the body looks whole")
			}
		})
	}
}

func TestDrainLetsTheRequestFinishAndClosesIdleConnections(t *testing.T) {
	release := make(chan struct{})
	addr, conns := startServer(t, ServerOptions{IdleTimeout: time.Minute}, handlerFunc(func(d stream.Downstream) {
		<-release
		reply(d, 200, "done")
	}))
	busy := dial(t, addr)
	_, _ = io.WriteString(busy, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	first := <-conns
	idle := dial(t, addr)
	(<-conns).Drain()
	if all, err := io.ReadAll(idle); err != nil || len(all) > 0 {
		t.Errorf("the idle client reads %q, %v", all, err)
	}
	first.Drain()
	close(release)
	res, text := readResponse(t, bufio.NewReader(busy), "GET")
	if text != "done" || !res.Close {
		t.Errorf("the busy client reads %q, close %t", text, res.Close)
	}
}

func TestAnIdleConnectionMaySendALastRequestWithinTheDrainGrace(t *testing.T) {
	addr, conns := startServer(t, ServerOptions{IdleTimeout: time.Minute, DrainGrace: 10 * time.Second}, echo)
	conn := dial(t, addr)
	(<-conns).Drain()
	_, _ = io.WriteString(conn, "GET /last HTTP/1.1\r\nHost: a\r\n\r\n")
	if res, text := readResponse(t, bufio.NewReader(conn), "GET"); text != "GET /last " || !res.Close {
		t.Errorf("got %q, close %t", text, res.Close)
	}
}
