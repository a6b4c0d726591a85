package inference

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

// recorded is a request as a server saw it, and what it answered.
type recorder struct {
	mu     sync.Mutex // guards what follows
	path   string
	method string
	header http.Header
	body   []byte

	status  int
	answer  []byte
	fields  http.Header
	trailer bool
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.body, _ = io.ReadAll(q.Body)
	r.path, r.method, r.header = q.RequestURI, q.Method, q.Header.Clone()
	for name, values := range r.fields {
		w.Header()[name] = values
	}
	if r.trailer {
		w.Header().Set("Trailer", "X-Cost")
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.answer)
	if r.trailer {
		w.Header().Set("X-Cost", "7")
	}
}

func (r *recorder) set(status int, answer []byte, fields http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status, r.answer, r.fields = status, answer, fields
}

const rawModel = `
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: raw}
spec: {protocol: oip, urls: [$ANY], model: m}
`

// TestOneModelOfTheClientsProtocolGetsWhatWasSent: the body, valid or not, and its header reach the server as they are, and
// its answer the client.
func TestOneModelOfTheClientsProtocolGetsWhatWasSent(t *testing.T) {
	server := &recorder{}
	p := start(t, rawModel, map[string]http.Handler{"ANY": server})
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	rapid.Check(t, func(rt *rapid.T) {
		sent := rapid.OneOf(
			rapid.SliceOfN(rapid.Byte(), 0, 3000),
			rapid.Map(rapid.StringMatching(`\{"inputs":\[\{"name":"[a-z]{1,5}","shape":\[1\],"datatype":"[A-Z0-9]{1,5}","data":\[[0-9]{1,6}\]\}?\]?\}?`), func(s string) []byte { return []byte(s) }),
		).Draw(rt, "sent")
		answer := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(rt, "answer")
		status := rapid.SampledFrom([]int{200, 200, 201, 400, 404, 418, 422, 429, 500, 503}).Draw(rt, "status")
		value := rapid.StringMatching(`[!-~]{0,12}`)
		fields := http.Header{"X-One": {value.Draw(rt, "x-one"), value.Draw(rt, "x-two")}, "Content-Type": {"text/" + rapid.SampledFrom([]string{"plain", "html; charset=x", "odd"}).Draw(rt, "type")}}
		if rapid.Bool().Draw(rt, "encoded") {
			fields["Content-Encoding"] = []string{rapid.SampledFrom([]string{"gzip", "br", "identity"}).Draw(rt, "coding")}
		}
		server.set(status, answer, fields)
		query := rapid.SampledFrom([]string{"", "?a=1&b=%20"}).Draw(rt, "query")
		req, err := http.NewRequest("POST", p.url+"/v2/models/raw/infer"+query, bytes.NewReader(sent))
		if err != nil {
			rt.Fatal(err)
		}
		said := http.Header{"X-Tenant": {"blue", "green"}, "User-Agent": {"t"}}
		for name, values := range map[string][]string{
			"Content-Type": {"", "application/json", "application/octet-stream", "application/x-odd; a=b"}, "Content-Encoding": {"", "gzip", "br"},
			"Inference-Header-Content-Length": {"", "0", "5", "99999999", "-1", "x"}, "Accept-Encoding": {"", "gzip, br", "identity"}, "Accept": {"", "*/*"},
		} {
			if v := rapid.SampledFrom(values).Draw(rt, name); v != "" {
				said[name] = []string{v}
			}
		}
		req.Header = said.Clone()
		resp, err := client.Do(req)
		if err != nil {
			rt.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		server.mu.Lock()
		defer server.mu.Unlock()
		if !bytes.Equal(server.body, sent) || server.path != "/v2/models/m/infer"+query || server.method != "POST" {
			rt.Fatalf("the server saw %s %s %q, sent was %q", server.method, server.path, server.body, sent)
		}
		for name, values := range said {
			if !slices.Equal(server.header[name], values) {
				rt.Fatalf("the server saw %s %q, sent was %q", name, server.header[name], values)
			}
		}
		for name := range server.header {
			if said[name] == nil && name != "Content-Length" && name != "X-Request-Id" && !strings.HasPrefix(name, "X-Envoy-") && !strings.HasPrefix(name, "X-Forwarded-") {
				rt.Fatalf("the server saw %s %q, which nobody sent", name, server.header[name])
			}
		}
		if resp.StatusCode != status || !bytes.Equal(got, answer) {
			rt.Fatalf("the client got %d %q, the answer was %d %q", resp.StatusCode, got, status, answer)
		}
		for name, values := range fields {
			if !slices.Equal(resp.Header[name], values) {
				rt.Fatalf("the client got %s %q, the answer was %q", name, resp.Header[name], values)
			}
		}
		for name := range resp.Header {
			if fields[name] == nil && name != "Date" && name != "Content-Length" {
				rt.Fatalf("the client got %s %q, which the server did not send", name, resp.Header[name])
			}
		}
	})
}

func TestTrailersOfAServersOwnAnswerPass(t *testing.T) {
	server := &recorder{status: 200, answer: []byte(`{}`), trailer: true}
	p := start(t, rawModel, map[string]http.Handler{"ANY": server})
	resp, err := http.Post(p.url+"/v2/models/raw/infer", "application/json", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != `{}` || resp.Trailer.Get("X-Cost") != "7" {
		t.Errorf("%q %v %v", b, err, resp.Trailer)
	}
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

func zlibbed(text string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

// TestCompressedBodiesAreReadWhereTheyAreLookedAt: a client that takes gzip does not make the servers of a graph answer so,
// and a server that does it anyway is understood.
func TestCompressedBodiesAreReadWhereTheyAreLookedAt(t *testing.T) {
	accepted := make(chan string, 10)
	servers := twoServers()
	inner := servers["UP"]
	servers["UP"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accepted <- r.Header.Get("Accept-Encoding")
		rec := &captured{header: w.Header()}
		inner.ServeHTTP(rec, r)
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, zipped(rec.String()))
	})
	p := start(t, twoModels+`
---
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: raw2}
spec: {server: up, model: m}
`, servers)
	const ask = `{"inputs":[{"name":"TXT","shape":[1,1],"datatype":"BYTES","data":["a"]}]}`
	for encoding, body := range map[string]string{"identity": ask, "gzip": zipped(ask), "x-gzip": zipped(ask), "deflate": zlibbed(ask), "Deflate": zlibbed(ask)} {
		code, got, head := p.do("POST", "/v2/models/raw+raw2/infer", body, "Accept-Encoding", "gzip", "Content-Encoding", encoding)
		if code != 200 || !strings.Contains(got, `"raw2.l"`) || !strings.Contains(got, `"A"`) || head.Get("Content-Encoding") != "" {
			t.Errorf("%d %q %v", code, got, head)
		}
		for range 2 {
			if a := <-accepted; strings.Contains(a, "gzip") {
				t.Errorf("a part was asked for %q", a)
			}
		}
	}
	// Alone, the server's encoding is the client's affair.
	code, got, head := p.do("POST", "/v2/models/raw/infer", ask, "Accept-Encoding", "gzip")
	if code != 200 || head.Get("Content-Encoding") != "gzip" || !strings.HasPrefix(got, "\x1f\x8b") || <-accepted != "gzip" {
		t.Errorf("alone: %d %q %v", code, got, head)
	}
	for encoding, want := range map[string]int{"br": 415, "gzip": 400, "deflate": 400, "gzip, deflate": 415} {
		if code, got := p.post("/ask/shout", `{"text":"a"}`, "Content-Encoding", encoding); code != want || !strings.Contains(got, "MR460") {
			t.Errorf("%s: %d %s", encoding, code, got)
		}
	}
	if code, got := p.post("/ask/letters", `{"text":"a"}`, "Content-Encoding", "identity"); code != 200 {
		t.Errorf("identity: %d %s", code, got)
	}
	bomb := strings.Repeat(" ", 2<<20) + `{"text":"a"}`
	for encoding, packed := range map[string]string{"gzip": zipped(bomb), "deflate": zlibbed(bomb)} {
		if code, got := p.post("/ask/letters", packed, "Content-Encoding", encoding); code != 413 {
			t.Errorf("a bomb of %s: %d %s", encoding, code, got)
		}
		whole := packed[:len(packed)/2]
		if code, got := p.post("/ask/letters", whole, "Content-Encoding", encoding); code != 400 && code != 413 {
			t.Errorf("half of a body of %s: %d %s", encoding, code, got)
		}
	}
}

// TestRepliesThatCannotBeUnpackedAreGivenBack: the kit checks that no byte is charged at the end.
func TestRepliesThatCannotBeUnpackedAreGivenBack(t *testing.T) {
	server := &recorder{}
	p := start(t, strings.ReplaceAll(twoModels, "$UP", "$ANY"), map[string]http.Handler{"ANY": server, "LEN": lengths()})
	for _, encoding := range []string{"gzip", "deflate", "br", "zstd"} {
		server.set(200, []byte(`{"outputs":[]} and it is plain`), http.Header{"Content-Encoding": {encoding}})
		if code, got := p.post("/ask/shout", `{"text":"a"}`); code != 502 || !strings.Contains(got, "shout") && !strings.Contains(got, "MR") {
			t.Errorf("%s: %d %s", encoding, code, got)
		}
	}
}

// captured is a ResponseWriter in memory.
type captured struct {
	bytes.Buffer
	header http.Header
}

func (c *captured) Header() http.Header { return c.header }
func (c *captured) WriteHeader(int)     {}

// grpcRecorder notes the message that it got and answers with the one that it has.
type grpcRecorder struct {
	mu          sync.Mutex // guards what follows
	seen        []byte
	answer      []byte
	code, extra string
}

func (g *grpcRecorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	raw, _ := io.ReadAll(r.Body)
	g.seen = raw[min(5, len(raw)):]
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("X-Head", r.Header.Get("X-Tenant"))
	w.Header().Set("Trailer", "Grpc-Status, Grpc-Message, X-Extra-Bin")
	if g.code == "0" {
		_, _ = w.Write(framedMessage(g.answer))
	}
	w.Header().Set("Grpc-Status", g.code)
	w.Header().Set("Grpc-Message", "said%20so")
	w.Header().Set("X-Extra-Bin", g.extra)
}

// TestGRPCToOneModelChangesNothingButTheName: unknown fields and several names included; the server's answer, metadata and
// status details pass.
func TestGRPCToOneModelChangesNothingButTheName(t *testing.T) {
	server := &grpcRecorder{code: "0"}
	p := start(t, strings.ReplaceAll(rawModel, "$ANY", `"grpc://`+startHTTP2(t, server)+`"`), nil)
	field := rapid.Custom(func(rt *rapid.T) []byte {
		n := protowire.Number(rapid.IntRange(3, 2000).Draw(rt, "number"))
		switch rapid.IntRange(0, 3).Draw(rt, "type") {
		case 0:
			return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), rapid.Uint64().Draw(rt, "v"))
		case 1:
			return protowire.AppendFixed32(protowire.AppendTag(nil, n, protowire.Fixed32Type), rapid.Uint32().Draw(rt, "v"))
		case 2:
			return protowire.AppendFixed64(protowire.AppendTag(nil, n, protowire.Fixed64Type), rapid.Uint64().Draw(rt, "v"))
		}
		return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(rt, "v"))
	})
	name := func(s string) []byte {
		return protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), s)
	}
	c := p.connect(t)
	rapid.Check(t, func(rt *rapid.T) {
		var sent, want []byte
		want = append(want, name("m")...)
		if rapid.Bool().Draw(rt, "early name") {
			sent = append(sent, name("other")...)
		}
		for _, f := range rapid.SliceOfN(field, 0, 6).Draw(rt, "fields") {
			sent, want = append(sent, f...), append(want, f...)
		}
		sent = append(sent, name("raw")...)
		code := rapid.SampledFrom([]string{"0", "0", "3", "8", "13"}).Draw(rt, "code")
		answer := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(rt, "answer")
		extra := rapid.StringMatching(`([A-Za-z0-9]{4}){1,4}`).Draw(rt, "extra")
		server.mu.Lock()
		server.code, server.answer, server.extra = code, answer, extra
		server.mu.Unlock()
		got, head, trailer, err := c.ask(sent, "x-tenant", "blue")
		server.mu.Lock()
		defer server.mu.Unlock()
		if !bytes.Equal(server.seen, want) {
			rt.Fatalf("the server saw %x, want %x", server.seen, want)
		}
		if fmt.Sprint(int(err.Code())) != code || code == "0" && !bytes.Equal(got, answer) || code != "0" && err.Message() != "said so" {
			rt.Fatalf("code %d %s, %x; want %s %x", err.Code(), err.Message(), got, code, answer)
		}
		if len(head.Get("x-head")) != 1 && len(trailer.Get("x-head")) != 1 || len(trailer.Get("x-extra-bin")) == 0 {
			rt.Fatalf("metadata: %v %v", head, trailer)
		}
	})
}
