package inference

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
)

// say sends raw bytes on a connection of its own and returns what comes until the connection ends or the response is whole.
func (p *proxied) say(t testing.TB, text string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(text, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestTheWrongMethodIsRefusedInTheDialectsForm(t *testing.T) {
	p := start(t, twoModels, twoServers())
	for _, c := range []struct{ method, path, allow string }{
		{"GET", "/v2/models/shout/infer", "POST"}, {"HEAD", "/v2/models/shout/infer", "POST"}, {"PUT", "/ask/shout", "POST"},
		{"GET", "/v1/models/shout:predict", "POST"}, {"DELETE", "/v2/models/shout", "GET, HEAD"}, {"POST", "/v2/health/ready", "GET, HEAD"},
		{"PUT", "/v2/repository/index", "GET, HEAD, POST"},
	} {
		code, got, head := p.do(c.method, c.path, "")
		if code != 405 || head.Get("Allow") != c.allow || c.method != "HEAD" && !strings.Contains(got, "MR462") {
			t.Errorf("%s %s: %d %q %s", c.method, c.path, code, head.Get("Allow"), got)
		}
	}
	for _, path := range []string{"/v2/models/shout", "/v2/models/shout/ready", "/v2/health/live", "/v1/models"} {
		if code, got, head := p.do("HEAD", path, ""); code != 200 || got != "" || head.Get("Content-Length") == "" {
			t.Errorf("HEAD %s: %d %q %v", path, code, got, head)
		}
	}
}

func TestARefusalBeforeTheBodyAsksForNone(t *testing.T) {
	p := start(t, twoModels, twoServers())
	resp := p.say(t, "POST /ask/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
	if resp.StatusCode != 404 || resp.Header.Get("Connection") != "close" && !resp.Close {
		t.Errorf("unknown: %d %v", resp.StatusCode, resp.Header)
	}
	resp = p.say(t, "POST /ask/shout HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n")
	if resp.StatusCode != 413 {
		t.Errorf("too large: %d", resp.StatusCode)
	}
	// Without a length the limit is met on the way.
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 1<<18, strings.Repeat(" ", 1<<18))
	resp = p.say(t, "POST /ask/shout HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"+strings.Repeat(chunk, 5)+"0\r\n\r\n")
	if resp.StatusCode != 413 {
		t.Errorf("too large in chunks: %d", resp.StatusCode)
	}
	if b, _ := io.ReadAll(resp.Body); !strings.Contains(string(b), "MR413") {
		t.Errorf("%s", b)
	}
}

func TestWhatAClientCallsThingsIsNeitherKeptNorRepeatedWithoutBound(t *testing.T) {
	p := start(t, twoModels, twoServers())
	c := p.connect(t)
	field := func(n protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(nil, n, protowire.BytesType), s)
	}
	long := strings.Repeat("x", 500_000)
	_, _, _, err := c.ask(field(1, long))
	if err.Code() != codes.NotFound || len(err.Message()) > 4096 {
		t.Errorf("a long name: %v, %d bytes", err.Code(), len(err.Message()))
	}
	_, _, _, err = c.ask(append(field(1, "shout"), field(2, long)...))
	if err.Code() != codes.InvalidArgument || !strings.Contains(err.Message(), "500000 bytes") {
		t.Errorf("a long version: %v, %d bytes", err.Code(), len(err.Message()))
	}
	// A version is a segment of the server's path, whatever is in it.
	if _, _, _, err := c.ask(append(field(1, "raw"), field(2, "1/../../x HTTP/1.1\r\nX-Y: z")...)); err.Code() == codes.Unavailable || err.Code() == codes.Unknown {
		t.Errorf("a version with a path in it: %v", err)
	}
	for i := range 3000 {
		if code, got := p.post(fmt.Sprintf("/ask/l%d=shout+letters", i), `{"text":"a"}`); code != 200 {
			t.Fatalf("%d %s", code, got)
		}
	}
}

func TestErrorsCarryTheClientsIDAndNoneThatWasMadeHere(t *testing.T) {
	seen := make(chan string, 4)
	servers := twoServers()
	servers["UP"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- readAll(r)
		w.WriteHeader(500)
		fmt.Fprint(w, `{"error":"no"}`)
	})
	p := start(t, twoModels, servers)
	input := `"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["a"]}]}`
	code, got := p.post("/v2/models/shout+letters/infer", `{"id":"mine",`+input)
	if code != 500 || !strings.Contains(got, `"id":"mine"`) || !strings.Contains(got, "part shout") {
		t.Errorf("%d %s", code, got)
	}
	code, got = p.post("/v2/models/shout+letters/infer", `{`+input)
	if code != 500 || strings.Contains(got, `"id"`) {
		t.Errorf("%d %s", code, got)
	}
	if first, second := <-seen, <-seen; !strings.Contains(first, `"id":"mine"`) || !strings.Contains(second, `"id":"`) {
		t.Errorf("the server saw %s and %s", first, second)
	}
}

