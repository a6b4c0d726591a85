package seldon

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

func wire(text string) *message.Wire {
	return &message.Wire{Dialect: message.SeldonREST, Body: body.Of([]byte(text)), JSONLength: -1}
}

func decoded(t testing.TB, text string) *message.Content {
	t.Helper()
	c, err := Codec{}.DecodeRequest(wire(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c
}

func encoded(t testing.TB, c *message.Content) string {
	t.Helper()
	w, err := Codec{}.EncodeRequest([]*message.Message{message.FromContent(c)}, &message.Target{})
	if err != nil {
		t.Fatal(err)
	}
	return string(w.Body.Bytes())
}

func TestEveryFormOfDataBecomesOneTensor(t *testing.T) {
	for _, c := range []struct {
		text     string
		datatype tensor.Datatype
		shape    string
		preview  string
	}{
		{`{"data":{"ndarray":[[1,2.50],[3,9007199254740993]]}}`, tensor.Untyped, "[2 2]", "[1,2.50,3,9007199254740993]"},
		{`{"data":{"names":["text"],"ndarray":["a","b"]}}`, tensor.Bytes, "[2]", `["a","b"]`},
		{`{"data":{"ndarray":[true]}}`, tensor.Bool, "[1]", "true"},
		{`{"data":{"tensor":{"values":[1,2],"shape":[1,2]}}}`, tensor.FP64, "[1 2]", "[1.0,2.0]"},
		{`{"data":{"tensor":{"shape":null,"values":[1,2]}}}`, tensor.FP64, "[2]", "[1.0,2.0]"},
		{`{"strData":"hé\n"}`, tensor.Bytes, "[1]", `"hé\n"`},
		{`{"binData":"aGVsbG8="}`, tensor.Bytes, "[1]", `"hello"`},
		{`{"data":{"tftensor":{"dtype":"DT_INT64","tensorShape":{"dim":[{"size":"2"}]},"int64Val":["9007199254740993","-1"]}}}`, tensor.Int64, "[2]", "[9007199254740993,-1]"},
		{`{"data":{"tftensor":{"float_val":[1,"NaN","-Infinity"],"tensor_shape":{"dim":[{"size":3}]},"dtype":1}}}`, tensor.FP32, "[3]", "[1.0,NaN,-Infinity]"},
		{`{"data":{"tftensor":{"dtype":"DT_HALF","tensorShape":{"dim":[{"size":"1"}]},"halfVal":[15360]}}}`, tensor.FP16, "[1]", "1.0"},
		{`{"data":{"tftensor":{"dtype":"DT_BOOL","tensorShape":{"dim":[{"size":"2"}]},"boolVal":[true]}}}`, tensor.Bool, "[2]", "[true,true]"},
		{`{"data":{"tftensor":{"dtype":"DT_STRING","stringVal":["aGk"],"tensorShape":{}}}}`, tensor.Bytes, "[]", `"hi"`},
		{`{"data":{"tftensor":{"dtype":"DT_INT32","tensorShape":{"dim":[{"size":"1"}]},"tensorContent":"AQAAAA=="}}}`, tensor.Int32, "[1]", "1"},
		{`{"meta":null,"status":null,"strData":null,"data":{"names":null,"ndarray":[]}}`, tensor.Untyped, "[0]", "[]"},
	} {
		got := decoded(t, c.text)
		if len(got.Tensors) != 1 {
			t.Errorf("%s: %d tensors", c.text, len(got.Tensors))
			continue
		}
		x := got.Tensors[0]
		if x.Name != "" || x.Datatype != c.datatype || x.Preview() != c.preview || fmt.Sprint(x.Shape) != c.shape {
			t.Errorf("%s: %q %s %v %s", c.text, x.Name, x.Datatype, x.Shape, x.Preview())
		}
	}
}

func TestMetaIsReadAndWrittenAgain(t *testing.T) {
	text := `{"data":{"names":["a","b"],"ndarray":[[1,2]]},"meta":{"puid":"p1","tags":{"k":"v","n":3},"routing":{"r":1},"metrics":[{"key":"m"}]},"extra":{"x":[1]}}`
	c := decoded(t, text)
	if c.ID != "p1" || len(c.Tags) != 2 || strings.Join(c.Names, ",") != "a,b" {
		t.Errorf("id %q, tags %v, names %v", c.ID, c.Tags, c.Names)
	}
	if got := encoded(t, c); got != text {
		t.Errorf("it became\n%s", got)
	}
}

func TestWhatIsMalformedIsRefusedWithThePlace(t *testing.T) {
	for text, want := range map[string]string{
		``:                                 "offset 0",
		`[1]`:                              "expected a SeldonMessage, an object, found an array",
		`{"data":{"ndarray":[[1],[2,3]]}}`: "ragged",
		`{"data":{"ndarray":[1,"a"]}}`:     "expected a number, found a string",
		`{"data":{"ndarray":[null]}}`:      "found null",
		`{"strData":"a","binData":"YQ=="}`: "expected one of data, strData, binData, jsonData and customData, found strData and binData",
		`{"data":{"tftensor":{}}}`:         "data.tftensor: expected a dtype",
		`{"data":{"tftensor":{"dtype":"DT_COMPLEX64"}}}`:                                                          `dtype "DT_COMPLEX64" has no form`,
		`{"data":{"tftensor":{"dtype":"DT_INT8","tensorShape":{"dim":[{"size":1}]},"intVal":[128]}}}`:             "element 0, 128, is beyond what the datatype can hold for INT8",
		`{"data":{"tftensor":{"dtype":"DT_INT64","tensorShape":{"dim":[{"size":"1"}]},"int64Val":["1,2"]}}}`:      `"1,2" is no number`,
		`{"data":{"tftensor":{"dtype":"DT_FLOAT","tensorShape":{"dim":[{"size":"1000000000"}]},"floatVal":[1]}}}`: "too many to repeat",
		`{"data":{"tftensor":{"dtype":"DT_FLOAT","tensorShape":{"unknownRank":true}}}}`:                           "its shape is not known",
		`{"data":{"tftensor":{"dtype":"DT_FLOAT","tensorContent":"%"}}}`:                                          "expected base64",
		`{"binData":"%"}`: "expected base64",
		`{"strData":1}`:   "expected a string, found a number",
		`{"data":{"tensor":{"shape":[3],"values":[1]}}}`:                    "data.tensor: ",
		`{"data":{"tensor":{"shape":[4611686018427387904,4],"values":[]}}}`: "data.tensor: ",
		`{"data":{"tensor":{"shape":[-1],"values":[1]}}}`:                   "data.tensor: ",
		`{"data":`: "offset 8",
	} {
		_, err := Codec{}.DecodeRequest(wire(text))
		var f *message.Failure
		if !errors.As(err, &f) || f.Kind != message.InvalidArgument || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestATensorIsSentInTheFormThatHoldsIt(t *testing.T) {
	i64 := tensor.Tensor{Name: "x", Datatype: tensor.Int64, Shape: []int64{1}, Data: []byte{1, 0, 0, 0, 0, 0, 0x20, 0}}
	for _, c := range []struct {
		name string
		in   message.Content
		want string
	}{
		{"strings", message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("text", "a")}}, `{"data":{"names":["text"],"ndarray":["a"]}}`},
		{"doubles", message.Content{Tensors: []tensor.Tensor{tensor.OfFP64("x", 1, 0.5)}}, `{"data":{"names":["x"],"tensor":{"shape":[2],"values":[1.0,0.5]}}}`},
		{"integers, exactly", message.Content{Tensors: []tensor.Tensor{i64}}, `{"data":{"names":["x"],"ndarray":[9007199254740993]}}`},
		{"a contract's strData", message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("strData", "a")}}, `{"strData":"a"}`},
		{"a contract's binData", message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("binData", "\xff")}}, `{"binData":"/w=="}`},
		{"a contract's jsonData", message.Content{Scalar: true, Tensors: []tensor.Tensor{tensor.OfStrings("jsonData", "a")}}, `{"jsonData":"a"}`},
		{"strData of two rows is ndarray", message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("strData", "a", "b")}}, `{"data":{"ndarray":["a","b"]}}`},
		{"several tensors", message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("a", "x"), tensor.OfFP64("b", 1)}}, `{"jsonData":{"a":["x"],"b":[1.0]}}`},
		{"JSON", message.Content{JSON: []byte(`{"k":[1]}`)}, `{"jsonData":{"k":[1]}}`},
		{"parameters go with the tags", message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("", "x")}, Parameters: tensor.Parameters{{Name: "top_k", Value: tensor.Int64Of(3)}}}, `{"data":{"ndarray":["x"]},"meta":{"tags":{"top_k":3}}}`},
	} {
		if got := encoded(t, &c.in); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
	if got := encoded(t, &message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("x", "\xff")}}); got != `{"binData":"/w=="}` {
		t.Errorf("bytes that are no text became %s", got)
	}
	bad := message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("x", "\xff", "a")}}
	_, err := Codec{}.EncodeRequest([]*message.Message{message.FromContent(&bad)}, &message.Target{})
	if err == nil || !strings.Contains(err.Error(), `tensor "x": element 0 is not UTF-8`) {
		t.Errorf("bytes that are no text: %v", err)
	}
}

