package clients

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/conformance/system"
)

const oneNode = `
apiVersion: millrace.io/v1alpha1
kind: Server
metadata: {name: raw}
spec: {protocol: plain, urls: ["http://%s"]}
---
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: alone}
spec: {server: raw}
---
apiVersion: millrace.io/v1alpha1
kind: InferenceGraph
metadata: {name: graph}
spec: {graph: alone}
`

// framing are the fields that say how a body is framed and how long a connection lasts: each hop has its own.
var framing = []string{"connection", "keep-alive", "transfer-encoding", "content-length"}

// TestAGraphOfOneNodeIsTransparent sends bytes through a model without a contract, and through a graph of it, and holds what
// the server got, and what the client got, against what was sent.
func TestAGraphOfOneNodeIsTransparent(t *testing.T) {
	server := startRaw(t)
	up := system.Start(t, map[string]string{"one.yaml": fmt.Sprintf(oneNode, server.address)})
	for _, name := range []string{"alone", "graph"} {
		t.Run(name, func(t *testing.T) {
			p := &pipe{server: server, listen: up.Listen, base: "/serving/default/" + name}
			t.Run("fields keep their names and values and the order of equals", p.fields)
			t.Run("the path's bytes are the client's", p.paths)
			t.Run("a body is the same bit for bit", p.bodies)
			t.Run("every method and status passes with its reason", p.statuses)
			t.Run("trailers pass", p.trailers)
			t.Run("compressed bodies stay as they are", p.compressed)
			t.Run("requests that do not wait are answered in their order", p.pipelined)
			t.Run("a client that expects a continue gets it", p.expecting)
			t.Run("early hints pass", p.hints)
			t.Run("over HTTP/2 it is the same", p.http2)
		})
	}
}