func TestADeadlineThatIsOverAsksNobody(t *testing.T) {
	asked := make(chan struct{}, 1)
	servers := twoServers()
	servers["UP"] = signals(asked, servers["UP"])
	p := start(t, twoModels, servers)
	resp := p.say(t, "POST /inference.GRPCInferenceService/ModelInfer HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc\r\nTE: trailers\r\ngrpc-timeout: 0n\r\nContent-Length: 12\r\n\r\n"+
		string(framedMessage([]byte("\n\x05shout"))))
	if resp.Header.Get("Grpc-Status") != "4" {
		t.Errorf("%v", resp.Header)
	}
	select {
	case <-asked:
		t.Error("the server was asked")
	default:
	}
	for _, garbage := range []string{"1", "x", "-1S", "999999999S", "1d", ""} {
		resp := p.say(t, "POST /inference.GRPCInferenceService/ModelInfer HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc\r\ngrpc-timeout: "+garbage+"\r\nContent-Length: 12\r\n\r\n"+
			string(framedMessage([]byte("\n\x05shout"))))
		if s := resp.Header.Get("Grpc-Status"); s != "3" { // the request lacks its input
			t.Errorf("grpc-timeout %q: %v", garbage, resp.Header)
		}
	}
}

func TestFramesOfGRPCThatAreNotOneMessageAreRefused(t *testing.T) {
	p := start(t, twoModels, twoServers())
	one := string(framedMessage([]byte("\n\x05shout")))
	for name, body := range map[string]string{
		"nothing": "", "half a prefix": "\x00\x00", "truncated": one[:8], "surplus": one + "x", "two messages": one + one, "compressed by nobody knows what": "\x01" + one[1:],
	} {
		resp := p.say(t, fmt.Sprintf("POST /inference.GRPCInferenceService/ModelInfer HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
		if s := resp.Header.Get("Grpc-Status"); s != "3" && s != "12" || !strings.Contains(resp.Header.Get("Grpc-Message"), "MR460") {
			t.Errorf("%s: %v", name, resp.Header)
		}
	}
}

func TestNamesOfNamespacesAndEscapesAreUnderstood(t *testing.T) {
	p := start(t, twoModels, twoServers())
	for _, path := range []string{"/ask/default/shout", "/ask/default%2Fshout", "/ask/%73hout"} {
		if code, got := p.post(path, `{"text":"a"}`); code != 200 || !strings.Contains(got, `"A"`) {
			t.Errorf("%s: %d %s", path, code, got)
		}
	}
	if code, got, _ := p.do("GET", "/v2/models/default%2Fshout", ""); code != 200 || !strings.Contains(got, `"text"`) {
		t.Errorf("metadata: %d %s", code, got)
	}
	for _, path := range []string{"/ask/other/shout", "/ask/shout%00", "/seldon/default/shout/api/v1.0/predictions", "/serving/other/shout"} {
		if code, got := p.post(path, `{"text":"a"}`); code != 404 && code != 400 {
			t.Errorf("%s: %d %s", path, code, got)
		}
	}
}
