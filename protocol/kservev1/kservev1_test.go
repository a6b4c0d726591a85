package kservev1

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

func wire(text string) *message.Wire {
	return &message.Wire{Dialect: message.KServeV1, Body: body.Of([]byte(text)), JSONLength: -1, Native: true}
}

var rows = contract.Dim{Size: -1, Rows: true}

func content(ts ...tensor.Tensor) *message.Content { return &message.Content{Tensors: ts} }

func matrix(name string, shape []int64, v ...float64) tensor.Tensor {
	t := tensor.OfFP64(name, v...)
	t.Shape = shape
	return t
}

func TestInstancesAreRows(t *testing.T) {
	text := tensor.OfStrings("text", "a", "b")
	x := matrix("x", []int64{2, 2}, 1, 2, 3, 4)
	vector := matrix("v", []int64{2}, 1, 2)
	for _, c := range []struct {
		name string
		c    *contract.Contract
		in   *message.Content
		want string
	}{
		{"one input is its bare value", &contract.Contract{Inputs: []contract.Field{{Name: "text", Shape: []contract.Dim{rows}}}}, content(text), `{"instances":["a","b"]}`},
		{"one input that the server names is an object", &contract.Contract{Inputs: []contract.Field{{Name: "text", Tensor: "comment", Shape: []contract.Dim{rows}}}}, content(text), `{"instances":[{"comment":"a"},{"comment":"b"}]}`},
		{"the bare value in words", &contract.Contract{Inputs: []contract.Field{{Name: "text", Tensor: "$"}}}, content(text), `{"instances":["a","b"]}`},
		{"several inputs are objects", &contract.Contract{Inputs: []contract.Field{{Name: "text"}, {Name: "x"}}}, content(text, x), `{"instances":[{"text":"a","x":[1.0,2.0]},{"text":"b","x":[3.0,4.0]}]}`},
		{"a path into an instance", &contract.Contract{Inputs: []contract.Field{{Name: "text", Tensor: "q.t"}}}, content(text), `{"instances":[{"q":{"t":"a"}},{"q":{"t":"b"}}]}`},
		{"a vector without rows is one instance", &contract.Contract{Inputs: []contract.Field{{Name: "v", Shape: []contract.Dim{{Size: 2}}}}}, content(vector), `{"instances":[[1.0,2.0]]}`},
		{"without a contract, one", nil, content(x), `{"instances":[[1.0,2.0],[3.0,4.0]]}`},
		{"without a contract, several", nil, content(text, x), `{"instances":[{"text":"a","x":[1.0,2.0]},{"text":"b","x":[3.0,4.0]}]}`},
		{"JSON is an instance", nil, &message.Content{JSON: []byte(`{"k":1}`)}, `{"instances":[{"k":1}]}`},
		{"fixed parameters stand beside", &contract.Contract{Inputs: []contract.Field{{Name: "text"}}, Parameters: tensor.Parameters{{Name: "signature_name", Value: tensor.StringOf("s")}}}, content(text), `{"instances":["a","b"],"signature_name":"s"}`},
	} {
		codec, err := New(c.c)
		if err != nil {
			t.Fatal(err)
		}
		in, err := c.c.Request(c.in)
		if err != nil {
			t.Fatal(err)
		}
		w, err := codec.EncodeRequest([]*message.Message{message.FromContent(in)}, &message.Target{})
		if err != nil || string(w.Body.Bytes()) != c.want {
			t.Errorf("%s:\n got %s %v\nwant %s", c.name, w.Body.Bytes(), err, c.want)
		}
	}
	ragged := content(text, matrix("x", []int64{3}, 1, 2, 3))
	if _, err := (Codec{}).EncodeRequest([]*message.Message{message.FromContent(ragged)}, &message.Target{}); err == nil || !strings.Contains(err.Error(), "same number of rows") {
		t.Errorf("inputs with different rows: %v", err)
	}
}

