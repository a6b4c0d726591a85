package tfserving

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

func restWire(text string) *message.Wire {
	return &message.Wire{Dialect: message.TFServingREST, Body: body.Of([]byte(text)), JSONLength: -1, Native: true}
}

func restReply(text string) *message.Wire {
	w := restWire(text)
	w.Reply, w.Status = true, 200
	return w
}

func content(ts ...tensor.Tensor) *message.Content { return &message.Content{Tensors: ts} }

func shaped(t tensor.Tensor, shape ...int64) tensor.Tensor {
	t.Shape = shape
	return t
}

// show writes content for comparison.
func show(c *message.Content) string {
	var all []string
	for i := range c.Tensors {
		x := &c.Tensors[i]
		all = append(all, strings.TrimSpace(fmt.Sprint(x.Name, " ", x.Datatype, " ", x.Shape, " ", x.Preview())))
	}
	for _, p := range c.Parameters {
		all = append(all, p.Name+"="+p.Value.String)
	}
	if c.JSON != nil {
		all = append(all, "JSON "+string(c.JSON))
	}
	return strings.Join(all, "; ")
}

func TestInstancesAndInputsBecomeTensors(t *testing.T) {
	for text, want := range map[string]string{
		`{"instances":[1,2.5]}`:                                     `UNTYPED [2] [1,2.5]`,
		`{"instances":[[1,2],[3,4]],"signature_name":"s"}`:          `UNTYPED [2 2] [1,2,3,4]; signature_name=s`,
		`{"instances":[{"b64":"aGk="},"x",{"b64":"aGk"}]}`:          `BYTES [3] ["hi","x","hi"]`,
		`{"instances":[{"x":[1,2],"k":"a"},{"k":"b","x":[3,4]}]}`:   `x UNTYPED [2 2] [1,2,3,4]; k BYTES [2] ["a","b"]`,
		`{"instances":[{"b64":"aGk=","n":1}]}`:                      `b64 BYTES [1] "aGk="; n UNTYPED [1] 1`,
		`{"instances":[{"i":{"b64":"aGk="}}]}`:                      `i BYTES [1] "hi"`,
		`{"instances":[NaN,-Infinity,1]}`:                           `FP64 [3] [NaN,-Infinity,1.0]`,
		`{"instances":[{"x":NaN},{"x":1}]}`:                         `x FP64 [2] [NaN,1.0]`,
		`{"instances":[9007199254740993]}`:                          `UNTYPED [1] 9007199254740993`,
		`{"instances":[[],[]]}`:                                     `UNTYPED [2 0] []`,
		`{"instances":[true]}`:                                      `BOOL [1] true`,
		`{"inputs":{"x":[[1]],"s":"t"},"other":[{}]}`:               `x UNTYPED [1 1] 1; s BYTES [] "t"`,
		`{"inputs":{"b64":"aGk="}}`:                                 `BYTES [] "hi"`,
		`{"inputs":3}`:                                              `UNTYPED [] 3`,
		`{"inputs":[["a",{"b64":""}]]}`:                             `BYTES [1 2] ["a",""]`,
		`{"inputs":{}}`:                                             ``,
		`{"signature_name":"é","inputs":{"x":1,"y":[Infinity]}} `:   `x UNTYPED [] 1; y FP64 [1] Infinity; signature_name=é`,
		`{"inputs":{"long":1` + strings.Repeat("0", 77) + `}}`:      `long UNTYPED [] 1` + strings.Repeat("0", 56) + `...`,
		`{"instances":[{"\u0061":"\ud83d\ude00"},{"a":"\u0000b"}]}`: "a BYTES [2] [\"😀\",\"\\u0000b\"]",
	} {
		c, err := REST{}.DecodeRequest(restWire(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := show(c); got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestABadRequestIsRefusedWithThePlace(t *testing.T) {
	for text, want := range map[string]string{
		`{"instances":[[1,2],[3]]}`:                     `failed to process element: 1 of 'instances' list. Error: expecting shape [2] but got: [1]`,
		`{"instances":[[1,2],3]}`:                       `failed to process element: 1 of 'instances' list. Error: expecting shape [2] but got: []`,
		`{"instances":[[[1],[2,3]]]}`:                   `failed to process element: 0 of 'instances' list. Error: offset 24: data is ragged`,
		`{"instances":[1,"a"]}`:                         `failed to process element: 1 of 'instances' list. Error: expecting numbers but got: strings`,
		`{"instances":[true,"a"]}`:                      `failed to process element: 1 of 'instances' list. Error: expecting booleans but got: strings`,
		`{"instances":[{"x":[1]},{"x":[1]},{"x":[]}]}`:  `failed to process element: 2 key: x of 'instances' list. Error: expecting shape [1] but got: [0]`,
		`{"instances":[{"x":1},{"y":1}]}`:               `failed to process element: 1 of 'instances' list. Error: keys must be equal to: x`,
		`{"instances":[{"x":1,"y":1},{"x":1}]}`:         `failed to process element: 1 of 'instances' list. Error: keys must be equal to: x,y`,
		`{"instances":[{"x":1,"x":1}]}`:                 `failed to process element: 0 key: x of 'instances' list. Error: the key stands twice`,
		`{"instances":[{"x":1},2]}`:                     `expecting object but got a number at item 1 of 'instances' list`,
		`{"instances":[2,{"x":1}]}`:                     `expecting value/list but got object at item 1 of 'instances' list`,
		`{"instances":[{"x":{"y":1}}]}`:                 `failed to process element: 0 key: x of 'instances' list. Error: offset`,
		`{"instances":[{"b64":"?"}]}`:                   `unable to base64 decode`,
		`{"instances":[null]}`:                          `element 0: expected a number, found null`,
		`{"instances":{"x":1}}`:                         `expected 'instances' to be a list/array, found an object`,
		`{"instances":[1],"inputs":[1]}`:                `expecting only one of 'inputs' or 'instances'`,
		`{"instances":[1],"instances":[1]}`:             `expecting only one of`,
		`{"instances":[1],"signature_name":1}`:          `'signature_name' key must be a string value`,
		`{"instance":[1]}`:                              `missing 'inputs' or 'instances' key; write`,
		`{"inputs":{"x":[[1],2]}}`:                      `'x' of 'inputs': offset 20: data is ragged`,
		`{"inputs":{"x":1,"x":2}}`:                      `'inputs' names 'x' twice`,
		`{"inputs":{"x":{"y":1}}}`:                      `'x' of 'inputs': offset`,
		`{"inputs":[1` + strings.Repeat(",", 2) + `1]}`: `offset 13`,
		`{"inputs":[9007199254740993,NaN]}`:             `an integer that FP64 may not hold exactly`,
		`{"examples":[{"x":1}]}`:                        `classify and regress requests have no form as tensors; send the features by :predict`,
		`[1]`:                                           `expected an object with instances or inputs, found an array`,
		`{"inputs":1`:                                   `malformed JSON: offset 11`,
		``:                                              `malformed JSON`,
	} {
		_, err := REST{}.DecodeRequest(restWire(text))
		var f *message.Failure
		if !errors.As(err, &f) || f.Kind != message.InvalidArgument || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestPredictionsOutputsAndResultsBecomeTensors(t *testing.T) {
	for text, want := range map[string]string{
		`{"predictions":[1.0,NaN]}`:                                   `FP64 [2] [1.0,NaN]`,
		`{"predictions":[{"a":1,"b":[1,2]},{"a":2,"b":[3,4]}]}`:       `a UNTYPED [2] [1,2]; b UNTYPED [2 2] [1,2,3,4]`,
		`{"outputs":{"a":[1],"img_bytes":{"b64":"/w=="}}}`:            `a UNTYPED [1] 1; img_bytes BYTES [] BYTES[]`,
		`{"outputs":[[1]]}`:                                           `UNTYPED [1 1] 1`,
		`{"results":[1.5,2]}`:                                         `outputs UNTYPED [2] [1.5,2]`,
		`{"results":[[["cat",0.9],["dog",0.1]],[["dog",1],["a",0]]]}`: `classes BYTES [2 2] ["cat","dog","dog","a"]; scores UNTYPED [2 2] [0.9,0.1,1,0]`,
		`{"results":[[["cat",0.9]],[]]}`:                              `JSON [[["cat",0.9]],[]]`,
		`{"results":[[["cat",NaN]]]}`:                                 `classes BYTES [1 1] "cat"; scores FP64 [1 1] NaN`,
		`{"predictions":[[1],[2,3]]}`:                                 `JSON [[1],[2,3]]`,
		`{"predictions":[{"a":1,"o":{"p":2}}]}`:                       `a UNTYPED [1] 1; JSON [{"a":1,"o":{"p":2}}]`,
		`{"other":"x"}`:                                               `other BYTES [] "x"`,
		`{"other":{"x":[]}}`:                                          `JSON {"other":{"x":[]}}`,
	} {
		c, err := REST{}.DecodeReply(restReply(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := show(c); got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
	for _, text := range []string{`{"predictions":[[NaN],[2,3]]}`, `{"predictions":[1`, `{"results":[[["a",NaN]],[]]}`, `nan`} {
		if c, err := (REST{}).DecodeReply(restReply(text)); err == nil {
			t.Errorf("%s was read as %s", text, show(c))
		}
	}
}

var rows = contract.Dim{Size: -1, Rows: true}

func TestARequestIsInColumnsOrInRowsWhereTheContractSaysSo(t *testing.T) {
	x := shaped(tensor.OfFP64("x", 1, 2, 3, 4), 2, 2)
	text := tensor.OfStrings("text", "a", "b")
	nan, _ := tensor.Cast(&tensor.Tensor{Name: "n", Datatype: tensor.FP64, Shape: []int64{2}, Data: tensor.OfFP64("", math.NaN(), math.Inf(-1)).Data}, tensor.FP32)
	scalar := shaped(tensor.OfFP64("s", 1))
	scalar.Shape = nil
	field := func(name, server string) contract.Field {
		return contract.Field{Name: name, Tensor: server, Shape: []contract.Dim{rows}}
	}
	signed := content(text)
	signed.Parameters = tensor.Parameters{{Name: signatureName, Value: tensor.StringOf("mine")}, {Name: "dropped", Value: tensor.BoolOf(true)}}
	for _, c := range []struct {
		name string
		c    *contract.Contract
		in   *message.Content
		want string
	}{
		{"named", nil, content(x), `{"inputs":{"x":[[1.0,2.0],[3.0,4.0]]}}`},
		{"one without a name is bare", nil, content(shaped(tensor.OfFP64("", 1), 1)), `{"inputs":[1.0]}`},
		{"one called b64 is bare, or it would be bytes", nil, content(tensor.OfStrings("b64", "a")), `{"inputs":["a"]}`},
		{"a scalar", nil, content(scalar), `{"inputs":{"s":1.0}}`},
		{"several without names", nil, content(shaped(tensor.OfFP64("", 1), 1), tensor.OfStrings("", "a")), `{"inputs":{"input-0":[1.0],"input-1":["a"]}}`},
		{"tokens", nil, content(nan), `{"inputs":{"n":[NaN,-Infinity]}}`},
		{"no text", nil, content(tensor.OfStrings("t", "a", "\xff")), `{"inputs":{"t":[{"b64":"YQ=="},{"b64":"/w=="}]}}`},
		{"bytes by name", nil, content(shaped(tensor.OfStrings("t_bytes", "a", "b"), 1, 2)), `{"inputs":{"t_bytes":[[{"b64":"YQ=="},{"b64":"Yg=="}]]}}`},
		{"rows", &contract.Contract{Inputs: []contract.Field{field("text", ""), {Name: "x", Shape: []contract.Dim{rows, {Size: 2}}}}}, content(text, x), `{"instances":[{"text":"a","x":[1.0,2.0]},{"text":"b","x":[3.0,4.0]}]}`},
		{"rows of one", &contract.Contract{Inputs: []contract.Field{field("text", "")}}, content(text), `{"instances":["a","b"]}`},
		{"rows of one that has the server's name", &contract.Contract{Inputs: []contract.Field{field("text", "t")}}, content(text), `{"instances":[{"t":"a"},{"t":"b"}]}`},
		{"rows of bytes", &contract.Contract{Inputs: []contract.Field{field("text", "t_bytes")}}, content(text), `{"instances":[{"t_bytes":{"b64":"YQ=="}},{"t_bytes":{"b64":"Yg=="}}]}`},
		{"the bare value in words", &contract.Contract{Inputs: []contract.Field{{Name: "text", Tensor: "$"}}}, content(text), `{"inputs":["a","b"]}`},
		{"an output without rows", &contract.Contract{Inputs: []contract.Field{field("text", "t")}, Outputs: []contract.Field{{Name: "o"}}}, content(text), `{"inputs":{"t":["a","b"]}}`},
		{"the caller's signature", &contract.Contract{Inputs: []contract.Field{field("text", "")}, Parameters: tensor.Parameters{{Name: signatureName, Value: tensor.StringOf("fixed")}, {Name: "k", Value: tensor.Int64Of(1)}}}, signed, `{"signature_name":"mine","instances":["a","b"],"k":1}`},
		{"the contract's signature", &contract.Contract{Parameters: tensor.Parameters{{Name: signatureName, Value: tensor.StringOf("fixed")}}}, content(text), `{"signature_name":"fixed","inputs":{"text":["a","b"]}}`},
		{"a JSON value", nil, &message.Content{JSON: []byte(`{"k":[[1],[2,3]]}`)}, `{"inputs":{"k":[[1],[2,3]]}}`},
		{"a JSON list", nil, &message.Content{JSON: []byte(`[[1],[2,3]]`)}, `{"instances":[[1],[2,3]]}`},
	} {
		codec, err := New(c.c)
		if err != nil {
			t.Fatal(err)
		}
		in, err := c.c.Request(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		w, err := codec.EncodeRequest([]*message.Message{message.FromContent(in)}, &message.Target{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got := string(w.Body.Bytes()); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
	if _, err := New(&contract.Contract{Inputs: []contract.Field{{Name: "a", Tensor: "x"}, {Name: "x"}}}); err == nil || !strings.Contains(err.Error(), `fields "a" and "x" are both the server's "x"`) {
		t.Errorf("two fields of one name: %v", err)
	}
}

func TestWhatHasNoFormIsRefused(t *testing.T) {
	payload := tensor.Tensor{Name: "n", Datatype: tensor.FP32, Shape: []int64{2}, Data: []byte{0, 0, 0xC0, 0xFF, 1, 0, 0xC0, 0x7F}}
	for _, c := range []struct {
		in   tensor.Tensor
		want string
	}{
		{payload, `input 'n': element 1 is a NaN with a payload`},
		{tensor.Tensor{Name: "e", Datatype: tensor.FP32, Shape: []int64{1 << 40, 0}}, `input 'e': an empty tensor of that many rows`},
		{tensor.Tensor{Name: "short", Datatype: tensor.FP32, Shape: []int64{2}, Data: []byte{1}}, `input 'short': expected 8 bytes`},
	} {
		if _, err := (REST{}).EncodeRequest([]*message.Message{message.FromContent(content(c.in))}, &message.Target{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	if _, err := (GRPC{}).EncodeRequest(nil, &message.Target{}); err == nil {
		t.Error("no message was taken")
	}
}

func TestAReplyHasTheFormOfTheRequest(t *testing.T) {
	label, score := tensor.OfStrings("label", "a", "b"), tensor.OfFP64("score", 1, 2)
	scalar := shaped(tensor.OfFP64("s", 1))
	scalar.Shape = nil
	merged := &message.Content{Parts: []message.Part{{Name: "p", Message: message.FromContent(content(label))}, {Name: "q", Message: message.FromContent(content(shaped(tensor.OfFP64("", 1, 2), 2)))}},
		Errors: []message.PartError{{Part: "r", Failure: message.Invalid("MR1", "no")}}}
	for _, c := range []struct {
		asked string
		m     *message.Content
		want  string
	}{
		{`{"instances":[1]}`, content(label), `{"predictions":["a","b"]}`},
		{`{"signature_name":"s","inputs":[1]}`, content(label), `{"outputs":["a","b"]}`},
		{`{"instances":[1]}`, content(label, score), `{"predictions":[{"label":"a","score":1.0},{"label":"b","score":2.0}]}`},
		{`{"inputs":[1]}`, content(label, score), `{"outputs":{"label":["a","b"],"score":[1.0,2.0]}}`},
		{`{"instances":[1]}`, content(scalar), `{"predictions":[1.0]}`},
		{`{"inputs":[1]}`, content(scalar), `{"outputs":1.0}`},
		{`{"instances":[1]}`, content(scalar, label), `tensor name: label has inconsistent batch size: 2 expecting: 1; ask with inputs`},
		{`{"inputs":[1]}`, content(tensor.OfStrings("i_bytes", "a")), `{"outputs":[{"b64":"YQ=="}]}`},
		{`{"instances":[1]}`, &message.Content{JSON: []byte(`[[1],[]]`)}, `{"predictions":[[1],[]]}`},
		{`{"inputs":[1]}`, &message.Content{JSON: []byte(`{"a":{}}`)}, `{"outputs":{"a":{}}}`},
		{`{"inputs":[1]}`, merged, `{"outputs":{"p.label":["a","b"],"q.output-0":[1.0,2.0]},"errors":{"r":"MR1 no"}}`},
		{`{"instances":[1]}`, merged, `{"predictions":[{"p.label":"a","q.output-0":1.0},{"p.label":"b","q.output-0":2.0}],"errors":{"r":"MR1 no"}}`},
	} {
		w, err := REST{}.EncodeReply(message.FromContent(c.m), &message.Asking{Wire: restWire(c.asked)})
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = string(w.Body.Bytes())
		}
		if err == nil && got != c.want || err != nil && !strings.Contains(got, c.want) {
			t.Errorf("%s:\n got %s\nwant %s", c.asked, got, c.want)
		}
	}
}

func TestAMessageInThisDialectPassesAsItsBytes(t *testing.T) {
	text := `{"instances" : [1.50, NaN], "more": {}}`
	w, err := REST{}.EncodeRequest([]*message.Message{message.FromWire(restWire(text), REST{}.DecodeRequest)}, &message.Target{})
	if err != nil || string(w.Body.Bytes()) != text {
		t.Errorf("%s, %v", w.Body.Bytes(), err)
	}
	said := `{ "predictions" : [1.50, NaN] }`
	for asked, want := range map[string]string{text: said, `{"inputs":1}`: `{"outputs":[1.5,NaN]}`, `{"examples":[]}`: said} {
		w, err := REST{}.EncodeReply(message.FromWire(restReply(said), REST{}.DecodeReply), &message.Asking{Wire: restWire(asked)})
		if err != nil || string(w.Body.Bytes()) != want || w.Status != 200 {
			t.Errorf("%s: %s, %v", asked, w.Body.Bytes(), err)
		}
	}
	w, err = REST{}.EncodeRequest([]*message.Message{message.FromWire(restReply(`{"outputs":{"x":[1]}}`), REST{}.DecodeReply)}, &message.Target{})
	if err != nil || string(w.Body.Bytes()) != `{"inputs":{"x":[1]}}` {
		t.Errorf("a reply that is the next model's request: %s, %v", w.Body.Bytes(), err)
	}
}

func TestAFailureIsAnErrorWithItsStatus(t *testing.T) {
	upstream := func(w *message.Wire) *message.Failure {
		return &message.Failure{Kind: message.FailedUpstream, Detail: "it failed", Reply: message.FromWire(w, nil)}
	}
	own := restReply(`{ "error": "Servable not found for request: Latest(half)" }`)
	own.Status = 404
	for _, c := range []struct {
		f            *message.Failure
		status, code int
		want         string
	}{
		{&message.Failure{Kind: message.NotFound, Detail: "no model"}, 404, 5, `{"error":"no model"}`},
		{upstream(own), 404, 5, `{ "error": "Servable not found for request: Latest(half)" }`},
		{upstream(&message.Wire{Dialect: message.TFServingGRPC, Status: 9, Reply: true}), 400, 9, `{"error":"it failed"}`},
		{upstream(&message.Wire{Dialect: message.OpenInferenceREST, Status: 429, Reply: true}), 429, 8, `{"error":"it failed"}`},
	} {
		w := REST{}.EncodeFailure(c.f, nil)
		g := GRPC{}.EncodeFailure(c.f, nil)
		if w.Status != c.status || g.Status != c.code || string(w.Body.Bytes()) != c.want {
			t.Errorf("%d %d %s, want %d %d %s", w.Status, g.Status, w.Body.Bytes(), c.status, c.code, c.want)
		}
	}
	if got := ErrorText(own); got != "Servable not found for request: Latest(half)" {
		t.Error(got)
	}
	if message.TFServingREST.String() != "tfserving-rest" || message.TFServingREST.GRPC() {
		t.Error(message.TFServingREST)
	}
}

func TestManyNamesAreRefusedAndNotLookedUpForever(t *testing.T) {
	var b bytes.Buffer
	for i := range 5000 {
		fmt.Fprintf(&b, `"k%d":1,`, i)
	}
	members := "{" + strings.TrimSuffix(b.String(), ",") + "}"
	for _, text := range []string{`{"inputs":` + members + `}`, `{"instances":[` + members + `]}`} {
		if _, err := (REST{}).DecodeRequest(restWire(text)); err == nil || !strings.Contains(err.Error(), "expected at most 1024") {
			t.Errorf("%v", err)
		}
	}
}

func TestRowsMayNameManyColumnsInAnyOrder(t *testing.T) {
	forth, back := make([]string, 40), make([]string, 40)
	for i := range forth {
		forth[i] = fmt.Sprintf(`"k%d":%d`, i, i)
		back[len(back)-1-i] = forth[i]
	}
	text := `{"instances":[{` + strings.Join(forth, ",") + `},{` + strings.Join(back, ",") + `}]}`
	c, err := REST{}.DecodeRequest(restWire(text))
	if err != nil || len(c.Tensors) != 40 || show(content(*c.Tensor("k7"))) != "k7 UNTYPED [2] [7,7]" {
		t.Errorf("%v", err)
	}
	if _, err := (REST{}).DecodeRequest(restWire(strings.Replace(text, `{"k39"`, `{"other":1,"k39"`, 1))); err == nil || !strings.Contains(err.Error(), "element: 1 of 'instances' list. Error: keys must be equal to: k0,k1") {
		t.Errorf("%v", err)
	}
}
