package inference

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/oip"
)

const described = rawModel + `
---
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: third}
spec: {protocol: oip, urls: [$ANY], model: m@3}
---
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: shout}
spec:
  protocol: oip
  urls: [$ANY]
  model: m
  inputs:  {text: {tensor: TXT, type: string, shape: [rows, 1]}}
  outputs: {loud: {tensor: l, type: string, shape: [rows, 1]}}
`

// TestAServerTellsOfItsOwnModel: what is asked about a model without a contract reaches its server under the model's name
// there, and the answer comes back as it is, errors included.
func TestAServerTellsOfItsOwnModel(t *testing.T) {
	server := &recorder{}
	p := start(t, described, map[string]http.Handler{"ANY": server})
	for _, c := range []struct{ asked, seen string }{
		{"/v2/models/raw", "/v2/models/m"},
		{"/v2/models/raw/", "/v2/models/m"},
		{"/v2/models/raw?x=1", "/v2/models/m?x=1"},
		{"/v2/models/raw/versions/2", "/v2/models/m/versions/2"},
		{"/v2/models/raw/config", "/v2/models/m/config"},
		{"/v2/models/raw/versions/2/stats", "/v2/models/m/versions/2/stats"},
		{"/v2/models/third/stats", "/v2/models/m/versions/3/stats"},
		{"/v2/models/shout/config", "/v2/models/m/config"},
	} {
		for _, status := range []int{200, 400, 503} {
			server.set(status, []byte(`{"odd" : 1}`), http.Header{"X-Server": {"own"}, "Content-Encoding": {"br"}})
			code, got, head := p.do("GET", c.asked, "", "X-Tenant", "blue")
			if code != status || got != `{"odd" : 1}` || head.Get("X-Server") != "own" || head.Get("Content-Encoding") != "br" {
				t.Errorf("GET %s: %d %s %v", c.asked, code, got, head)
			}
			if server.path != c.seen || server.method != "GET" || server.header.Get("X-Tenant") != "blue" || len(server.body) > 0 {
				t.Errorf("GET %s: the server saw %s %s %v", c.asked, server.method, server.path, server.header)
			}
		}
	}
	server.set(200, nil, http.Header{"X-Server": {"own"}})
	if code, _, head := p.do("HEAD", "/v2/models/raw/config", ""); code != 200 || server.method != "HEAD" || head.Get("X-Server") != "own" {
		t.Errorf("HEAD: %d, the server saw %s", code, server.method)
	}
	server.set(500, nil, nil)
	if code, got, _ := p.do("GET", "/v2/models/shout", ""); code != 200 || !strings.Contains(got, `"text"`) {
		t.Errorf("metadata of a contract: %d %s", code, got)
	}
	for path, want := range map[string]int{"/v2/models/raw+shout/config": 501, "/v2/models/nothing/config": 404} {
		if code, got, _ := p.do("GET", path, ""); code != want || !strings.Contains(got, `"error"`) {
			t.Errorf("GET %s: %d %s, want %d", path, code, got, want)
		}
	}
	if code, got := p.post("/v2/models/raw/config", "{}"); code != 405 {
		t.Errorf("POST: %d %s", code, got)
	}
}

func TestAServerThatCannotTellOfItsModelIsNamed(t *testing.T) {
	p := start(t, strings.ReplaceAll(rawModel, "$ANY", "http://127.0.0.1:1"), nil)
	if code, got, _ := p.do("GET", "/v2/models/raw", ""); code != 503 || !strings.Contains(got, "MR501") {
		t.Errorf("%d %s", code, got)
	}
}

