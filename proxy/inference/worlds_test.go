package inference

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/seldon"
	"github.com/millrace/millrace/protocol/tensor"
	"github.com/millrace/millrace/protocol/tfserving"
)

func TestTensorFlowServingsClientsAskModelsOfOtherServers(t *testing.T) {
	p := start(t, twoModels, twoServers())
	if code, got := p.post("/v1/models/shout/versions/1:predict", `{"instances": ["a", "bcd"]}`); code != 200 || strings.Join(strings.Fields(got), "") != `{"predictions":["A","BCD"]}` {
		t.Errorf("rows: %d %s", code, got)
	}
	if code, got := p.post("/v1/models/shout/versions/1:predict", `{"inputs": {"text": ["a"]}}`); code != 200 || !strings.Contains(got, `"outputs"`) || !strings.Contains(got, `"A"`) {
		t.Errorf("columns: %d %s", code, got)
	}
	if code, got, _ := p.do("GET", "/v1/models/shout/versions/1", ""); code != 200 || !strings.Contains(got, "AVAILABLE") {
		t.Errorf("status: %d %s", code, got)
	}
	text := tensor.OfStrings("text", "quiet")
	w, err := tfserving.GRPC{}.EncodeRequest([]*message.Message{message.FromContent(&message.Content{Tensors: []tensor.Tensor{text}})}, &message.Target{Model: "shout"})
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.grpc(t, tfserving.MethodPredict, w.Body.AppendTo(nil))
	if err != nil {
		t.Fatal(err)
	}
	c, err := tfserving.GRPC{}.DecodeReply(&message.Wire{Dialect: message.TFServingGRPC, Body: body.Of(out), JSONLength: -1})
	if err != nil || c.Tensor("loud") == nil {
		t.Fatalf("%+v %v", c, err)
	}
	if b, _ := c.Tensor("loud").BytesAt(0); string(b) != "QUIET" {
		t.Errorf("loud is %q", b)
	}
	if _, err := p.grpc(t, tfserving.MethodModelStatus, tfserving.AppendStatusRequestGRPC(nil, "shuot", "")); status.Code(err) != codes.NotFound {
		t.Errorf("the status of nothing: %v", err)
	}
	out, err = p.grpc(t, tfserving.MethodModelStatus, tfserving.AppendStatusRequestGRPC(nil, "shout", ""))
	if all, perr := tfserving.ParseStatusGRPC(out); err != nil || perr != nil || !tfserving.Available(all) {
		t.Errorf("status: %v %v %v", all, err, perr)
	}
}

func TestATensorFlowServersOwnAnswerPasses(t *testing.T) {
	var seen string
	p := start(t, `
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: tf}
spec: {protocol: tf-serving, urls: [$TF], model: half}
`, map[string]http.Handler{"TF": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		seen = r.URL.Path + " " + string(b)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"predictions": [2.5, NaN]}`)
	})})
	code, got := p.post("/v1/models/tf/versions/1:predict", `{"signature_name": "s", "instances": [1.0, NaN]}`)
	if code != 200 || got != `{"predictions": [2.5, NaN]}` || seen != `/v1/models/half/versions/1:predict {"signature_name": "s", "instances": [1.0, NaN]}` {
		t.Errorf("%d %s; the server saw %s", code, got, seen)
	}
}

func TestSeldonsGRPCClientsAskADeploymentOfRESTNodes(t *testing.T) {
	servers := map[string]http.Handler{"UP": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var in struct{ Data struct{ Ndarray [][]string } }
		if json.Unmarshal(raw, &in) != nil || len(in.Data.Ndarray) != 1 {
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"status":{"status":1,"info":%q,"code":-1,"reason":"MICROSERVICE_BAD_DATA"}}`, raw)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"data":{"names":["t:0"],"ndarray":[[%q]]},"meta":{"tags":{"seen":true}}}`, strings.ToUpper(in.Data.Ndarray[0][0]))
	})}
	p := start(t, `
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: up}
spec: {protocol: seldon, urls: [$UP]}
`, servers)
	text := tensor.OfStrings("", "quiet")
	text.Shape = []int64{1, 1}
	w, err := seldon.GRPC{}.EncodeRequest([]*message.Message{message.FromContent(&message.Content{Tensors: []tensor.Tensor{text}})}, &message.Target{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.grpc(t, seldon.MethodPredict, w.Body.AppendTo(nil), "seldon", "up", "namespace", "default")
	if err != nil {
		t.Fatal(err)
	}
	c, err := seldon.GRPC{}.DecodeReply(&message.Wire{Dialect: message.SeldonGRPC, Body: body.Of(out), JSONLength: -1})
	if err != nil || len(c.Tensors) != 1 {
		t.Fatalf("%+v %v", c, err)
	}
	if b, _ := c.Tensors[0].BytesAt(0); string(b) != "QUIET" {
		t.Errorf("the answer is %q", b)
	}
	if _, err := p.grpc(t, seldon.MethodPredict, w.Body.AppendTo(nil), "seldon", "nothing"); status.Code(err) != codes.NotFound {
		t.Errorf("a deployment that is not there: %v", err)
	}
}

const chatModel = `
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: chat}
spec: {protocol: openai, urls: [$LLM], model: tiny-llm}
`

func TestTokensOfAChatPassOneByOneUnderTheModelsOwnName(t *testing.T) {
	next := make(chan struct{})
	p := start(t, chatModel, map[string]http.Handler{"LLM": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if want := `{"stream": true, "model": "tiny-llm", "x": [1]}`; string(b) != want || r.URL.Path != "/v1/chat/completions" {
			t.Errorf("the server saw %s %s", r.URL.Path, b)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: {\"token\": %d}\n\n", i)
			w.(http.Flusher).Flush()
			<-next // the client has it before the next is made
		}
		fmt.Fprint(w, "data: [DONE]\n\n")
	})})
	for _, path := range []string{"/v1/chat/completions", "/openai/v1/chat/completions"} {
		resp, err := http.Post(p.url+path, "application/json", strings.NewReader(`{"stream": true, "model": "chat", "x": [1]}`))
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(resp.Body)
		tokens := 0
		for lines.Scan() {
			if strings.Contains(lines.Text(), "token") {
				tokens++
				next <- struct{}{}
			}
		}
		resp.Body.Close()
		if tokens != 3 || resp.Header.Get("Content-Type") != "text/event-stream" || lines.Err() != nil {
			t.Errorf("%s: %d tokens, %v, %v", path, tokens, resp.Header, lines.Err())
		}
	}
	if code, got := p.post("/v1/chat/completions", `{"model": "chta"}`); code != 404 || !strings.Contains(got, `"error"`) || !strings.Contains(got, "chat") {
		t.Errorf("an unknown model: %d %s", code, got)
	}
}

func TestAStreamThatBreaksIsNeverEndedAsIfItWereWhole(t *testing.T) {
	p := start(t, chatModel, map[string]http.Handler{"LLM": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: {\"token\": 0}\n\n")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})})
	resp, err := http.Post(p.url+"/v1/chat/completions", "application/json", strings.NewReader(`{"stream": true, "model": "chat"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err == nil || strings.Contains(string(got), "[DONE]") || !strings.Contains(string(got), `"error"`) {
		t.Errorf("the client reads %q, %v", got, err)
	}
}

