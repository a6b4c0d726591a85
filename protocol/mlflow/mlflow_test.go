package mlflow

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

func wire(text string) *message.Wire {
	return &message.Wire{Dialect: message.MLflow, Body: body.Of([]byte(text)), JSONLength: -1}
}

var (
	rows   = contract.Dim{Size: -1, Rows: true}
	vector = []contract.Dim{rows}
	column = []contract.Dim{rows, {Size: 1}}
	wide   = []contract.Dim{rows, {Size: 2}}
)

func content(ts ...tensor.Tensor) *message.Content { return &message.Content{Tensors: ts} }

func TestColumnsAreADataframeAndTensorsAreInputs(t *testing.T) {
	text := tensor.OfStrings("text", "a", "b")
	n := tensor.OfFP64("n", 1, 2)
	x := tensor.OfFP64("x", 1, 2, 3, 4)
	x.Shape = []int64{2, 2}
	fixed := tensor.Parameters{{Name: "top_k", Value: tensor.Int64Of(3)}}
	for _, c := range []struct {
		name string
		c    *contract.Contract
		in   *message.Content
		want string
	}{
		{"columns", &contract.Contract{Inputs: []contract.Field{{Name: "text", Shape: column}, {Name: "n", Tensor: "N", Shape: vector}}}, content(text, n), `{"dataframe_split":{"columns":["text","N"],"data":[["a",1.0],["b",2.0]]}}`},
		{"a tensor", &contract.Contract{Inputs: []contract.Field{{Name: "x", Shape: wide}}}, content(x), `{"inputs":[[1.0,2.0],[3.0,4.0]]}`},
		{"a tensor that the server names", &contract.Contract{Inputs: []contract.Field{{Name: "x", Tensor: "X", Shape: wide}}}, content(x), `{"inputs":{"X":[[1.0,2.0],[3.0,4.0]]}}`},
		{"a tensor beside a column", &contract.Contract{Inputs: []contract.Field{{Name: "x", Shape: wide}, {Name: "n", Shape: vector}}}, content(x, n), `{"inputs":{"x":[[1.0,2.0],[3.0,4.0]],"n":[1.0,2.0]}}`},
		{"the bare value in words", &contract.Contract{Inputs: []contract.Field{{Name: "text", Tensor: "$"}}}, content(text), `{"inputs":["a","b"]}`},
		{"without a contract", nil, content(text), `{"dataframe_split":{"columns":["text"],"data":[["a"],["b"]]}}`},
		{"params", &contract.Contract{Inputs: []contract.Field{{Name: "text", Shape: vector}}, Parameters: fixed}, content(text), `{"dataframe_split":{"columns":["text"],"data":[["a"],["b"]]},"params":{"top_k":3}}`},
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
		if got := string(w.Body.Bytes()); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
	for name, in := range map[string]*message.Content{
		"expected 2 rows as in \"text\", found 3": content(text, tensor.OfFP64("n", 1, 2, 3)),
		"a column of a dataframe has one value":   content(x),
		"expected tensors":                        {JSON: []byte(`1`)},
	} {
		_, err := Codec{}.EncodeRequest([]*message.Message{message.FromContent(in)}, &message.Target{})
		var f *message.Failure
		if !errors.As(err, &f) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPredictionsBecomeTensors(t *testing.T) {
	c, err := Codec{}.DecodeReply(wire(`{"predictions": [{"label": "a", "p": 0.5}, {"label": "b", "p": 1.0}]}`))
	if err != nil || len(c.Tensors) != 2 || c.Tensors[1].Preview() != "[0.5,1.0]" {
		t.Errorf("%v, %v", c, err)
	}
	c, err = Codec{}.DecodeReply(wire(`{"predictions": ["a"]}`))
	if err != nil || c.Tensors[0].Preview() != `"a"` {
		t.Errorf("%v, %v", c, err)
	}
	c, err = Codec{}.DecodeReply(wire(`{"choices": []}`))
	if err != nil || string(c.JSON) != `{"choices": []}` {
		t.Errorf("%v, %v", c, err)
	}
}

func TestErrorsAreReadAndWrittenInItsForm(t *testing.T) {
	if got := ErrorText(wire(`{"error_code": "BAD_REQUEST", "message": "The input must be a JSON dictionary"}`)); got != "The input must be a JSON dictionary" {
		t.Error(got)
	}
	w := Codec{}.EncodeFailure(&message.Failure{Kind: message.InvalidArgument, Detail: `field "x"`}, nil)
	if got := string(w.Body.Bytes()); w.Status != 400 || got != `{"error_code":"BAD_REQUEST","message":"field \"x\""}` {
		t.Errorf("%d %s", w.Status, got)
	}
	if got := string(Path(nil, nil)); got != "/invocations" {
		t.Error(got)
	}
	own := wire(`{"error_code": "INVALID_PARAMETER_VALUE", "message": "no"}`)
	own.Status = 400
	w = Codec{}.EncodeFailure(&message.Failure{Kind: message.FailedUpstream, Reply: message.FromWire(own, nil)}, nil)
	if w.Status != 400 || w.Body.Len() != own.Body.Len() {
		t.Errorf("a server's own: %d %s", w.Status, w.Body.Bytes())
	}
	for kind, want := range map[message.Kind]string{
		message.TooLarge: "413 BAD_REQUEST", message.NotFound: "404 RESOURCE_DOES_NOT_EXIST", message.PermissionDenied: "403 PERMISSION_DENIED",
		message.Unimplemented: "501 NOT_IMPLEMENTED", message.Unavailable: "503 TEMPORARILY_UNAVAILABLE", message.DeadlineExceeded: "504 TEMPORARILY_UNAVAILABLE",
		message.ResourceExhausted: "429 REQUEST_LIMIT_EXCEEDED", message.BadReply: "502 INTERNAL_ERROR", message.Internal: "500 INTERNAL_ERROR",
	} {
		w := Codec{}.EncodeFailure(&message.Failure{Kind: kind}, nil)
		status, code, _ := strings.Cut(want, " ")
		if strconv.Itoa(w.Status) != status || !strings.Contains(string(w.Body.Bytes()), `"`+code+`"`) {
			t.Errorf("%d %s, want %s", w.Status, w.Body.Bytes(), want)
		}
	}
}

func FuzzDecodeReply(f *testing.F) {
	for _, s := range []string{`{"predictions":[1,2]}`, `{"predictions":[{"a":1},{"a":2}]}`, `{"predictions":{"a":[]}}`, `[]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Codec{}.DecodeReply(wire(string(text)))
		if err != nil {
			return
		}
		for i := range c.Tensors {
			if err := c.Tensors[i].Check(); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = Codec{}.EncodeRequest([]*message.Message{message.FromContent(c)}, &message.Target{}) // what is no column is refused
	})
}