// TestAGRPCServerTellsOfItsOwnModel: nothing of the message but the model's name changes.
func TestAGRPCServerTellsOfItsOwnModel(t *testing.T) {
	server := &grpcRecorder{code: "0", answer: []byte("\x0a\x01m and more")}
	path := make(chan string, 1)
	p := start(t, strings.ReplaceAll(described, "$ANY", `"grpc://`+startHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path <- r.URL.Path
		server.ServeHTTP(w, r)
	}))+`"`), nil)
	unknown := protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 7)
	for _, method := range []string{"ModelMetadata", "ModelConfig", "ModelStatistics"} {
		method = "/" + oip.Service + "/" + method
		out, err := p.grpc(t, method, append(oip.AppendModelRequestGRPC(nil, "raw", "2"), unknown...))
		if err != nil || !bytes.Equal(out, server.answer) {
			t.Errorf("%s: %q %v", method, out, err)
			continue
		}
		if got := <-path; got != method {
			t.Errorf("the server was asked for %s, want %s", got, method)
		}
		if want := append(oip.AppendModelRequestGRPC(nil, "m", "2"), unknown...); !bytes.Equal(server.seen, want) {
			t.Errorf("%s: the server saw %x, want %x", method, server.seen, want)
		}
	}
	out, err := p.grpc(t, oip.MethodModelMetadata, oip.AppendModelRequestGRPC(nil, "shout", ""))
	if m, bad := oip.ParseMetadataGRPC(out); err != nil || bad != nil || len(m.Inputs) != 1 || m.Inputs[0].Name != "text" {
		t.Errorf("metadata of a contract: %+v %v %v", m, err, bad)
	}
	server.mu.Lock()
	server.code = "5"
	server.mu.Unlock()
	_, err = p.grpc(t, "/"+oip.Service+"/ModelConfig", oip.AppendModelRequestGRPC(nil, "raw", ""))
	if s := status.Convert(err); s.Code() != codes.NotFound || s.Message() != "said so" {
		t.Errorf("the server's error: %v", err)
	}
	<-path
	for name, want := range map[string]codes.Code{"raw+shout": codes.Unimplemented, "": codes.Unimplemented, "nothing": codes.NotFound} {
		if _, err := p.grpc(t, "/"+oip.Service+"/ModelStatistics", oip.AppendModelRequestGRPC(nil, name, "")); status.Code(err) != want {
			t.Errorf("statistics of %q: %v, want %s", name, err, want)
		}
	}
}

// TestTextIsGeneratedByTheServerItself: the body passes as it is, and events reach the client one by one.
func TestTextIsGeneratedByTheServerItself(t *testing.T) {
	const asked = `{"text_input": "a",  "odd": 1}`
	seen := make(chan string, 1)
	next := make(chan struct{})
	p := start(t, described, map[string]http.Handler{"ANY": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		seen <- r.Method + " " + r.URL.Path + " " + string(b)
		if strings.HasSuffix(r.URL.Path, "/generate") {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(422)
			fmt.Fprint(w, `{"text_output":  "b"}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: {\"text_output\":%d}\n\n", i)
			_ = http.NewResponseController(w).Flush()
			<-next
		}
	})})
	for _, model := range []string{"raw", "shout"} {
		code, got := p.post("/v2/models/"+model+"/generate", asked)
		if code != 422 || got != `{"text_output":  "b"}` {
			t.Errorf("%s: %d %s", model, code, got)
		}
		if s := <-seen; s != "POST /v2/models/m/generate "+asked {
			t.Errorf("%s: the server saw %s", model, s)
		}
	}
	resp, err := http.Post(p.url+"/v2/models/raw/versions/2/generate_stream", "application/json", strings.NewReader(asked))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if s := <-seen; s != "POST /v2/models/m/versions/2/generate_stream "+asked {
		t.Errorf("the server saw %s", s)
	}
	if ct := resp.Header.Get("Content-Type"); ct != "text/event-stream" {
		t.Errorf("the content type is %s", ct)
	}
	lines := bufio.NewReader(resp.Body)
	for i := range 3 { // the server goes on only when the client has what came
		if line, err := lines.ReadString('\n'); err != nil || line != fmt.Sprintf("data: {\"text_output\":%d}\n", i) {
			t.Fatalf("event %d: %q %v", i, line, err)
		}
		_, _ = lines.ReadString('\n')
		next <- struct{}{}
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("after the last event: %q %v", rest, err)
	}
	for path, want := range map[string]int{"/v2/models/raw+shout/generate": 501, "/v2/models/nothing/generate": 404} {
		if code, got := p.post(path, asked); code != want {
			t.Errorf("%s: %d %s, want %d", path, code, got, want)
		}
	}
}

// TestAStreamOfEventsThatBreaksIsNotWhole: the client can tell it from one that ended.
func TestAStreamOfEventsThatBreaksIsNotWhole(t *testing.T) {
	p := start(t, rawModel, map[string]http.Handler{"ANY": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})})
	resp, err := http.Post(p.url+"/v2/models/raw/generate_stream", "application/json", strings.NewReader("{}"))
	if err != nil {
		return // it broke before its head was read
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("a stream that broke ended well: %q", b)
	}
}
