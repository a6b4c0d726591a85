package inference

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	grpcmeta "google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/oip"
	"github.com/millrace/millrace/protocol/tensor"
)

const nativeBody = `{"id": "q1",  "inputs": [{"name":"TXT","shape":[1,1],"datatype":"BYTES","data":["quiet"], "x-unknown": 1}]}`

func TestTheServersOwnAnswerPassesWhereTheClientSpeaksItsLanguage(t *testing.T) {
	var seen bytes.Buffer
	servers := twoServers()
	inner := servers["UP"]
	servers["UP"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		seen.Reset()
		seen.WriteString(r.URL.Path + " " + r.Header.Get("X-Tenant") + " " + string(b))
		r.Body = io.NopCloser(bytes.NewReader(b))
		inner.ServeHTTP(w, r)
	})
	p := start(t, twoModels, servers)
	const answer = `{"model_name":"m","id":"q1","outputs":[{"name":"l","shape":[1,1],"datatype":"BYTES","data":["QUIET"]}]}`
	for _, model := range []string{"raw", "shout"} { // without a contract, and in the server's own names past one
		code, got, head := p.do("POST", "/v2/models/"+model+"/infer", nativeBody, "Content-Type", "application/json", "X-Tenant", "blue")
		if code != 200 || got != answer || head.Get("X-Server") != "upper" {
			t.Errorf("%s: %d %s %v", model, code, got, head)
		}
		if want := "/v2/models/m/infer blue " + nativeBody; seen.String() != want {
			t.Errorf("%s: the server saw %s, want %s", model, seen.String(), want)
		}
	}
	// The server's complaint is the answer too.
	code, got, _ := p.do("POST", "/v2/models/raw/infer", `{"inputs":[{"name":"wrong","shape":[1],"datatype":"BYTES","data":["x"]}]}`)
	if code != 400 || got != `{"error":"expected input TXT"}` {
		t.Errorf("the complaint: %d %s", code, got)
	}
}

func TestAContractsFieldsAreTheTensorsOfOpenInference(t *testing.T) {
	p := start(t, twoModels, twoServers())
	code, got := p.post("/v2/models/shout+letters/infer", `{"id":"7","inputs":[{"name":"text","shape":[2],"datatype":"BYTES","data":["a","bcd"]}]}`)
	want := `"id":"7"`
	if code != 200 || !strings.Contains(got, want) || !strings.Contains(got, `"shout.loud"`) || !strings.Contains(got, `["A","BCD"]`) || !strings.Contains(got, `"letters.letters"`) || !strings.Contains(got, `[1,3]`) {
		t.Fatalf("%d %s", code, got)
	}
	code, got, _ = p.do("GET", "/v2/models/shout+letters", "")
	if code != 200 || !strings.Contains(got, `"text"`) || !strings.Contains(got, `"shout.loud"`) {
		t.Errorf("metadata: %d %s", code, got)
	}
	for path, want := range map[string]int{"/v2/models/shout/ready": 200, "/v2/health/live": 200, "/v2/health/ready": 200, "/v2/models/nothing/ready": 404, "/v2": 200, "/v1/models": 200, "/v2/models/shout/generate": 405, "/v2/models/shout/explain": 501, "/v2/models/shout+letters/config": 501} {
		if code, got, _ := p.do("GET", path, ""); code != want {
			t.Errorf("GET %s: %d %s, want %d", path, code, got, want)
		}
	}
	if code, got := p.post("/v2/models/shout/infer", `{"inputs":[{"name":"text","shape":[2],"datatype":"BYTES","data":["a"]}]}`); code != 400 || !strings.Contains(got, `"error"`) {
		t.Errorf("a shape that does not fit: %d %s", code, got)
	}
}

// raw is a gRPC codec that passes bytes.
type raw struct{}

func (raw) Name() string { return "" }
func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}
func (raw) Unmarshal(b mem.BufferSlice, v any) error {
	*v.(*[]byte) = b.Materialize()
	return nil
}

