package plain

import (
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

func wire(text string) *message.Wire {
	return &message.Wire{Dialect: message.Plain, Body: body.Of([]byte(text)), JSONLength: -1}
}

var rows = []contract.Dim{{Size: -1, Rows: true}}

// ask sends a request through the contract and the codec and returns the body that the service gets.
func ask(t *testing.T, c *contract.Contract, in *message.Content) string {
	t.Helper()
	codec, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	mapped, err := c.Request(in)
	if err != nil {
		t.Fatal(err)
	}
	w, err := codec.EncodeRequest([]*message.Message{message.FromContent(mapped)}, &message.Target{})
	if err != nil {
		t.Fatal(err)
	}
	return string(w.Body.Bytes())
}

func one(ts ...tensor.Tensor) *message.Content { return &message.Content{Tensors: ts, Scalar: true} }

func TestTheBodyIsBuiltByTheContract(t *testing.T) {
	text := tensor.OfStrings("text", "a")
	two := tensor.OfStrings("text", "a", "b")
	number := tensor.OfStrings("n", "7")
	number.Datatype = tensor.Untyped
	for _, c := range []struct {
		name string
		c    contract.Contract
		in   *message.Content
		want string
	}{
		{"a declared row is an array", contract.Contract{Inputs: []contract.Field{{Name: "text", Tensor: "passage", Shape: rows}}}, one(text), `{"passage":["a"]}`},
		{"without a shape one value is a scalar", contract.Contract{Inputs: []contract.Field{{Name: "text"}}}, one(text), `{"text":"a"}`},
		{"without a shape several are an array", contract.Contract{Inputs: []contract.Field{{Name: "text"}}}, one(two), `{"text":["a","b"]}`},
		{"a declared scalar", contract.Contract{Inputs: []contract.Field{{Name: "text", Shape: []contract.Dim{}}}}, one(text), `{"text":"a"}`},
		{"a path", contract.Contract{Inputs: []contract.Field{{Name: "text", Tensor: "q.items[0].t"}, {Name: "n", Tensor: "q.n", Type: tensor.FP32}}}, one(text, number), `{"q":{"items":[{"t":"a"}],"n":7.0}}`},
		{"the whole body", contract.Contract{Inputs: []contract.Field{{Name: "text", Tensor: "$"}}}, one(text), `"a"`},
		{"an object a row", contract.Contract{Inputs: []contract.Field{{Name: "text", Tensor: "$[*].t", Shape: rows}}}, one(two), `[{"t":"a"},{"t":"b"}]`},
		{"numbers without a type keep their text", contract.Contract{Inputs: []contract.Field{{Name: "n"}}}, one(number), `{"n":7}`},
		{"fixed parameters", contract.Contract{Inputs: []contract.Field{{Name: "text"}}, Parameters: tensor.Parameters{{Name: "k", Value: tensor.Int64Of(3)}}}, one(text), `{"text":"a","k":3}`},
	} {
		if got := ask(t, &c.c, c.in); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	fixed := &contract.Contract{Inputs: []contract.Field{{Name: "text"}}, Parameters: tensor.Parameters{{Name: "k", Value: tensor.Int64Of(3)}}}
	in := one(text)
	in.Parameters = tensor.Parameters{{Name: "k", Value: tensor.Int64Of(9)}, {Name: "other", Value: tensor.Int64Of(1)}}
	if got := ask(t, fixed, in); got != `{"text":"a","k":9}` {
		t.Errorf("the caller's value: %s", got)
	}
	if _, err := New(&contract.Contract{Inputs: []contract.Field{{Name: "a"}, {Name: "b", Tensor: "a.b"}}}); err == nil {
		t.Error("contradicting paths were taken")
	}
}

func TestAReplyStaysJSONForTheContractToRead(t *testing.T) {
	c, err := Codec{}.DecodeReply(wire(` {"grade": [1.50], "words": [3]} `))
	if err != nil || string(c.JSON) != `{"grade": [1.50], "words": [3]}` {
		t.Fatalf("%s, %v", c.JSON, err)
	}
	mapped, _, err := (&contract.Contract{Outputs: []contract.Field{{Name: "grade", Type: tensor.FP64, Shape: rows}}}).Reply(c)
	if err != nil || mapped.Tensors[0].Preview() != "1.5" {
		t.Errorf("%v, %v", mapped, err)
	}
	var f *message.Failure
	if _, err := (Codec{}).DecodeReply(wire(`<html>`)); !errors.As(err, &f) {
		t.Errorf("a page: %v", err)
	}
}

func TestARequestWhoseMembersAreTensorsGoesThroughExactly(t *testing.T) {
	for _, text := range []string{`{"a":1.0,"b":["x","y"],"c":[[1],[2]],"d":true}`, `[1,2.50]`, `"a"`, `{"a":{"deep":[{}]}}`, `{"a":[1,"x"]}`, `{}`, `null`, `{"a":1,"a":2}`, `{"":1}`, `[]`} {
		c, err := Codec{}.DecodeRequest(wire(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		w, err := Codec{}.EncodeRequest([]*message.Message{message.FromContent(c)}, &message.Target{})
		if err != nil || string(w.Body.Bytes()) != text {
			t.Errorf("%s became %s, %v", text, w.Body.Bytes(), err)
		}
	}
	c, err := Codec{}.DecodeRequest(wire(`{"text":"a","n":[1,2]}`))
	if err != nil || !c.Scalar || len(c.Tensors) != 2 {
		t.Errorf("%v, %v", c, err)
	}
}

func TestARepliesObjectFollowsTheQuestion(t *testing.T) {
	m := message.FromContent(&message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("label", "en"), tensor.OfFP64("score", 1)}})
	for scalar, want := range map[bool]string{true: `{"label":"en","score":1.0}`, false: `{"label":["en"],"score":[1.0]}`} {
		w, err := Codec{}.EncodeReply(m, &message.Asking{Request: &message.Content{Scalar: scalar}})
		if err != nil || string(w.Body.Bytes()) != want {
			t.Errorf("%s, %v, want %s", w.Body.Bytes(), err, want)
		}
	}
}

func TestAPlainBodyPassesAsItsBytes(t *testing.T) {
	in := wire(`{"x" : 1}`)
	in.ContentType, in.Status = "text/json", 201
	m := message.FromWire(in, Codec{}.DecodeRequest)
	w, err := Codec{}.EncodeRequest([]*message.Message{m}, &message.Target{})
	if err != nil || string(w.Body.Bytes()) != `{"x" : 1}` || w.ContentType != "text/json" {
		t.Errorf("%v, %v", w, err)
	}
	w, err = Codec{}.EncodeReply(m, &message.Asking{})
	if err != nil || w.Status != 201 {
		t.Errorf("%v, %v", w, err)
	}
}

func TestAFailureIsAnErrorWithItsStatus(t *testing.T) {
	w := Codec{}.EncodeFailure(&message.Failure{Code: "MR501", Kind: message.Unavailable, Part: "grade", Detail: "no endpoint answers"}, nil)
	if got := string(w.Body.Bytes()); w.Status != 503 || got != `{"error":"MR501 part grade: no endpoint answers"}` {
		t.Errorf("%d %s", w.Status, got)
	}
	own := wire(`{"detail":"no"}`)
	own.Status = 422
	w = Codec{}.EncodeFailure(&message.Failure{Kind: message.FailedUpstream, Reply: message.FromWire(own, nil)}, nil)
	if w.Status != 422 || string(w.Body.Bytes()) != `{"detail":"no"}` || ErrorText(own) != "no" {
		t.Errorf("%d %s", w.Status, w.Body.Bytes())
	}
	if got := string(Path(nil, &message.Target{Path: "/score"})); got != "/score" {
		t.Error(got)
	}
}

func FuzzDecodeRequest(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `[1]`, `{"a":{"b":[1,"x"]}}`, `nul`, `{"a":1,"a":[]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Codec{}.DecodeRequest(wire(string(text)))
		if err != nil {
			if !strings.Contains(err.Error(), "malformed JSON: offset ") {
				t.Fatal(err)
			}
			return
		}
		if _, err := (Codec{}).EncodeRequest([]*message.Message{message.FromContent(c)}, &message.Target{}); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkEncodeRequest(b *testing.B) {
	codec, err := New(&contract.Contract{Inputs: []contract.Field{{Name: "text", Tensor: "passage", Shape: rows}}})
	if err != nil {
		b.Fatal(err)
	}
	in := []*message.Message{message.FromContent(one(tensor.OfStrings("passage", "I love it")))}
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