func TestAReplyMirrorsTheFormInWhichTheClientAsked(t *testing.T) {
	score := tensor.OfFP64("score", 0.5)
	label := tensor.OfStrings("label", "good")
	for _, c := range []struct {
		asked string
		reply tensor.Tensor
		want  string
	}{
		{`{"data":{"ndarray":[[1]]}}`, score, `{"data":{"names":["score"],"ndarray":[0.5]},"meta":{"puid":"id"}}`},
		{`{"data":{"tensor":{"values":[1]}}}`, score, `{"data":{"names":["score"],"tensor":{"shape":[1],"values":[0.5]}},"meta":{"puid":"id"}}`},
		{`{"data":{"tensor":{"values":[1]}}}`, label, `{"data":{"names":["label"],"ndarray":["good"]},"meta":{"puid":"id"}}`},
		{`{"data":{"tftensor":{"dtype":"DT_FLOAT"}}}`, score, `{"data":{"names":["score"],"tftensor":{"dtype":"DT_DOUBLE","tensorShape":{"dim":[{"size":"1"}]},"tensorContent":"AAAAAAAA4D8="}},"meta":{"puid":"id"}}`},
		{`{"data":{"tftensor":{"dtype":"DT_FLOAT"}}}`, label, `{"data":{"names":["label"],"tftensor":{"dtype":"DT_STRING","tensorShape":{"dim":[{"size":"1"}]},"stringVal":["Z29vZA=="]}},"meta":{"puid":"id"}}`},
		{`{"strData":"x"}`, label, `{"strData":"good","meta":{"puid":"id"}}`},
		{`{"strData":"x"}`, score, `{"data":{"names":["score"],"tensor":{"shape":[1],"values":[0.5]}},"meta":{"puid":"id"}}`},
		{`{"binData":"eA=="}`, label, `{"binData":"Z29vZA==","meta":{"puid":"id"}}`},
		{`{"jsonData":{"text":"x"}}`, label, `{"jsonData":{"label":["good"]},"meta":{"puid":"id"}}`},
	} {
		m := message.FromContent(&message.Content{Tensors: []tensor.Tensor{c.reply}})
		w, err := Codec{}.EncodeReply(m, &message.Asking{ID: "id", Wire: wire(c.asked)})
		if err != nil || w.Status != 200 {
			t.Errorf("%s: %v", c.asked, err)
			continue
		}
		if got := string(w.Body.Bytes()); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.asked, got, c.want)
		}
	}
}