func (p *proxied) grpc(t testing.TB, method string, in []byte, fields ...string) ([]byte, error) {
	t.Helper()
	conn, err := grpc.NewClient(p.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(grpcmeta.AppendToOutgoingContext(context.Background(), fields...), 10*time.Second)
	defer cancel()
	var out []byte
	err = conn.Invoke(ctx, method, in, &out, grpc.ForceCodecV2(raw{}))
	return out, err
}

func grpcRequest(t testing.TB, model, name string, texts ...string) []byte {
	t.Helper()
	ten := tensor.OfStrings(name, texts...)
	w, err := oip.GRPC{}.EncodeRequest([]*message.Message{message.FromContent(&message.Content{ID: "g1", Tensors: []tensor.Tensor{ten}})}, &message.Target{Model: model})
	if err != nil {
		t.Fatal(err)
	}
	return w.Body.AppendTo(nil)
}

func TestAGRPCClientAsksRESTServers(t *testing.T) {
	p := start(t, twoModels, twoServers())
	out, err := p.grpc(t, oip.MethodModelInfer, grpcRequest(t, "shout+letters", "text", "quiet"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := oip.GRPC{}.DecodeReply(&message.Wire{Dialect: message.OpenInferenceGRPC, Body: body.Of(out), JSONLength: -1})
	if err != nil {
		t.Fatal(err)
	}
	loud, letters := c.Tensor("shout.loud"), c.Tensor("letters.letters")
	if loud == nil || letters == nil || c.ID != "g1" {
		t.Fatalf("reply: %+v", c)
	}
	if b, _ := loud.BytesAt(0); string(b) != "QUIET" {
		t.Errorf("loud is %q", b)
	}
	if n, _ := letters.Int64At(0); n != 5 {
		t.Errorf("letters is %d", n)
	}
	_, err = p.grpc(t, oip.MethodModelInfer, grpcRequest(t, "shuot", "text", "x"))
	if s := status.Convert(err); s.Code() != codes.NotFound || !strings.Contains(s.Message(), `did you mean "shout"?`) {
		t.Errorf("an unknown model: %v", err)
	}
	_, err = p.grpc(t, oip.MethodModelInfer, grpcRequest(t, "shout", "txt", "x"))
	if s := status.Convert(err); s.Code() != codes.InvalidArgument || !strings.Contains(s.Message(), "txt") {
		t.Errorf("an unknown input: %v", err)
	}
	if _, err := p.grpc(t, "/inference.GRPCInferenceService/SystemSharedMemoryStatus", nil); status.Code(err) != codes.Unimplemented {
		t.Errorf("a call that is not offered: %v", err)
	}
	for _, m := range []string{oip.MethodServerLive, oip.MethodServerReady} {
		if out, err := p.grpc(t, m, nil); err != nil || string(out) != "\b\x01" {
			t.Errorf("%s: %q %v", m, out, err)
		}
	}
	meta, err := p.grpc(t, oip.MethodModelMetadata, oip.AppendModelRequestGRPC(nil, "shout", ""))
	if err != nil {
		t.Fatal(err)
	}
	if m, err := oip.ParseMetadataGRPC(meta); err != nil || len(m.Inputs) != 1 || m.Inputs[0].Name != "text" {
		t.Errorf("metadata: %+v %v", m, err)
	}
}

// TestTheServerIsReadyOnceItHasWarmed: as Triton says it, 400 and false until then; it is alive all the time.
func TestTheServerIsReadyOnceItHasWarmed(t *testing.T) {
	p := start(t, twoModels, twoServers())
	var warm atomic.Bool
	p.filter.Ready = warm.Load
	for range 2 {
		code, message := 400, ""
		if warm.Load() {
			code, message = 200, "\b\x01"
		}
		if got, text, _ := p.do("GET", "/v2/health/ready", ""); got != code || text != fmt.Sprintf(`{"ready":%t}`, warm.Load()) {
			t.Errorf("warm %t: %d %s", warm.Load(), got, text)
		}
		if out, err := p.grpc(t, oip.MethodServerReady, nil); err != nil || string(out) != message {
			t.Errorf("warm %t: %q %v", warm.Load(), out, err)
		}
		if got, _, _ := p.do("GET", "/v2/health/live", ""); got != 200 {
			t.Errorf("live: %d", got)
		}
		warm.Store(true)
	}
}

func TestAServerThatIsDownIsNamedByItsPart(t *testing.T) {
	p := start(t, strings.ReplaceAll(twoModels, "$LEN", "http://127.0.0.1:1"), map[string]http.Handler{"UP": upper("m")})
	code, got := p.post("/ask/shout+letters", `{"text":"x"}`)
	if code != 503 || !strings.Contains(got, "MR501") || !strings.Contains(got, "letters") || strings.Contains(got, "127.0.0.1") {
		t.Errorf("%d %s", code, got)
	}
	code, got = p.post("/ask/shout+letters?partial=1", `{"text":"x"}`)
	if code != 200 || !strings.Contains(got, `"shout": "X"`) || !strings.Contains(got, `"errors"`) {
		t.Errorf("partial: %d %s", code, got)
	}
	if _, err := p.grpc(t, oip.MethodModelInfer, grpcRequest(t, "letters", "text", "x")); status.Code(err) != codes.Unavailable {
		t.Errorf("over gRPC: %v", err)
	}
}