func TestMLflowsAndBentoMLsClientsAskModelsOfOtherServers(t *testing.T) {
	p := start(t, twoModels, twoServers())
	if code, got := p.post("/serving/default/shout/invocations", `{"dataframe_split": {"columns": ["text"], "data": [["a"], ["bcd"]]}}`); code != 200 || !strings.Contains(got, `"predictions"`) || !strings.Contains(got, `"BCD"`) {
		t.Errorf("MLflow: %d %s", code, got)
	}
	if code, got := p.post("/serving/default/shout+letters/invocations", `{"dataframe_split": {"columns": ["text"], "data": [["bcd"]]}}`); code != 200 || !strings.Contains(got, `"BCD"`) || !strings.Contains(got, `"letters"`) {
		t.Errorf("an expression: %d %s", code, got)
	}
	if code, got := p.post("/serving/default/shuot/invocations", `{"inputs": ["a"]}`); code != 404 || !strings.Contains(got, "shout") {
		t.Errorf("an unknown model: %d %s", code, got)
	}
}

func TestAServersOwnPathsStandWhereItsAddressSays(t *testing.T) {
	seen := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"path": %q}`, r.URL.Path)
	})
	p := start(t, `
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: measure}
spec: {protocol: bentoml, urls: [$S], path: /measure, inputs: {text: {type: string, shape: [rows]}}, outputs: {path: {type: string}}}
---
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: embed}
spec: {protocol: openai, urls: [$S/llm], path: /v1/embeddings, outputs: {path: {tensor: path, type: string}}}
---
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: chat}
spec: {protocol: openai, urls: [$S/llm], outputs: {path: {tensor: path, type: string}}}
---
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: rate}
spec: {protocol: mlflow, urls: [$S/endpoints/rate], inputs: {text: {type: string, shape: [rows]}}, outputs: {path: {tensor: path, type: string}}}
`, map[string]http.Handler{"S": seen})
	for _, c := range []struct{ name, path, body, want string }{
		{"a BentoML method", "/ask/measure", `{"text": "x"}`, "/measure"},
		{"an operation of OpenAI's", "/ask/embed", `{"text": "x"}`, "/llm/v1/embeddings"},
		{"an address before OpenAI's paths", "/ask/chat", `{"text": "x"}`, "/llm/v1/chat/completions"},
		{"an address before MLflow's paths, for an MLflow client", "/serving/default/rate/invocations", `{"inputs": ["x"]}`, "/endpoints/rate/invocations"},
		{"an address before MLflow's paths, for others", "/ask/rate", `{"text": "x"}`, "/endpoints/rate/invocations"},
		{"an OpenAI client's own path", "/v1/embeddings", `{"model": "embed", "input": "x"}`, "/llm/v1/embeddings"},
	} {
		if code, got := p.post(c.path, c.body); code != 200 || !strings.Contains(got, `"`+c.want+`"`) {
			t.Errorf("%s: %d %s", c.name, code, got)
		}
	}
}