func TestAMergeIsAnObjectOfItsParts(t *testing.T) {
	part := func(name string, c message.Content) message.Part {
		return message.Part{Name: name, Message: message.FromContent(&c)}
	}
	m := message.FromContent(&message.Content{
		Parts: []message.Part{
			part("language", message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("label", "en")}}),
			part("plain", message.Content{JSON: []byte(`{"n":1}`)}),
		},
		Errors: []message.PartError{{Part: "tox", Failure: &message.Failure{Code: "MR501", Detail: "no answer"}}},
	})
	w, err := Codec{}.EncodeReply(m, &message.Asking{Request: &message.Content{Scalar: true}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"jsonData":{"language":{"label":"en"},"plain":{"n":1},"errors":{"tox":"MR501 no answer"}}}`
	if got := string(w.Body.Bytes()); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestACombinerGetsTheChildrensBodiesByteForByte(t *testing.T) {
	child := ` {"data": {"ndarray":[1e0]}, "unknown" : "\u00e9"}`
	in := []*message.Message{
		message.FromWire(wire(child), Codec{}.DecodeReply),
		message.FromContent(&message.Content{Tensors: []tensor.Tensor{tensor.OfFP64("", 2)}}),
	}
	w, err := Codec{}.EncodeRequest(in, &message.Target{Method: message.Aggregate})
	if err != nil {
		t.Fatal(err)
	}
	want := `[` + child + `,{"data":{"tensor":{"shape":[1],"values":[2.0]}}}]`
	if got := string(w.Body.Bytes()); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	in[0] = message.FromWire(wire(`<html>`), nil)
	var f *message.Failure
	if _, err := (Codec{}).EncodeRequest(in, &message.Target{Method: message.Aggregate}); !errors.As(err, &f) || f.Kind != message.BadReply {
		t.Errorf("a child that answers no JSON: %v", err)
	}
}

func TestASeldonMessagePassesAsItsBytes(t *testing.T) {
	text := `{"data":{"ndarray":[01]}}` // not even JSON: the server is the judge of it
	in := wire(text)
	w, err := Codec{}.EncodeRequest([]*message.Message{message.FromWire(in, Codec{}.DecodeRequest)}, &message.Target{})
	if err != nil || string(w.Body.Bytes()) != text {
		t.Errorf("%v", err)
	}
}

func TestAReplyThatAContractMappedIsWrittenAnew(t *testing.T) {
	reply := wire(`{"data":{"names":["t:0"],"ndarray":["a"]}}`)
	reply.Reply = true
	m := message.FromWire(reply, func(*message.Wire) (*message.Content, error) {
		return &message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("text", "a")}}, nil
	})
	w, err := Codec{}.EncodeReply(m, &message.Asking{Wire: wire(`{"data":{"ndarray":["a"]}}`)})
	if err != nil || string(w.Body.Bytes()) != `{"data":{"names":["text"],"ndarray":["a"]}}` {
		t.Errorf("%s, %v", w.Body.Bytes(), err)
	}
}

func TestARouteIsReadAsTheExecutorReadsIt(t *testing.T) {
	for text, want := range map[string]int{
		`{"data":{"ndarray":[[1]]}}`:                         1,
		`{"data":{"names":["t:0"],"ndarray":[0]}}`:           0,
		`{"data":{"ndarray":[[2,5],[7]]}}`:                   2,
		`{"data":{"ndarray":[1.9]}}`:                         1,
		`{"data":{"ndarray":[-2]}}`:                          -2,
		`{"data":{"tensor":{"shape":[1,1],"values":[3.0]}}}`: 3,
		`{"data":{"tftensor":{"int_val":[4]}}}`:              4,
		`{"data":{"names":["a"]}}`:                           All,
		`{"meta":{}}`:                                        All,
		`{"data":null}`:                                      All,
		`[1]`:                                                1,
	} {
		if got, err := ParseRoute(wire(text)); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{``, `[]`, `{"data":{"ndarray":[]}}`, `{"data":{"ndarray":["left"]}}`, `{"data":{"ndarray":[1e300]}}`, `"1"`, `{"data":{"ndarray":1}}`, `[1`, `{"data":{"ndarray":[true]}}`} {
		var f *message.Failure
		if _, err := ParseRoute(wire(text)); !errors.As(err, &f) || f.Kind != message.BadReply || !strings.HasPrefix(f.Detail, "the router's reply is no route: ") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAFailureIsAStatus(t *testing.T) {
	f := &message.Failure{Code: "MR501", Kind: message.Unavailable, Graph: "desk", Part: "urgency", Detail: "no endpoint answers", Remedy: "start it"}
	w := Codec{}.EncodeFailure(f, &message.Asking{ID: "p"})
	want := `{"status":{"code":503,"info":"graph desk: part urgency: no endpoint answers; start it","reason":"MR501","status":"FAILURE"},"meta":{"puid":"p"}}`
	if got := string(w.Body.Bytes()); got != want || w.Status != 503 {
		t.Errorf("%d %s", w.Status, got)
	}
	own := wire(`{"status":{"status":1,"info":"bad","code":-1,"reason":"MICROSERVICE_BAD_DATA"}}`)
	own.Status = 400
	f = &message.Failure{Kind: message.FailedUpstream, Reply: message.FromWire(own, nil)}
	if w := (Codec{}).EncodeFailure(f, nil); w.Status != 400 || string(w.Body.Bytes()) != string(own.Body.Bytes()) {
		t.Errorf("a Seldon server's own error became %d %s", w.Status, w.Body.Bytes())
	}
	if got := ErrorText(own); got != "MICROSERVICE_BAD_DATA: bad" {
		t.Errorf("the server says %q", got)
	}
	if got := ErrorText(wire("<h1>Bad Gateway")); got != "<h1>Bad Gateway" {
		t.Errorf("the server says %q", got)
	}
	var bad *message.Failure
	if _, err := (Codec{}).DecodeReply(own); !errors.As(err, &bad) || bad.Kind != message.BadReply {
		t.Errorf("FAILURE with status 200: %v", err)
	}
}

func TestPathsAreThoseOfNodesAndOfDeployments(t *testing.T) {
	for m, want := range map[message.Method][2]string{
		message.Predict:         {"/predict", "/api/v1.0/predictions"},
		message.TransformInput:  {"/transform-input", "/api/v1.0/predictions"},
		message.TransformOutput: {"/transform-output", "/api/v1.0/predictions"},
		message.Route:           {"/route", "/api/v1.0/predictions"},
		message.Aggregate:       {"/aggregate", "/api/v1.0/predictions"},
		message.Feedback:        {"/send-feedback", "/api/v1.0/feedback"},
		message.Explain:         {"/explain", "/api/v1.0/explain"},
	} {
		target := &message.Target{Method: m}
		if got := string(NodePath(nil, target)); got != want[0] {
			t.Errorf("%s: %s", m, got)
		}
		if got := string(ExternalPath(nil, target)); got != want[1] {
			t.Errorf("%s: %s", m, got)
		}
	}
	if m, ok := ParseExternalPath("/api/v0.1/feedback"); !ok || m != message.Feedback {
		t.Error("v0.1 is not understood")
	}
	if _, ok := ParseExternalPath("/api/v2/predictions"); ok {
		t.Error("v2 is understood")
	}
}

func BenchmarkDecode(b *testing.B) {
	w := wire(`{"data":{"names":["text"],"ndarray":[["I love it"]]},"meta":{"puid":"abc"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Codec{}).DecodeRequest(w); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	m := message.FromContent(&message.Content{ID: "abc", Tensors: []tensor.Tensor{tensor.OfStrings("text", "I love it")}})
	in, target := []*message.Message{m}, &message.Target{}
	b.ReportAllocs()
	for b.Loop() {
		w, err := Codec{}.EncodeRequest(in, target)
		if err != nil {
			b.Fatal(err)
		}
		w.Body.Release()
	}
}
