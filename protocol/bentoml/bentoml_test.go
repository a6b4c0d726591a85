package bentoml

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

func wire(text string) *message.Wire {
	return &message.Wire{Dialect: message.BentoML, Body: body.Of([]byte(text)), JSONLength: -1}
}

func typed(contentType, text string) *message.Wire {
	w := wire(text)
	w.ContentType = contentType
	return w
}

var rows = []contract.Dim{{Size: -1, Rows: true}}

func content(ts ...tensor.Tensor) *message.Content { return &message.Content{Tensors: ts} }

func TestRequestsAreObjectsByParameterName(t *testing.T) {
	text := tensor.OfStrings("text", "a")
	two := tensor.OfStrings("text", "a", "b")
	x := tensor.OfFP64("x", 1, 2, 3, 4)
	x.Shape = []int64{2, 2}
	k := tensor.Parameters{{Name: "k", Value: tensor.Int64Of(3)}}
	for _, c := range []struct {
		name string
		c    *contract.Contract
		in   *message.Content
		want string
	}{
		{"a scalar", &contract.Contract{Inputs: []contract.Field{{Name: "text"}}}, content(text), `{"text":"a"}`},
		{"rows", &contract.Contract{Inputs: []contract.Field{{Name: "text", Tensor: "texts", Shape: rows}}}, content(text), `{"texts":["a"]}`},
		{"an array", &contract.Contract{Inputs: []contract.Field{{Name: "x", Tensor: "input_series"}}, Parameters: k}, content(x), `{"input_series":[[1.0,2.0],[3.0,4.0]],"k":3}`},
		{"the root input", &contract.Contract{Inputs: []contract.Field{{Name: "text", Tensor: RootInput, Shape: rows}}, Parameters: k}, content(two), `["a","b"]`},
		{"the whole body", &contract.Contract{Inputs: []contract.Field{{Name: "text", Tensor: "$"}}}, content(text), `"a"`},
		{"a path", &contract.Contract{Inputs: []contract.Field{{Name: "text", Tensor: "query.text"}}}, content(text), `{"query":{"text":"a"}}`},
		{"without a contract", nil, content(two, x), `{"text":["a","b"],"x":[[1.0,2.0],[3.0,4.0]]}`},
		{"JSON without a contract", nil, &message.Content{JSON: []byte(`{"a": {}}`)}, `{"a": {}}`},
	} {
		codec, err := New(c.c)
		if err != nil {
			t.Fatal(err)
		}
		in, err := c.c.Request(c.in)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		w, err := codec.EncodeRequest([]*message.Message{message.FromContent(in)}, &message.Target{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := string(w.Body.Bytes()); got != c.want || w.Dialect != message.BentoML {
			t.Errorf("%s: %s in %s", c.name, got, w.Dialect)
		}
	}
	own := message.FromWire(typed("application/json; v=1", ` {"a": 1.50}`), Codec{}.DecodeRequest)
	w, err := Codec{}.EncodeRequest([]*message.Message{own}, &message.Target{})
	if err != nil || string(w.Body.Bytes()) != ` {"a": 1.50}` || w.ContentType != "application/json; v=1" || own.Decoded() {
		t.Errorf("a client's own: %v %v", w, err)
	}
	if _, err := (Codec{}).EncodeRequest(nil, &message.Target{}); err == nil {
		t.Error("no message was rendered")
	}
	if _, err := (Codec{}).EncodeRequest([]*message.Message{message.FromContent(content(tensor.OfStrings("b", "\xff")))}, &message.Target{}); err == nil || !strings.Contains(err.Error(), `tensor "b"`) {
		t.Errorf("bytes in JSON: %v", err)
	}
}

func TestClientsBodiesBecomeTensorsByTheirContentType(t *testing.T) {
	for _, c := range []struct{ name, kind, text, want string }{
		{"an object", "", `{"text":"a","x":[1,2.5]}`, `text=BYTES[] "a" x=UNTYPED[2] [1,2.5] scalar`},
		{"an array is the root input", "application/json", `["a","b"]`, `=BYTES[2] ["a","b"]`},
		{"the root input by its name", "application/json", `{"__root_input__":"a"}`, `=BYTES[] "a" scalar`},
		{"what has no form as tensors", "", `{"a":{"b":1}}`, `JSON {"a":{"b":1}}`},
		{"nothing", "application/json", ``, `JSON {}`},
		{"an unknown type is JSON", "text/x-any", `[true]`, `=BOOL[1] true`},
		{"a file", "image/png", "\x89PNG", `=BYTES[] BYTES[] scalar`},
		{"not JSON", "", `{"a"`, `!malformed JSON: offset 4`},
		{"a pickle", "application/vnd.bentoml+pickle", "\x80", `!pickled requests are not read; send JSON or a form`},
	} {
		got, err := Codec{}.DecodeRequest(typed(c.kind, c.text))
		check(t, c.name, c.want, got, err)
	}
}

// check compares a content, or an error where want begins with '!'.
func check(t *testing.T, name, want string, c *message.Content, err error) {
	t.Helper()
	if text, refused := strings.CutPrefix(want, "!"); refused || err != nil {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
		return
	}
	if got := describe(c); got != want {
		t.Errorf("%s:\n got %s\nwant %s", name, got, want)
	}
}

func describe(c *message.Content) string {
	var all []string
	for i := range c.Tensors {
		x := &c.Tensors[i]
		shape, _ := json.Marshal(append([]int64{}, x.Shape...))
		all = append(all, x.Name+"="+x.Datatype.String()+string(shape)+" "+x.Preview())
	}
	if len(c.JSON) > 0 {
		all = append(all, "JSON "+string(c.JSON))
	}
	if c.Scalar {
		all = append(all, "scalar")
	}
	return strings.Join(all, " ")
}

func TestRepliesAreReadByTheirContentType(t *testing.T) {
	for _, c := range []struct{ name, kind, text, want string }{
		{"text", "text/plain; charset=utf-8", `positive`, `=BYTES[] "positive" scalar`},
		{"a file", "image/png", `x`, `=BYTES[] "x" scalar`},
		{"an array", "application/json", `[[1,2]]`, `=UNTYPED[1,2] [1,2]`},
		{"an object", "application/json", `{"label":"a","score":0.5}`, `label=BYTES[] "a" score=UNTYPED[] 0.5`},
		{"records", "application/json", `[{"a":1},{"a":2}]`, `a=UNTYPED[2] [1,2]`},
		{"any other JSON", "application/json", `{"a":{}}`, `JSON {"a":{}}`},
		{"not JSON", "application/json", `nope`, `!malformed JSON`},
	} {
		got, err := Codec{}.DecodeReply(typed(c.kind, c.text))
		check(t, c.name, c.want, got, err)
	}
	answers := &contract.Contract{Outputs: []contract.Field{{Name: "label", Tensor: "[0].label", Type: tensor.Bytes}}}
	codec, err := New(answers)
	if err != nil {
		t.Fatal(err)
	}
	c, err := codec.DecodeReply(wire(`[{"label":"a","score":1}]`))
	if err != nil {
		t.Fatal(err)
	}
	if out, _, err := answers.Reply(c); err != nil || out.Tensors[0].Preview() != `"a"` {
		t.Errorf("by path: %v %v", out, err)
	}
}

func TestRepliesToClientsFollowHowTheyAsked(t *testing.T) {
	label := tensor.OfStrings("label", "a")
	bare := tensor.OfStrings("", "a")
	scalar := &message.Asking{Request: &message.Content{Scalar: true}}
	for _, c := range []struct {
		name string
		a    *message.Asking
		in   *message.Content
		want string
	}{
		{"a row", scalar, content(label), `{"label":"a"}`},
		{"rows", nil, content(label), `{"label":["a"]}`},
		{"a bare value", scalar, content(bare), `"a"`},
		{"JSON", nil, &message.Content{JSON: []byte(`{"x":[]}`)}, `{"x":[]}`},
		{"a merge", scalar, &message.Content{Parts: []message.Part{{Name: "p", Message: message.FromContent(content(label))}}}, `{"p":{"label":"a"}}`},
	} {
		w, err := Codec{}.EncodeReply(message.FromContent(c.in), c.a)
		if err != nil || string(w.Body.Bytes()) != c.want || w.Status != 200 {
			t.Errorf("%s: %v %v", c.name, w, err)
		}
	}
	own := typed("text/plain", "ok")
	own.Reply, own.Native, own.Status = true, true, 201
	if w, err := (Codec{}).EncodeReply(message.FromWire(own, nil), nil); err != nil || string(w.Body.Bytes()) != "ok" || w.ContentType != "text/plain" || w.Status != 201 {
		t.Errorf("a service's own: %v %v", w, err)
	}
}

func TestErrorsAndPathsAreBentoMLs(t *testing.T) {
	w := Codec{}.EncodeFailure(&message.Failure{Kind: message.ResourceExhausted, Detail: "Too many requests"}, nil)
	if got := string(w.Body.Bytes()); got != `{"error":"Too many requests"}` || w.Status != 429 {
		t.Errorf("%d %s", w.Status, got)
	}
	own := wire(`{"error":"1 validation error for Input","detail":[{"loc":["text"],"msg":"Field required"}]}`)
	own.Status = 400
	w = Codec{}.EncodeFailure(&message.Failure{Kind: message.FailedUpstream, Reply: message.FromWire(own, nil)}, nil)
	if w.Status != 400 || w.Body.Len() != own.Body.Len() {
		t.Errorf("%d %s", w.Status, w.Body.Bytes())
	}
	if got := ErrorText(w); got != "1 validation error for Input" {
		t.Error(got)
	}
	if got := string(Path(nil, &message.Target{})); got != "/predict" {
		t.Error(got)
	}
	if got := string(Path(nil, &message.Target{Path: "/summarize"})); got != "/summarize" {
		t.Error(got)
	}
}

func BenchmarkEncodeRequest(b *testing.B) {
	codec, err := New(&contract.Contract{Inputs: []contract.Field{{Name: "text", Tensor: "passage", Shape: rows}}})
	if err != nil {
		b.Fatal(err)
	}
	in := []*message.Message{message.FromContent(content(tensor.OfStrings("passage", "I love it")))}
	target := &message.Target{}
	b.ReportAllocs()
	for b.Loop() {
		w, err := codec.EncodeRequest(in, target)
		if err != nil {
			b.Fatal(err)
		}
		w.Body.Release()
	}
}
