package openai

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

func wire(text string) *message.Wire {
	return &message.Wire{Dialect: message.OpenAI, Body: body.Of([]byte(text)), JSONLength: -1}
}

func TestARequestIsItsJSONAndTheTextThatItAsksAbout(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a chat asks by the user's last message", `{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"user","content":"b"},{"role":"assistant","content":"c"}]}`, `"b"`},
		{"parts of text are one text", `{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}`, `"ab"`},
		{"without a user it is the last one", `{"messages":[{"role":"tool","content":"a"},{"role":"tool","content":"b"}]}`, `"b"`},
		{"an image is no text", `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}`, ``},
		{"a prompt", `{"prompt":"p"}`, `"p"`},
		{"prompts", `{"prompt":["p","q"]}`, `["p","q"]`},
		{"an input", `{"input":["p","q"]}`, `["p","q"]`},
		{"tokens", `{"input":[[1,2],[3,4]]}`, `[1,2,3,4]`},
		{"ragged tokens are no tensor", `{"input":[[1,2],[3]]}`, ``},
		{"nothing", `{}`, ``},
	} {
		got, err := Codec{}.DecodeRequest(wire(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		text := ""
		if len(got.Tensors) == 1 {
			text = got.Tensors[0].Preview()
		}
		if text != c.want || string(got.JSON) != c.text {
			t.Errorf("%s: %s, JSON %s", c.name, text, got.JSON)
		}
	}
	got, err := Codec{}.DecodeRequest(wire(`{"model":"m","top_p":0.5,"stop":["x"],"max_tokens":3,"stream":false,"prompt":"p"}`))
	if err != nil || got.Model != "m" || len(got.Parameters) != 2 || !got.Scalar {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := (Codec{}).DecodeRequest(wire(`{"prompt":"p"`)); err == nil || !strings.Contains(err.Error(), "malformed JSON: offset 13") {
		t.Error(err)
	}
}

func TestAServerGetsTheBytesOfAClientWithItsOwnModel(t *testing.T) {
	in := message.FromWire(wire(`{"x": 1.0, "model": "any", "messages": []}`), Codec{}.DecodeRequest)
	for model, want := range map[string]string{
		"llama": `{"x": 1.0, "model": "llama", "messages": []}`,
		"any":   `{"x": 1.0, "model": "any", "messages": []}`,
		"":      `{"x": 1.0, "model": "any", "messages": []}`,
	} {
		w, err := Codec{}.EncodeRequest([]*message.Message{in}, &message.Target{Model: model})
		if err != nil || string(w.Body.Bytes()) != want {
			t.Errorf("%s: %v %v", model, w, err)
			continue
		}
		w.Body.Release()
	}
	if in.Decoded() {
		t.Error("the request was decoded")
	}
}

func TestOtherDialectsAskAnOpenAIServer(t *testing.T) {
	text := tensor.OfStrings("text", "a")
	two := tensor.OfStrings("text", "a", "b")
	chat := &contract.Contract{
		Inputs: []contract.Field{
			{Name: "role", Tensor: "messages[0].role", Type: tensor.Bytes, Default: &tensor.Tensor{Datatype: tensor.Bytes, Shape: []int64{1}, Data: tensor.AppendBytes(nil, "user")}},
			{Name: "text", Tensor: "messages[0].content", Type: tensor.Bytes},
		},
		Parameters: tensor.Parameters{{Name: "temperature", Value: tensor.Int64Of(0)}},
	}
	input := &contract.Contract{Inputs: []contract.Field{{Name: "text", Tensor: "input", Type: tensor.Bytes, Shape: []contract.Dim{{Size: -1, Rows: true}}}}}
	for _, c := range []struct {
		name, path string
		c          *contract.Contract
		in         *message.Content
		want       string
	}{
		{"a chat by contract", "", chat, &message.Content{Tensors: []tensor.Tensor{text}}, `{"model":"m","messages":[{"role":"user","content":"a"}],"temperature":0}`},
		{"embeddings by contract", "/v1/embeddings", input, &message.Content{Tensors: []tensor.Tensor{two}}, `{"model":"m","input":["a","b"]}`},
		{"a chat without a contract", "", nil, &message.Content{Tensors: []tensor.Tensor{text}}, `{"model":"m","messages":[{"role":"user","content":"a"}]}`},
		{"a prompt without a contract", "/v1/completions", nil, &message.Content{Tensors: []tensor.Tensor{two}}, `{"model":"m","prompt":["a","b"]}`},
		{"embeddings without a contract", "/v1/embeddings", nil, &message.Content{Tensors: []tensor.Tensor{two}}, `{"model":"m","input":["a","b"]}`},
		{"JSON that is such a request", "", nil, &message.Content{JSON: []byte(`{"prompt":"x","model":"y"}`)}, `{"prompt":"x","model":"m"}`},
		{"two texts are no chat", "", nil, &message.Content{Tensors: []tensor.Tensor{two}}, `!tensor "text": expected one text for a chat, found BYTES [2]`},
		{"two tensors", "", nil, &message.Content{Tensors: []tensor.Tensor{text, two}}, `!expected one value, found 2`},
	} {
		codec, err := New(c.c)
		if err != nil {
			t.Fatal(err)
		}
		in, err := c.c.Request(c.in)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		w, err := codec.EncodeRequest([]*message.Message{message.FromContent(in)}, &message.Target{Model: "m", Path: c.path})
		if want, refused := strings.CutPrefix(c.want, "!"); refused {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := string(w.Body.Bytes()); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
	if _, err := (Codec{}).EncodeRequest(nil, &message.Target{}); err == nil {
		t.Error("no message was rendered")
	}
}

func TestAContractFindsTheAnswerOfAServerByPath(t *testing.T) {
	c, err := Codec{}.DecodeReply(wire(`{"object":"chat.completion","choices":[{"message":{"role":"assistant","content":"hi"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	answers := &contract.Contract{Outputs: []contract.Field{{Name: "reply", Tensor: "choices[0].message.content", Type: tensor.Bytes}}}
	if out, _, err := answers.Reply(c); err != nil || out.Tensors[0].Preview() != `"hi"` {
		t.Errorf("%v %v", out, err)
	}
	c, err = Codec{}.DecodeReply(wire(`{"data":[{"embedding":[0.5,1]},{"embedding":[2,-0.25]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	vectors := &contract.Contract{Outputs: []contract.Field{{Name: "vector", Tensor: "data[*].embedding", Type: tensor.FP32, Shape: []contract.Dim{{Size: -1, Rows: true}, {Size: -1}}}}}
	if out, _, err := vectors.Reply(c); err != nil || out.Tensors[0].Datatype != tensor.FP32 || out.Tensors[0].Preview() != `[0.5,1.0,2.0,-0.25]` {
		t.Errorf("%v %v", out, err)
	}
}

func asking(request string) *message.Asking {
	w := wire(request)
	c, _ := Codec{}.DecodeRequest(w)
	return &message.Asking{Model: "m", ID: "7", Request: c, Wire: w}
}

func TestRepliesOfOtherDialectsAreWhatTheClientAskedFor(t *testing.T) {
	label := tensor.OfStrings("label", "good")
	labels := tensor.OfStrings("label", "good", "bad")
	score := tensor.OfFP64("score", 0.5)
	for _, c := range []struct {
		name, request string
		reply         *message.Content
		want          string
	}{
		{"a chat", `{"messages":[{"role":"user","content":"x"}]}`, &message.Content{Tensors: []tensor.Tensor{label, score}, Answer: "label"},
			`{"id":"chatcmpl-7","object":"chat.completion","created":0,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"good"},"logprobs":null,"finish_reason":"stop"}]}`},
		{"a chat without an answer", `{"messages":[{"role":"user","content":"x"}]}`, &message.Content{Tensors: []tensor.Tensor{label, score}},
			`{"id":"chatcmpl-7","object":"chat.completion","created":0,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"{\"label\":\"good\",\"score\":0.5}"},"logprobs":null,"finish_reason":"stop"}]}`},
		{"a chat with a number", `{"messages":[{"role":"user","content":"x"}]}`, &message.Content{Tensors: []tensor.Tensor{score}},
			`{"id":"chatcmpl-7","object":"chat.completion","created":0,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"0.5"},"logprobs":null,"finish_reason":"stop"}]}`},
		{"completions", `{"prompt":["x","y"]}`, &message.Content{Tensors: []tensor.Tensor{labels}},
			`{"id":"cmpl-7","object":"text_completion","created":0,"model":"m","choices":[{"index":0,"text":"good","logprobs":null,"finish_reason":"stop"},{"index":1,"text":"bad","logprobs":null,"finish_reason":"stop"}]}`},
		{"a stream", `{"messages":[{"role":"user","content":"x"}],"stream":true}`, &message.Content{Tensors: []tensor.Tensor{label}},
			"data: {\"id\":\"chatcmpl-7\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"good\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"},
		{"a stream of a completion", `{"prompt":"x","stream":true}`, &message.Content{Tensors: []tensor.Tensor{label}},
			"data: {\"id\":\"cmpl-7\",\"object\":\"text_completion\",\"created\":0,\"model\":\"m\",\"choices\":[{\"index\":0,\"text\":\"good\",\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"},
		{"a completion that a graph passed", `{"prompt":"x"}`, &message.Content{JSON: []byte(`{"object":"text_completion"}`)}, `{"object":"text_completion"}`},
		{"JSON of a plain service", `{"prompt":"x"}`, &message.Content{JSON: []byte(`{"a":1}`)},
			`{"id":"cmpl-7","object":"text_completion","created":0,"model":"m","choices":[{"index":0,"text":"{\"a\":1}","logprobs":null,"finish_reason":"stop"}]}`},
		{"one embedding", `{"input":"x"}`, &message.Content{Tensors: []tensor.Tensor{tensor.OfFP64("v", 1, -0.5)}},
			`{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1.0,-0.5]}],"model":"m","usage":{"prompt_tokens":0,"total_tokens":0}}`},
		{"what is no embedding", `{"input":"x"}`, &message.Content{Tensors: []tensor.Tensor{label}}, `!embeddings are one tensor of numbers`},
		{"what is no text", `{"prompt":"x"}`, &message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("b", "\xff")}}, `!tensor "b": element 0 is not valid UTF-8`},
	} {
		w, err := Codec{}.EncodeReply(message.FromContent(c.reply), asking(c.request))
		if want, refused := strings.CutPrefix(c.want, "!"); refused {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := string(w.Body.Bytes()); got != c.want || strings.HasPrefix(got, "data: ") != (w.ContentType == ContentTypeEvents) {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
	own := wire(`{"choices": [ ]}`)
	own.Reply, own.Native, own.Status, own.ContentType = true, true, 200, "application/json; charset=utf-8"
	if w, err := (Codec{}).EncodeReply(message.FromWire(own, nil), nil); err != nil || string(w.Body.Bytes()) != `{"choices": [ ]}` || w.ContentType != own.ContentType {
		t.Errorf("%v %v", w, err)
	}
}

func TestEmbeddingsAsBase64AreExactFP32(t *testing.T) {
	v := tensor.OfFP64("v", 1, 2, 3, 0.5)
	v.Shape = []int64{2, 2}
	w, err := Codec{}.EncodeReply(message.FromContent(&message.Content{Tensors: []tensor.Tensor{v}}), asking(`{"input":["x","y"],"encoding_format":"base64"}`))
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Data []struct{ Embedding string } }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Data) != 2 {
		t.Fatalf("%s %v", w.Body.Bytes(), err)
	}
	raw, err := base64.StdEncoding.DecodeString(got.Data[1].Embedding)
	row := tensor.Tensor{Datatype: tensor.FP32, Shape: []int64{2}, Data: raw}
	if err != nil || row.Preview() != "[3.0,0.5]" {
		t.Errorf("%s %v", row.Preview(), err)
	}
}

func TestErrorsHaveTheFormThatClientsRaiseFrom(t *testing.T) {
	for _, c := range []struct {
		f      message.Failure
		status int
		want   string
	}{
		{message.Failure{Kind: message.InvalidArgument, Detail: `field "x"`}, 400, `{"error":{"message":"field \"x\"","type":"invalid_request_error","param":null,"code":null}}`},
		{message.Failure{Code: "MR404", Kind: message.NotFound, Detail: "no model"}, 404, `{"error":{"message":"MR404 no model","type":"invalid_request_error","param":"model","code":"model_not_found"}}`},
		{message.Failure{Kind: message.PermissionDenied, Detail: "no"}, 403, `{"error":{"message":"no","type":"permission_error","param":null,"code":null}}`},
		{message.Failure{Kind: message.ResourceExhausted, Detail: "busy"}, 429, `{"error":{"message":"busy","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}`},
		{message.Failure{Code: "MR501", Kind: message.Unavailable, Part: "p", Detail: "down"}, 503, `{"error":{"message":"MR501 part p: down","type":"server_error","param":null,"code":"MR501"}}`},
	} {
		w := Codec{}.EncodeFailure(&c.f, nil)
		if got := string(w.Body.Bytes()); w.Status != c.status || got != c.want {
			t.Errorf("%d %s", w.Status, got)
		}
		if got := ErrorText(w); got != c.f.Error() {
			t.Errorf("it is read as %q", got)
		}
	}
	own := wire(`{"error":{"message":"context length"}}`)
	own.Status, own.Reply = 401, true
	w := Codec{}.EncodeFailure(&message.Failure{Kind: message.FailedUpstream, Reply: message.FromWire(own, nil)}, nil)
	if string(w.Body.Bytes()) != `{"error":{"message":"context length"}}` || w.Status != 401 {
		t.Errorf("%d %s", w.Status, w.Body.Bytes())
	}
	foreign := &message.Wire{Dialect: message.Plain, Status: 401, Body: body.Of([]byte("no"))}
	w = Codec{}.EncodeFailure(&message.Failure{Kind: message.FailedUpstream, Detail: "no", Reply: message.FromWire(foreign, nil)}, nil)
	if got := string(w.Body.Bytes()); w.Status != 401 || !strings.Contains(got, "authentication_error") {
		t.Errorf("%d %s", w.Status, got)
	}
}

func TestPathsOfTheAPI(t *testing.T) {
	for path, want := range map[string]struct {
		op    Operation
		model string
	}{
		"/v1/chat/completions":        {Chat, ""},
		"/openai/v1/chat/completions": {Chat, ""},
		"/v1/completions":             {Completions, ""},
		"/openai/v1/embeddings":       {Embeddings, ""},
		"/openai/v1/models":           {Models, ""},
		"/openai/v1/models/a%2Bb":     {Model, "a%2Bb"},
		"/openai/v1/rerank":           {Other, ""},
		"/v1/models":                  {NoOperation, ""},
		"/v1/models/m:predict":        {NoOperation, ""},
		"/openai/v1":                  {NoOperation, ""},
		"/v2/models":                  {NoOperation, ""},
	} {
		if op, model := PathOf(path); op != want.op || model != want.model {
			t.Errorf("%s: %d %q", path, op, model)
		}
	}
	if !Chat.Streams() || Embeddings.Streams() {
		t.Error("chats stream and embeddings do not")
	}
}

func TestAnAddressIsAPrefixOrNamesAnOperation(t *testing.T) {
	for path, want := range map[string]struct {
		prefix string
		op     Operation
		called string
	}{
		"":                         {"", NoOperation, "/v1/chat/completions"},
		"/api":                     {"/api", NoOperation, "/api/v1/chat/completions"},
		"/v1/embeddings":           {"", Embeddings, "/v1/embeddings"},
		"/api/v1/completions":      {"/api", Completions, "/api/v1/completions"},
		"/api/v1/chat/completions": {"/api", Chat, "/api/v1/chat/completions"},
		"/gpt/chat/completions":    {"/gpt", Chat, "/gpt/chat/completions"},
		"/openai/v1/rerank":        {"/openai", Other, "/openai/v1/rerank"},
	} {
		prefix, op := SplitPath(path)
		if called := string(Path(nil, &message.Target{Path: path})); prefix != want.prefix || op != want.op || called != want.called {
			t.Errorf("%q: %q %d, called at %q", path, prefix, op, called)
		}
	}
}

func TestTheListOfModelsIsWrittenAndRead(t *testing.T) {
	text := AppendModels(nil, []string{"a", `b"`}, "millrace")
	if got := string(text); got != `{"object":"list","data":[{"id":"a","object":"model","created":0,"owned_by":"millrace"},{"id":"b\"","object":"model","created":0,"owned_by":"millrace"}]}` {
		t.Error(got)
	}
	if names, err := ModelNames(nil, text); err != nil || len(names) != 2 || names[1] != `b"` {
		t.Errorf("%q %v", names, err)
	}
	if _, err := ModelNames(nil, []byte(`[]`)); err == nil {
		t.Error("an array was read as a list of models")
	}
}

func FuzzCodec(f *testing.F) {
	for _, s := range []string{`{"messages":[{"role":"user","content":"a"}]}`, `{"input":[1,2]}`, `{"prompt":["a"],"x":1}`, `{"messages":[{"content":[{"text":"a"}]}],"stream":true}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Codec{}.DecodeRequest(wire(text))
		if err != nil {
			var failure *message.Failure
			if !errors.As(err, &failure) {
				t.Fatal(err)
			}
			return
		}
		for i := range c.Tensors {
			if err := c.Tensors[i].Check(); err != nil {
				t.Fatal(err)
			}
		}
		label := tensor.OfStrings("label", "x")
		w, err := Codec{}.EncodeReply(message.FromContent(&message.Content{Tensors: []tensor.Tensor{label}}), asking(text))
		if err == nil && w.ContentType != ContentTypeEvents && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s", w.Body.Bytes())
		}
		if len(c.Tensors) == 1 && c.Model != "" {
			if _, err := (Codec{}).EncodeRequest([]*message.Message{message.FromContent(c)}, &message.Target{Model: "m"}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