func TestPredictionsBecomeTensors(t *testing.T) {
	for text, want := range map[string]string{
		`{"predictions":[1,2]}`: ` [2] [1,2]`,
		`{"predictions":[{"toxic":true,"probability":0.50},{"toxic":false,"probability":1}]}`: `toxic [2] [true,false]; probability [2] [0.50,1]`,
		`{"predictions":{"a":[1]}}`:                `a [1] 1`,
		`{"predictions":[[1],[2,3]]}`:              `JSON [[1],[2,3]]`,
		`{"predictions":[{"a":{"b":1}}],"x":null}`: `JSON [{"a":{"b":1}}]`,
		`{"other":1}`:                              `JSON {"other":1}`,
	} {
		c, err := Codec{}.DecodeReply(wire(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got []string
		for i := range c.Tensors {
			x := &c.Tensors[i]
			got = append(got, fmt.Sprint(x.Name, " ", x.Shape, " ", x.Preview()))
		}
		if len(c.JSON) > 0 {
			got = append(got, "JSON "+string(c.JSON))
		}
		if s := strings.Join(got, "; "); s != want {
			t.Errorf("%s: %s, want %s", text, s, want)
		}
	}
	nested := &contract.Contract{Outputs: []contract.Field{{Name: "b", Tensor: "$[*].a.b", Type: tensor.Int64}}}
	c, err := Codec{}.DecodeReply(wire(`{"predictions":[{"a":{"b":1}},{"a":{"b":2}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if reply, _, err := nested.Reply(c); err != nil || reply.Tensors[0].Preview() != "[1,2]" {
		t.Errorf("a path into predictions: %v, %v", reply, err)
	}
	if _, err := (Codec{}).DecodeReply(wire(`{"predictions":[NaN]}`)); err == nil {
		t.Error("NaN is no JSON")
	}
}

func TestAClientsInstancesAreReadAndItsPredictionsWritten(t *testing.T) {
	c, err := Codec{}.DecodeRequest(wire(`{"instances":[{"text":"a"},{"text":"b"}]}`))
	if err != nil || c.Tensors[0].Name != "text" || c.Tensors[0].Preview() != `["a","b"]` {
		t.Errorf("%v, %v", c, err)
	}
	var f *message.Failure
	if _, err := (Codec{}).DecodeRequest(wire(`{"instance":[1]}`)); !errors.As(err, &f) || f.Kind != message.InvalidArgument {
		t.Errorf("no instances: %v", err)
	}
	for _, c := range []struct {
		m    *message.Content
		want string
	}{
		{content(tensor.OfStrings("label", "x")), `{"predictions":["x"]}`},
		{content(tensor.OfStrings("label", "x"), tensor.OfFP64("score", 1)), `{"predictions":[{"label":"x","score":1.0}]}`},
		{&message.Content{JSON: []byte(`[{"k":1}]`)}, `{"predictions":[{"k":1}]}`},
		{content(matrix("s", nil, 2)), `{"predictions":[2.0]}`},
	} {
		w, err := Codec{}.EncodeReply(message.FromContent(c.m), &message.Asking{})
		if err != nil || string(w.Body.Bytes()) != c.want {
			t.Errorf("%s, %v, want %s", w.Body.Bytes(), err, c.want)
		}
	}
}

func TestAFailureIsAnErrorWithItsStatus(t *testing.T) {
	w := Codec{}.EncodeFailure(&message.Failure{Kind: message.NotFound, Detail: "no model"}, nil)
	if got := string(w.Body.Bytes()); w.Status != 404 || got != `{"error":"no model"}` {
		t.Errorf("%d %s", w.Status, got)
	}
	if got := ErrorText(wire(`{"error":"Model with name x does not exist."}`)); got != "Model with name x does not exist." {
		t.Error(got)
	}
	if got := ErrorText(wire(`upstream connect error`)); got != "upstream connect error" {
		t.Error(got)
	}
	for m, want := range map[message.Method]string{message.Predict: "/v1/models/a%2Fb:predict", message.Explain: "/v1/models/a%2Fb:explain"} {
		if got := string(Path(nil, &message.Target{Model: "a/b", Method: m})); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestAMessageInThisDialectPassesAsItsBytes(t *testing.T) {
	text := `{"instances" : [1], "more": {}}`
	m := message.FromWire(wire(text), Codec{}.DecodeRequest)
	w, err := Codec{}.EncodeRequest([]*message.Message{m}, &message.Target{})
	if err != nil || string(w.Body.Bytes()) != text {
		t.Errorf("%s, %v", w.Body.Bytes(), err)
	}
}

func TestPredictionsBecomeTheNextModelsInstances(t *testing.T) {
	reply := wire(`{"predictions":[1.50,2]}`)
	reply.Reply = true
	w, err := Codec{}.EncodeRequest([]*message.Message{message.FromWire(reply, Codec{}.DecodeReply)}, &message.Target{})
	if err != nil || string(w.Body.Bytes()) != `{"instances":[1.50,2]}` {
		t.Errorf("%s, %v", w.Body.Bytes(), err)
	}
	w, err = Codec{}.EncodeReply(message.FromWire(reply, nil), &message.Asking{})
	if err != nil || string(w.Body.Bytes()) != `{"predictions":[1.50,2]}` {
		t.Errorf("%s, %v", w.Body.Bytes(), err)
	}
}

func FuzzDecodeReply(f *testing.F) {
	for _, s := range []string{`{"predictions":[1,2]}`, `{"predictions":[{"a":1},{"a":2}]}`, `{"predictions":{"a":[]}}`, `[]`, `{"predictions":[{"a":[]},{"a":[]}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Codec{}.DecodeReply(wire(string(text)))
		if err != nil {
			return
		}
		_, _ = Codec{}.EncodeReply(message.FromContent(c), &message.Asking{}) // columns of different length are refused
	})
}

func BenchmarkEncodeRequest(b *testing.B) {
	codec, err := New(&contract.Contract{Inputs: []contract.Field{{Name: "text", Tensor: "comment", Shape: []contract.Dim{rows}}}})
	if err != nil {
		b.Fatal(err)
	}
	in := []*message.Message{message.FromContent(content(tensor.OfStrings("comment", "I love it")))}
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

func BenchmarkDecodeReply(b *testing.B) {
	w := wire(`{"predictions":[{"toxic":true,"probability":0.5}]}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Codec{}).DecodeReply(w); err != nil {
			b.Fatal(err)
		}
	}
}
