package http1

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// startRaw answers the first request of each connection with raw bytes and hands over what it read up to stop.
func startRaw(t *testing.T, stop, answer string) (addr string, got <-chan string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan string, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		var all []byte
		for buf := make([]byte, 1024); !strings.HasSuffix(string(all), stop); {
			n, err := conn.Read(buf)
			if all = append(all, buf[:n]...); err != nil {
				return
			}
		}
		read <- string(all)
		_, _ = io.WriteString(conn, answer)
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return ln.Addr().String(), read
}

// lines returns a head's lines in an order of their own, names in lower case.
func lines(head string) []string {
	all := strings.Split(strings.TrimSuffix(head, "\r\n\r\n"), "\r\n")
	for i, l := range all[1:] {
		if name, value, ok := strings.Cut(l, ":"); ok {
			all[i+1] = strings.ToLower(name) + ":" + value
		}
	}
	slices.SortStableFunc(all[1:], func(a, b string) int {
		an, _, _ := strings.Cut(a, ":")
		bn, _, _ := strings.Cut(b, ":")
		return strings.Compare(an, bn)
	})
	return all
}

func TestARelayIsTransparent(t *testing.T) {
	requestHead := "POST /a%2Fb/./..//c?q=%7C HTTP/1.1\r\nHost: models:80\r\nx-lower: 1\r\nX-UPPER: 2\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n" +
		"Cookie: a=1\r\nCookie: b=2\r\nEmpty:\r\nX-Latin: \xe4\xff\r\nUser-Agent: x\r\nTrailer: Digest\r\nTransfer-Encoding: chunked\r\n"
	wantRequest := requestHead + "\r\n"
	requestBody := "5\r\nhello\r\n0\r\nDigest: sum\r\n\r\n"
	early := "HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\n"
	responseHead := "HTTP/1.1 200 Splendid  indeed\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\nserver: one\r\nServer: two\r\nContent-Type: a/b\r\n" +
		"content-type: c/d\r\nContent-Encoding: x\r\nContent-Encoding: y\r\nEmpty:\r\nTransfer-Encoding: chunked\r\n"
	responseBody := "6\r\nworld!\r\n0\r\nServer-Timing: t\r\nServer-Timing: u\r\n\r\n"

	budget := body.NewBudget(0)
	back, got := startRaw(t, requestBody, early+responseHead+"Keep-Alive: timeout=5\r\n\r\n"+responseBody)
	conn := dial(t, startRelay(t, back, budget))
	_, _ = io.WriteString(conn, requestHead+"Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\n\r\n"+requestBody)
	head, rest, _ := strings.Cut(<-got, "\r\n\r\n")
	if g, w := lines(head+"\r\n\r\n"), lines(wantRequest); !slices.Equal(trimmed(g), trimmed(w)) {
		t.Errorf("the server's header is\n%q, want\n%q", g, w)
	}
	if rest != requestBody {
		t.Errorf("the server's body is %q, want %q", rest, requestBody)
	}
	var all []byte
	for buf := make([]byte, 1024); !strings.HasSuffix(string(all), responseBody); {
		n, err := conn.Read(buf)
		if all = append(all, buf[:n]...); err != nil {
			t.Fatalf("the client reads %q, %v", all, err)
		}
	}
	hints, answer, _ := strings.Cut(string(all), "\r\n\r\n")
	if hints+"\r\n\r\n" != early {
		t.Errorf("first %q, want %q", hints, early)
	}
	head, rest, _ = strings.Cut(answer, "\r\n\r\n")
	if g, w := lines(head+"\r\n\r\n"), lines(responseHead+"\r\n"); !slices.Equal(trimmed(g), trimmed(w)) {
		t.Errorf("the client's header is\n%q, want\n%q", g, w)
	}
	if rest != responseBody {
		t.Errorf("the client's body is %q, want %q", rest, responseBody)
	}
	if budget.Used() != 0 {
		t.Errorf("%d bytes are charged at the end", budget.Used())
	}
}

func trimmed(lines []string) []string {
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

func TestARelayPassesAnEventAsItComes(t *testing.T) {
	next := make(chan struct{})
	back, _ := startServer(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
		_ = d.SendHead(&stream.ResponseHead{Status: 200, ContentLength: -1}, false)
		for range 3 {
			<-next
			_ = d.Send(body.Of([]byte("data: x\n\n")), false)
		}
		_ = d.Send(nil, true)
	}))
	conn := dial(t, startRelay(t, back, nil))
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(res.Body)
	for range 3 {
		next <- struct{}{}
		if line, err := br.ReadString('\n'); err != nil || line != "data: x\n" {
			t.Fatalf("got %q, %v", line, err)
		}
		_, _ = br.ReadString('\n')
	}
	if _, err := br.ReadByte(); err != io.EOF {
		t.Errorf("the body ends with %v", err)
	}
}

func TestARelayedResponseThatIsCutShortLooksCutShort(t *testing.T) {
	back, _ := startRaw(t, "\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
	conn := dial(t, startRelay(t, back, nil))
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("the client reads %q without an error", text)
	}
}

func TestARelayedRequestAllocatesNothing(t *testing.T) {
	var h stream.ResponseHead
	back, _ := startServer(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
		for {
			b, err := d.Recv()
			if err != nil {
				break
			}
			b.Release()
		}
		h.Reset()
		h.Status = 200
		_ = d.SendHead(&h, true)
	}))
	conn := dial(t, startRelay(t, back, body.NewBudget(1<<20)))
	request := []byte("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
	buf := make([]byte, 1024)
	exchange := func() {
		_, _ = conn.Write(request)
		_, _ = conn.Read(buf)
	}
	for range 100 {
		exchange()
	}
	// A collection may empty the pools under way: less than one allocation a request is none.
	if n := testing.AllocsPerRun(1000, exchange); n > 0 && !poisoned {
		t.Errorf("%.0f allocations a request", n)
	}
}