// pipe is a way through the proxy to a server.
type pipe struct {
	server       *rawServer
	listen, base string
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// sent is a request's head for an address below the pipe's.
func (p *pipe) sent(method, path string, fields ...string) string {
	return method + " " + p.base + path + " HTTP/1.1\r\nHost: models.example\r\n" + strings.Join(append(fields, ""), "\r\n") + "\r\n"
}

func (p *pipe) fields(t *testing.T) {
	fields := []string{
		"X-Mixed-CASE: One", "x-twice: b", "X-Twice: a", "x-twice: c", "x-empty:", "Accept: */*", "x-list: a, b ,c", "User-Agent: Tool/1.0 (some; thing)",
		"Cookie: a=1; b=2", "x-bytes: caf\xc3\xa9 \xe9", "Authorization: Bearer abc.def", "Content-Type: application/x-anything; q=\"x\"", "x-long: " + strings.Repeat("v", 6000),
		"Accept-Encoding: br;q=0.5, gzip", "Content-Encoding: identity",
	}
	answer := []string{
		"Date: Thu, 01 Jan 1970 00:00:00 GMT", "SERVER: raw/1", "Set-Cookie: b=1", "set-cookie: a=2; Path=/", "Set-Cookie: c=3", "X-Empty:", "Content-Type: x/y",
		"Vary: a", "VARY: b", "x-bytes: caf\xc3\xa9 \xe9", "ETag: W/\"abc\"", "Content-Language: en", "X-Envoy-Like: none", "Warning: 199 - \"quoted, comma\"",
	}
	p.server.reply("HTTP/1.1 200 OK\r\n" + strings.Join(answer, "\r\n") + "\r\nContent-Length: 2\r\n\r\nok")
	c := dialRaw(t, p.listen)
	c.send(p.sent("POST", "/x", append(fields, "Content-Length: 2")...) + "hi")
	got := p.server.took(t)
	want := &wire{fields: append([]string{"Host: models.example"}, fields...)}
	added := []string{"x-request-id", "x-forwarded-proto", "x-forwarded-for"} // as Envoy adds them
	compare(t, "the server's fields", got.fieldsWithout(append(added, framing...)...), want.fieldsWithout(append(framing, added...)...))
	compare(t, "the client's fields", c.receive("POST").fieldsWithout(framing...), (&wire{fields: answer}).fieldsWithout(framing...))
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	for _, f := range want {
		if !slices.Contains(got, f) {
			t.Errorf("%s lack %.200q", what, f)
		}
	}
	for _, f := range got {
		if !slices.Contains(want, f) {
			t.Errorf("%s have %.200q, which nobody sent", what, f)
		}
	}
	if !t.Failed() && !slices.Equal(got, want) {
		t.Errorf("%s are in another order: %q, want %q", what, got, want)
	}
}

func (p *pipe) paths(t *testing.T) {
	p.server.reply(ok)
	c := dialRaw(t, p.listen)
	for _, path := range []string{
		"/", "/a/b", "/a%2Fb", "/a//b", "/caf%C3%A9", "/%7Euser/~user", "/a;x=1/b", "/a?", "/a?b=c&b=d&&=", "/a?q=%zz+%2B", "/a?/serving/default/other/",
		"/v2/models/other/infer", "/ask/sentiment", "/a:predict", "/(a)'*!$", "/" + strings.Repeat("long/", 400),
	} {
		c.send(p.sent("POST", path, "Content-Length: 0"))
		if got := strings.Fields(p.server.took(t).line)[1]; got != path {
			t.Errorf("the path %.100q became %.100q", path, got)
		}
		c.receive("POST")
	}
}

func noise(n int) string {
	text := make([]byte, n)
	r := rand.NewChaCha8([32]byte{7})
	_, _ = r.Read(text) // it never fails
	return string(text)
}

// chunks is a body in chunks of uneven sizes.
func chunks(body string, trailers ...string) string {
	var out strings.Builder
	for i := 1; len(body) > 0; i++ {
		n := min(i*i*37, len(body))
		fmt.Fprintf(&out, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	return out.String() + "0\r\n" + strings.Join(append(trailers, ""), "\r\n") + "\r\n"
}

func (p *pipe) bodies(t *testing.T) {
	for _, size := range []int{0, 1, 1000, 70_000, 1 << 20} {
		body, answer := noise(size), noise(size+1)
		for _, framed := range []string{"", "chunked"} {
			length := func(s string) string { return fmt.Sprintf("Content-Length: %d", len(s)) }
			request, reply := p.sent("POST", "/x", length(body))+body, "HTTP/1.1 200 OK\r\n"+length(answer)+"\r\n\r\n"+answer
			if framed != "" {
				request = p.sent("POST", "/x", "Transfer-Encoding: chunked") + chunks(body)
				reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(answer)
			}
			p.server.reply(reply)
			c := dialRaw(t, p.listen)
			c.send(request)
			if got := p.server.took(t).body; got != body {
				t.Errorf("%d bytes %s: the server got %d other bytes", size, framed, len(got))
			}
			if got := c.receive("POST").body; got != answer {
				t.Errorf("%d bytes %s: the client got %d other bytes", len(answer), framed, len(got))
			}
		}
	}
}

func (p *pipe) statuses(t *testing.T) {
	c := dialRaw(t, p.listen)
	for _, x := range []struct{ method, answer string }{
		{"GET", "HTTP/1.1 200 Quite Fine\r\nContent-Length: 3\r\n\r\nyes"},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nContent-Type: a/b\r\n\r\n"},
		{"PUT", "HTTP/1.1 201 Created\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"},
		{"DELETE", "HTTP/1.1 204 No Content\r\n\r\n"},
		{"GET", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n"},
		{"PATCH", "HTTP/1.1 299 Odd But Well\r\nContent-Length: 2\r\n\r\nok"},
		{"OPTIONS", "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\nContent-Length: 0\r\n\r\n"},
		{"POST", "HTTP/1.1 422 Unprocessable Entity\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"detail\":[]}"},
		{"POST", "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops"},
		{"POST", "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy"},
	} {
		p.server.reply(x.answer)
		c.send(p.sent(x.method, "/x", "Content-Length: 0"))
		if got := p.server.took(t); !strings.HasPrefix(got.line, x.method+" /x ") {
			t.Errorf("the request %s became %q", x.method, got.line)
		}
		got := c.receive(x.method)
		line, rest, _ := strings.Cut(x.answer, "\r\n")
		if got.line != line {
			t.Errorf("the answer %q became %q", line, got.line)
		}
		if _, body, _ := strings.Cut(rest, "\r\n\r\n"); got.body != body {
			t.Errorf("the body of %q became %q", line, got.body)
		}
		if x.method == "HEAD" && !slices.Equal(got.values("content-length"), []string{"1234"}) {
			t.Errorf("the length that HEAD asks for became %q", got.values("content-length"))
		}
	}
}

func (p *pipe) trailers(t *testing.T) {
	p.server.reply("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks("answer", "X-Sum: 42", "x-sum: 43"))
	c := dialRaw(t, p.listen)
	c.send(p.sent("POST", "/x", "Transfer-Encoding: chunked", "Trailer: X-Digest", "TE: trailers") + chunks("question", "X-Digest: abc"))
	if got := (&wire{fields: p.server.took(t).trailers}).values("x-digest"); !slices.Equal(got, []string{"abc"}) {
		t.Errorf("the server's trailer: %q", got)
	}
	if got := (&wire{fields: c.receive("POST").trailers}).values("x-sum"); !slices.Equal(got, []string{"42", "43"}) {
		t.Errorf("the client's trailers: %q", got)
	}
}

func (p *pipe) compressed(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(`{"passage": "packed"}`)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	body := packed.String()
	length := fmt.Sprintf("Content-Length: %d", len(body))
	p.server.reply("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\n" + length + "\r\n\r\n" + body)
	c := dialRaw(t, p.listen)
	c.send(p.sent("POST", "/x", "Content-Encoding: gzip", "Content-Type: application/json", length) + body)
	got := p.server.took(t)
	if got.body != body || !slices.Equal(got.values("content-encoding"), []string{"gzip"}) {
		t.Errorf("the server got %q with the encoding %q", got.body, got.values("content-encoding"))
	}
	got = c.receive("POST")
	if got.body != body || !slices.Equal(got.values("content-encoding"), []string{"gzip"}) {
		t.Errorf("the client got %q with the encoding %q", got.body, got.values("content-encoding"))
	}
}

func (p *pipe) pipelined(t *testing.T) {
	p.server.reply(ok)
	c := dialRaw(t, p.listen)
	var all strings.Builder
	for i := range 5 {
		all.WriteString(p.sent("POST", fmt.Sprintf("/%d", i), "Content-Length: 1") + fmt.Sprint(i))
	}
	c.send(all.String())
	for i := range 5 {
		if got := p.server.took(t); got.body != fmt.Sprint(i) {
			t.Errorf("request %d has the body %q", i, got.body)
		}
		if got := c.receive("POST"); got.line != "HTTP/1.1 200 OK" || got.body != "ok" {
			t.Errorf("answer %d: %q %q", i, got.line, got.body)
		}
	}
}

func (p *pipe) expecting(t *testing.T) {
	p.server.reply(ok)
	c := dialRaw(t, p.listen)
	c.send(p.sent("POST", "/x", "Content-Length: 8", "Expect: 100-continue"))
	if got := c.receive("POST"); !strings.HasPrefix(got.line, "HTTP/1.1 100") {
		t.Fatalf("first came %q", got.line)
	}
	c.send("question")
	if got := p.server.took(t).body; got != "question" {
		t.Errorf("the server got %q", got)
	}
	if got := c.receive("POST"); got.line != "HTTP/1.1 200 OK" {
		t.Errorf("then came %q", got.line)
	}
}

func (p *pipe) hints(t *testing.T) {
	p.server.reply("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n" + ok)
	c := dialRaw(t, p.listen)
	c.send(p.sent("POST", "/x", "Content-Length: 2") + "hi")
	p.server.took(t)
	got := c.receive("POST")
	if got.line != "HTTP/1.1 103 Early Hints" || !slices.Equal(got.values("link"), []string{"</a>; rel=preload"}) {
		t.Errorf("first came %q with %q", got.line, got.fields)
	}
	if strings.HasPrefix(got.line, "HTTP/1.1 1") {
		got = c.receive("POST")
	}
	if got.line != "HTTP/1.1 200 OK" || got.body != "ok" {
		t.Errorf("then came %q", got.line)
	}
}
