package oip

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// restWire returns a REST wire of JSON, and of binary data behind it where there is any.
func restWire(text string, data ...string) *message.Wire {
	w := &message.Wire{Dialect: message.OpenInferenceREST, JSONLength: -1, Body: body.Of([]byte(text))}
	if len(data) > 0 {
		w.JSONLength = len(text)
		w.Body = body.Of([]byte(text + strings.Join(data, "")))
	}
	return w
}

func TestAMalformedRequestIsToldByTensorAndPlace(t *testing.T) {
	const head = `{"inputs":[{"name":"x","datatype":"FP32","shape":[2],`
	for _, c := range []struct {
		name string
		wire *message.Wire
		want string
	}{
		{"no JSON", restWire(`{"inputs":[}`), "offset 11: expected an object, found '}'"},
		{"an array", restWire(`[]`), "offset 0: expected an object, found an array"},
		{"no inputs", restWire(`{"id":"1"}`), "expected 'inputs' in the request, found none"},
		{"no datatype", restWire(`{"inputs":[{"name":"x","shape":[1],"data":[1]}]}`), "input 'x' has no datatype"},
		{"no shape", restWire(`{"inputs":[{"name":"x","datatype":"FP32","data":[1]}]}`), "input 'x' has no shape"},
		{"no name", restWire(`{"inputs":[{"shape":[1],"datatype":"FP32","data":[1]}]}`), "input 0 has no name"},
		{"no data", restWire(head + `"parameters":{}}]}`), "unable to find data for input tensor 'x' for model '' in request."},
		{"an unknown datatype", restWire(`{"inputs":[{"name":"x","datatype":"FLOAT","shape":[1],"data":[1]}]}`), `input 'x': unknown datatype "FLOAT"; expected BOOL, UINT8 to UINT64, INT8 to INT64, FP16, BF16, FP32, FP64 or BYTES`},
		{"too few elements", restWire(head + `"data":[1]}]}`), "input 'x': unable to parse 'data': offset 63: shape does not match true shape of 'data' field: expected 2 elements, got 1"},
		{"a string among numbers", restWire(head + `"data":[1,"a"]}]}`), "input 'x': unable to parse 'data': offset 63: element 1: expected a number, found a string"},
		{"a negative shape", restWire(`{"inputs":[{"name":"x","datatype":"FP32","shape":[-1],"data":[1]}]}`), "input 'x': shape [-1]: size -1 of axis 0 is negative"},
		{"a shape that overflows", restWire(`{"inputs":[{"name":"x","datatype":"FP32","shape":[4611686018427387904,4],"data":[1]}]}`), "input 'x': shape [4611686018427387904 4]: the number of elements is too large"},
		{"a name given twice", restWire(head + `"data":[1,2]},{"name":"x","datatype":"FP32","shape":[0],"data":[]}]}`), "input 'x' already exists in request"},
		{"an integer out of range", restWire(`{"inputs":[{"name":"x","datatype":"INT8","shape":[1],"data":[200]}]}`), "input 'x': unable to parse 'data': offset 64: element 0, 200, is beyond what the datatype can hold for INT8"},
		{"shared memory", restWire(head + `"parameters":{"shared_memory_region":"r"}}]}`), "input 'x' is in shared memory, which does not reach through a proxy; send its data in the request"},
		{"a JSON length beyond the body", &message.Wire{JSONLength: 9, Body: body.Of([]byte(`{}`))}, "inference header size should be in range (0, 2), got: 9"},
		{"a raw binary request", &message.Wire{JSONLength: 0, Body: body.Of([]byte("abcd"))}, "a raw binary request names neither tensor nor shape, and is only passed to a server that is asked alone; send the JSON form, or binary tensors behind a JSON header"},
		{"binary data that is cut", restWire(head+`"parameters":{"binary_data_size":8}}]}`, "1234"), "input 'x': binary_data_size is 8, but only 4 bytes are left in the body"},
		{"binary data of another size", restWire(head+`"parameters":{"binary_data_size":4}}]}`, "1234"), "input byte size mismatch for input 'x' for model ''. Expected 8, got 4"},
		{"binary data left over", restWire(head+`"parameters":{"binary_data_size":8}}]}`, "12345678", "9"), "unexpected additional input data: 1 bytes are behind the last binary tensor"},
		{"data and binary data", restWire(head+`"data":[1,2],"parameters":{"binary_data_size":8}}]}`, "12345678"), "input 'x': expected 'data' or binary_data_size, found both"},
		{"a BYTES element that is cut", restWire(`{"inputs":[{"name":"x","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":5}}]}`, "\x09\x00\x00\x00a"), "input 'x' for model '': element 0: expected 9 bytes, got 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := REST{}.DecodeRequest(c.wire)
			f, ok := err.(*message.Failure)
			if !ok || f.Kind != message.InvalidArgument || f.Code != CodeMalformed {
				t.Fatalf("got %#v", err)
			}
			if got := strings.TrimPrefix(f.Error(), "MR402 "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestARequestIsReadWhateverTheOrderOfItsKeys(t *testing.T) {
	w := restWire(`{"outputs":[{"name":"y","parameters":{"classification":3,"binary_data":true}}],"extra":{"a":[1]},"parameters":{"binary_data_output":true,"priority":1},
		"inputs":[{"data":[[1,2],[3,4]],"shape":[2,2],"datatype":"INT64","name":"x","parameters":{"content_type":"np"}},
		{"name":"b","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}},{"name":"c","shape":[0,3],"datatype":"FP32","data":null}],"id":"7"}`, "\x01\x00\x00\x00z")
	c, err := REST{}.DecodeRequest(w)
	if err != nil {
		t.Fatal(err)
	}
	x, b := c.Tensor("x"), c.Tensor("b")
	if v, _ := x.Int64At(3); v != 4 || x.Shape[1] != 2 || string(b.Data) != "\x01\x00\x00\x00z" {
		t.Errorf("tensors %+v", c.Tensors)
	}
	if p, _ := x.Parameters.AppendJSON(nil); string(p) != `{"content_type":"np"}` {
		t.Errorf("tensor parameters %s", p)
	}
	if p, _ := c.Parameters.AppendJSON(nil); string(p) != `{"priority":1}` || c.ID != "7" {
		t.Errorf("parameters %s, id %q", p, c.ID)
	}
	if p, _ := c.Asked[0].Parameters.AppendJSON(nil); c.Asked[0].Name != "y" || string(p) != `{"classification":3}` {
		t.Errorf("asked %+v", c.Asked)
	}
}

func TestAReplyWithNullsIsRead(t *testing.T) {
	c, err := REST{}.DecodeReply(restWire(`{"model_name":"m","model_version":null,"id":null,"parameters":null,"outputs":[{"name":"y","shape":[2],"datatype":"FP64","parameters":null,"data":[NaN,-Infinity]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if f, _ := c.Tensors[0].Float64At(0); !math.IsNaN(f) || c.Model != "m" {
		t.Errorf("%+v", c)
	}
}

func TestAReplyMirrorsHowTheClientAsked(t *testing.T) {
	content := &message.Content{Tensors: []tensor.Tensor{
		tensor.OfFP64("a", 1, 2.5), tensor.OfStrings("b", "x"), {Name: "c", Datatype: tensor.Int8, Shape: []int64{1}, Data: []byte{5}},
	}, Version: "3"}
	for _, c := range []struct{ name, request, want string }{
		{"JSON by default", `{"inputs":[]}`,
			`{"model_name":"m","model_version":"3","id":"i","outputs":[{"name":"a","datatype":"FP64","shape":[2],"data":[1.0,2.5]},{"name":"b","datatype":"BYTES","shape":[1],"data":["x"]},{"name":"c","datatype":"INT8","shape":[1],"data":[5]}]}`},
		{"one output", `{"inputs":[],"outputs":[{"name":"c"}]}`,
			`{"model_name":"m","model_version":"3","id":"i","outputs":[{"name":"c","datatype":"INT8","shape":[1],"data":[5]}]}`},
		{"all binary", `{"inputs":[],"parameters":{"binary_data_output":true}}`,
			`{"model_name":"m","model_version":"3","id":"i","outputs":[{"name":"a","datatype":"FP64","shape":[2],"parameters":{"binary_data_size":16}},{"name":"b","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":5}},{"name":"c","datatype":"INT8","shape":[1],"parameters":{"binary_data_size":1}}]}` +
				"\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x04\x40\x01\x00\x00\x00x\x05"},
		{"mixed, and in another order", `{"inputs":[],"outputs":[{"name":"c","parameters":{"binary_data":true}},{"name":"a"}]}`,
			`{"model_name":"m","model_version":"3","id":"i","outputs":[{"name":"c","datatype":"INT8","shape":[1],"parameters":{"binary_data_size":1}},{"name":"a","datatype":"FP64","shape":[2],"data":[1.0,2.5]}]}` + "\x05"},
		{"all binary but one", `{"inputs":[],"parameters":{"binary_data_output":true},"outputs":[{"name":"c"},{"name":"b","parameters":{"binary_data":false}}]}`,
			`{"model_name":"m","model_version":"3","id":"i","outputs":[{"name":"c","datatype":"INT8","shape":[1],"parameters":{"binary_data_size":1}},{"name":"b","datatype":"BYTES","shape":[1],"data":["x"]}]}` + "\x05"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &message.Asking{Model: "m", ID: "i", Wire: restWire(c.request)}
			w, err := REST{}.EncodeReply(message.FromContent(content), a)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(w.Body.Bytes()); got != c.want || w.Status != 200 {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if hasBinary := strings.Contains(c.want, "binary_data_size"); hasBinary != (w.JSONLength > 0) || hasBinary != (w.ContentType == "application/octet-stream") {
				t.Errorf("JSON length %d, content type %s", w.JSONLength, w.ContentType)
			}
			back, err := REST{}.DecodeReply(w)
			if err != nil || len(back.Tensors) == 0 {
				t.Errorf("read back: %v", err)
			}
		})
	}
}

func TestAnOutputThatIsNotThereIsNamed(t *testing.T) {
	m := message.FromContent(&message.Content{Tensors: []tensor.Tensor{tensor.OfFP64("a", 1)}})
	a := &message.Asking{Model: "m", Request: &message.Content{Asked: []message.Asked{{Name: "z"}}}}
	for _, codec := range []message.Codec{REST{}, GRPC{}} {
		_, err := codec.EncodeReply(m, a)
		if want := "MR402 unexpected inference output 'z' for model 'm'; its outputs are a"; err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestAMergeBecomesTensorsNamedByPart(t *testing.T) {
	inner := &message.Content{Parts: []message.Part{{Name: "c", Message: message.FromContent(&message.Content{Tensors: []tensor.Tensor{tensor.OfFP64("y", 2)}})}}}
	content := &message.Content{
		Tags: tensor.Parameters{{Name: "tag", Value: tensor.BoolOf(true)}},
		Parts: []message.Part{
			{Name: "a", Message: message.FromContent(&message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("label", "en")}, Parameters: tensor.Parameters{{Name: "p", Value: tensor.Int64Of(1)}}})},
			{Name: "b", Message: message.FromContent(inner)},
			{Name: "d", Message: message.FromContent(&message.Content{Tensors: []tensor.Tensor{{Datatype: tensor.Untyped, Data: tensor.AppendBytes(nil, "1.5")}}})},
		},
		Errors: []message.PartError{{Part: "tox", Failure: &message.Failure{Kind: message.DeadlineExceeded, Detail: "no answer in 80ms"}}},
	}
	w, err := REST{}.EncodeReply(message.FromContent(content), &message.Asking{Model: "a+b+d+tox", Request: &message.Content{}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"model_name":"a+b+d+tox","parameters":{"a.p":1,"tag":true,"errors":"{\"tox\":\"no answer in 80ms\"}"},"outputs":[` +
		`{"name":"a.label","datatype":"BYTES","shape":[1],"data":["en"]},{"name":"b.c.y","datatype":"FP64","shape":[1],"data":[2.0]},{"name":"d.output-0","datatype":"FP64","shape":[1],"data":[1.5]}]}`
	if got := string(w.Body.Bytes()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWhatThisProtocolCannotSayIsRefusedWithTheRemedy(t *testing.T) {
	untyped := tensor.Tensor{Name: "x", Shape: []int64{1}, Data: tensor.AppendBytes(nil, "9007199254740993")}
	for _, c := range []struct {
		name    string
		content message.Content
		want    string
	}{
		{"bytes that are no text", message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("x", "\xff")}}, "MR403 output 'x': element 0 is not UTF-8 and has no JSON form; ask for binary data or use gRPC"},
		{"NaN", message.Content{Tensors: []tensor.Tensor{tensor.OfFP64("x", math.NaN())}}, "MR403 output 'x': element 0 is NaN, which JSON does not have; ask for binary data or use gRPC"},
		{"an identifier as a float", message.Content{Tensors: []tensor.Tensor{untyped}}, `MR403 output 'x': resolve "x": element 0 is 9007199254740993, an integer that FP64 may not hold exactly; declare the field's type, as INT64`},
		{"a JSON value", message.Content{JSON: []byte(`{}`)}, "MR403 the output is a JSON value, which has no form as tensors; declare the model's outputs in its contract"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := REST{}.EncodeReply(message.FromContent(&c.content), &message.Asking{Model: "m"})
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestARequestForAServerCarriesItsFixedParameters(t *testing.T) {
	content := &message.Content{ID: "7", Tensors: []tensor.Tensor{tensor.OfStrings("TXT", "hi")}, Asked: []message.Asked{{Name: "l"}},
		Parameters: tensor.Parameters{{Name: "k", Value: tensor.Int64Of(2)}}}
	target := &message.Target{Model: "vader", Parameters: tensor.Parameters{{Name: "k", Value: tensor.Int64Of(1)}, {Name: "mode", Value: tensor.StringOf("fast")}}}
	w, err := REST{}.EncodeRequest([]*message.Message{message.FromContent(content)}, target)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"7","parameters":{"k":2,"mode":"fast"},"inputs":[{"name":"TXT","datatype":"BYTES","shape":[1],"data":["hi"]}],"outputs":[{"name":"l"}]}`
	if got := string(w.Body.Bytes()); got != want || w.ContentType != "application/json" || w.JSONLength != -1 {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	target.Binary = true
	w, err = REST{}.EncodeRequest([]*message.Message{message.FromContent(content)}, target)
	if err != nil {
		t.Fatal(err)
	}
	want = `{"id":"7","parameters":{"k":2,"mode":"fast","binary_data_output":true},"inputs":[{"name":"TXT","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":6}}],"outputs":[{"name":"l"}]}` + "\x02\x00\x00\x00hi"
	if got := string(w.Body.Bytes()); got != want || w.ContentType != "application/octet-stream" || w.JSONLength != len(want)-6 {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestACombinerGetsThePartsByTheirPlace(t *testing.T) {
	in := []*message.Message{
		message.FromContent(&message.Content{ID: "1", Tensors: []tensor.Tensor{tensor.OfFP64("y", 1)}}),
		message.FromContent(&message.Content{Tensors: []tensor.Tensor{tensor.OfFP64("y", 2)}}),
	}
	w, err := GRPC{}.EncodeRequest(in, &message.Target{Model: "vote", Method: message.Aggregate})
	if err != nil {
		t.Fatal(err)
	}
	c, err := GRPC{}.DecodeRequest(w)
	if err != nil || c.ID != "1" || c.Tensor("0.y") == nil || c.Tensor("1.y") == nil || c.Model != "vote" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestAFailureIsToldInTheProtocolsForm(t *testing.T) {
	f := &message.Failure{Code: "MR203", Kind: message.NotFound, Detail: `no model "x"`}
	w := REST{}.EncodeFailure(f, &message.Asking{ID: "7"})
	if got := string(w.Body.Bytes()); got != `{"error":"MR203 no model \"x\"","id":"7"}` || w.Status != 404 {
		t.Errorf("%d %s", w.Status, got)
	}
	if w := (GRPC{}).EncodeFailure(f, nil); w.Status != 5 || w.Body != nil {
		t.Errorf("%+v", w)
	}
	theirs := message.FromWire(&message.Wire{Dialect: message.OpenInferenceREST, Status: 422, JSONLength: -1, Body: body.Of([]byte(`{"detail":[]}`))}, nil)
	f = &message.Failure{Kind: message.FailedUpstream, Detail: "it answered 422", Reply: theirs}
	if w := (REST{}).EncodeFailure(f, nil); w.Status != 422 || string(w.Body.Bytes()) != `{"detail":[]}` {
		t.Errorf("%+v", w)
	}
	if w := (GRPC{}).EncodeFailure(f, nil); w.Status != 3 {
		t.Errorf("%+v", w)
	}
	f.Reply = message.FromWire(&message.Wire{Dialect: message.OpenInferenceGRPC, Status: 14}, nil)
	if w := (REST{}).EncodeFailure(f, nil); w.Status != 503 {
		t.Errorf("%+v", w)
	}
}

func TestAPathNamesTheModelEscaped(t *testing.T) {
	for _, c := range []struct{ model, version, want string }{
		{"iris", "", "/v2/models/iris/infer"},
		{"iris", "3", "/v2/models/iris/versions/3/infer"},
		{"a/b c+d|é", "", "/v2/models/a%2Fb%20c%2Bd%7C%C3%A9/infer"},
		{"..", "", "/v2/models/%2E%2E/infer"},
	} {
		if got := string(Path(nil, &message.Target{Model: c.model, Version: c.version})); got != c.want {
			t.Errorf("got %s, expected %s", got, c.want)
		}
	}
}

func TestAFP16TensorIsNumbersInJSON(t *testing.T) {
	x := tensor.Tensor{Name: "x", Datatype: tensor.FP16, Shape: []int64{2}, Data: binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, 0x3C00), 0x2E66)}
	w, err := REST{}.EncodeReply(message.FromContent(&message.Content{Tensors: []tensor.Tensor{x}}), &message.Asking{Model: "m"})
	if err != nil {
		t.Fatal(err)
	}
	back, err := REST{}.DecodeReply(w)
	if err != nil || !tensor.Equal(&back.Tensors[0], &x) {
		t.Errorf("%s: %v", w.Body.Bytes(), err)
	}
}
