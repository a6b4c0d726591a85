package seldon

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
)

func grpcWire(b []byte) *message.Wire {
	return &message.Wire{Dialect: message.SeldonGRPC, Body: body.Of(b), JSONLength: -1}
}

func decodedGRPC(t testing.TB, text string) *message.Content {
	t.Helper()
	_, b := protoOf(t, "SeldonMessage", text)
	c, err := GRPC{}.DecodeRequest(grpcWire(b))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c
}

func encodedGRPC(c *message.Content) ([]byte, error) {
	w, err := GRPC{}.EncodeRequest([]*message.Message{message.FromContent(c)}, &message.Target{})
	if err != nil {
		return nil, err
	}
	return w.Body.Bytes(), nil
}

func TestEveryFormOfDataOverGRPCBecomesOneTensor(t *testing.T) {
	for _, c := range []struct {
		text     string
		datatype tensor.Datatype
		shape    string
		preview  string
	}{
		{`data{tensor{shape:[1,2] values:[1,-0.5]}}`, tensor.FP64, "[1 2]", "[1.0,-0.5]"},
		{`data{tensor{values:[1,nan]}}`, tensor.FP64, "[2]", "[1.0,NaN]"},
		{`data{tensor{shape:[0,3]}}`, tensor.FP64, "[0 3]", "[]"},
		{`data{names:["a","b"] ndarray{values{list_value{values{number_value:1}values{number_value:2.5}}}values{list_value{values{number_value:3}values{number_value:4}}}}}`, tensor.FP64, "[2 2]", "[1.0,2.5,3.0,4.0]"},
		{`data{ndarray{values{string_value:"a"}values{string_value:"é"}}}`, tensor.Bytes, "[2]", `["a","é"]`},
		{`data{ndarray{values{bool_value:true}values{bool_value:false}}}`, tensor.Bool, "[2]", "[true,false]"},
		{`data{ndarray{}}`, tensor.Untyped, "[0]", "[]"},
		{`data{ndarray{values{list_value{}}values{list_value{}}}}`, tensor.Untyped, "[2 0]", "[]"},
		{`data{tftensor{dtype:9 tensor_shape{dim{size:2}} int64_val:[9007199254740993,-1]}}`, tensor.Int64, "[2]", "[9007199254740993,-1]"},
		{`data{tftensor{dtype:1 tensor_shape{dim{size:1}} tensor_content:"\000\000\200\077"}}`, tensor.FP32, "[1]", "1.0"},
		{`data{tftensor{dtype:1 tensor_shape{dim{size:3}} float_val:[1,2]}}`, tensor.FP32, "[3]", "[1.0,2.0,2.0]"},
		{`data{tftensor{dtype:2 tensor_shape{dim{size:2}}}}`, tensor.FP64, "[2]", "[0.0,0.0]"},
		{`data{tftensor{dtype:7 tensor_shape{dim{size:2}} string_val:["a","\377"]}}`, tensor.Bytes, "[2]", "BYTES[2]"},
		{`data{tftensor{dtype:19 tensor_shape{dim{size:1}} half_val:15360}}`, tensor.FP16, "[1]", "1.0"},
		{`data{tftensor{dtype:10 bool_val:true}}`, tensor.Bool, "[]", "true"},
		{`data{tftensor{dtype:6 tensor_shape{dim{size:2}} int_val:[-128,127]}}`, tensor.Int8, "[2]", "[-128,127]"},
		{`strData:"hé"`, tensor.Bytes, "[1]", `"hé"`},
		{`binData:"hello"`, tensor.Bytes, "[1]", `"hello"`},
	} {
		got := decodedGRPC(t, c.text)
		if len(got.Tensors) != 1 {
			t.Errorf("%s: %d tensors", c.text, len(got.Tensors))
			continue
		}
		x := got.Tensors[0]
		if err := x.Check(); err != nil || x.Name != "" || x.Datatype != c.datatype || x.Preview() != c.preview || fmt.Sprint(x.Shape) != c.shape {
			t.Errorf("%s: %q %s %v %s, %v", c.text, x.Name, x.Datatype, x.Shape, x.Preview(), err)
		}
	}
	if c := decodedGRPC(t, `jsonData{struct_value{fields{key:"a" value{list_value{values{number_value:1.5}values{null_value:NULL_VALUE}values{bool_value:true}}}}}}`); string(c.JSON) != `{"a":[1.5,null,true]}` {
		t.Errorf("jsonData is %s", c.JSON)
	}
}

func TestWhatWasSentLastCountsOverGRPC(t *testing.T) {
	_, first := protoOf(t, "SeldonMessage", `data{names:"a" tensor{shape:[2] values:[1]}} meta{puid:"one" tags{key:"t" value{number_value:1}}}`)
	_, piece := protoOf(t, "SeldonMessage", `data{tensor{values:[2]}} meta{puid:"two" tags{key:"t" value{string_value:"x"}}}`)
	c, err := GRPC{}.DecodeRequest(grpcWire(append(first, piece...)))
	if err != nil || c.Tensors[0].Preview() != "[1.0,2.0]" || c.ID != "two" || len(c.Tags) != 1 || c.Tags[0].Value.String != "x" {
		t.Errorf("a message in pieces: %+v, %v", c, err)
	}
	_, other := protoOf(t, "SeldonMessage", `strData:"s"`)
	c, err = GRPC{}.DecodeRequest(grpcWire(append(append(first, other...), piece...)))
	if err != nil || c.Tensors[0].Preview() != "2.0" || len(c.Names) != 0 {
		t.Errorf("another member of the oneof in between: %+v, %v", c, err)
	}
}

func TestDoublesOverGRPCAreAViewOfTheBody(t *testing.T) {
	_, b := protoOf(t, "SeldonMessage", `data{tensor{shape:[2] values:[1,2]}}`)
	c, err := GRPC{}.DecodeRequest(grpcWire(b))
	if err != nil {
		t.Fatal(err)
	}
	data := c.Tensors[0].Data
	if at := strings.Index(string(b), string(data)); at < 0 || &b[at] != &data[0] || cap(data) != len(data) {
		t.Error("the values were copied, or can be appended to")
	}
}

func TestWhatIsMalformedOverGRPCIsRefused(t *testing.T) {
	bytesOf := func(text string) []byte {
		_, b := protoOf(t, "SeldonMessage", text)
		return b
	}
	deep := []byte{}
	for range 200 {
		list := protobuf.AppendBytes(nil, 1, protobuf.AppendBytes(nil, valueList, deep))
		deep = list
	}
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"garbage", []byte{0xFF}, "the body is not a protobuf message"},
		{"ragged", bytesOf(`data{ndarray{values{list_value{values{number_value:1}}}values{list_value{}}}}`), "ragged"},
		{"a list beside a number", bytesOf(`data{ndarray{values{number_value:1}values{list_value{}}}}`), "ragged"},
		{"mixed", bytesOf(`data{ndarray{values{number_value:1}values{string_value:"a"}}}`), "element 1: expected a number, found a string"},
		{"null", bytesOf(`data{ndarray{values{}}}`), "found null"},
		{"an object", bytesOf(`data{ndarray{values{struct_value{}}}}`), "found an object"},
		{"nested without end", protobuf.AppendBytes(nil, 3, protobuf.AppendBytes(nil, 3, deep)), "nested deeper than 100 levels"},
		{"too few values", bytesOf(`data{tensor{shape:[3] values:[1]}}`), "data.tensor: expected 24 bytes"},
		{"a negative size", bytesOf(`data{tensor{shape:[-1] values:[1]}}`), "data.tensor: "},
		{"a huge tftensor of one value", bytesOf(`data{tftensor{dtype:1 tensor_shape{dim{size:4611686018427387904}} float_val:1}}`), "too large"},
		{"a large tftensor of one value", bytesOf(`data{tftensor{dtype:1 tensor_shape{dim{size:1000000000}} float_val:1}}`), "too many to repeat; send them all"},
		{"a tftensor with too many values", bytesOf(`data{tftensor{dtype:1 tensor_shape{dim{size:1}} float_val:[1,2]}}`), "expected 1 elements for shape [1], got 2"},
		{"a tftensor of complex numbers", bytesOf(`data{tftensor{dtype:8}}`), "dtype 8 has no form"},
		{"a value out of range", bytesOf(`data{tftensor{dtype:6 tensor_shape{dim{size:1}} int_val:128}}`), "element 0: 128 is no INT8"},
		{"content that is cut", bytesOf(`data{tftensor{dtype:1 tensor_shape{dim{size:1}} tensor_content:"abc"}}`), "expected 4 bytes"},
		{"a shape that is not known", bytesOf(`data{tftensor{dtype:1 tensor_shape{unknown_rank:true}}}`), "shape is not known"},
		{"text that is none", protobuf.AppendBytes(nil, 5, "\xff"), "strData is not UTF-8"},
		{"NaN in jsonData", bytesOf(`jsonData{number_value:nan}`), "jsonData: NaN has no JSON form"},
	} {
		_, err := GRPC{}.DecodeRequest(grpcWire(c.b))
		var f *message.Failure
		if !errors.As(err, &f) || f.Kind != message.InvalidArgument || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestATensorIsSentOverGRPCInTheFormThatHoldsIt(t *testing.T) {
	small := tensor.Tensor{Name: "x", Datatype: tensor.Int64, Shape: []int64{1}, Data: []byte{3, 0, 0, 0, 0, 0, 0, 0}}
	big := tensor.Tensor{Name: "x", Datatype: tensor.Int64, Shape: []int64{1}, Data: []byte{1, 0, 0, 0, 0, 0, 0x20, 0}}
	named := func(x tensor.Tensor, name string) tensor.Tensor { x.Name = name; return x }
	for _, c := range []struct {
		name string
		in   message.Content
		want string
	}{
		{"strings", message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("text", "a")}}, `data{names:"text" ndarray{values{string_value:"a"}}}`},
		{"doubles", message.Content{Tensors: []tensor.Tensor{tensor.OfFP64("x", 1, 0.5)}}, `data{names:"x" tensor{shape:[2] values:[1,0.5]}}`},
		{"integers that doubles hold", message.Content{Tensors: []tensor.Tensor{small}}, `data{names:"x" tensor{shape:[1] values:[3]}}`},
		{"a contract's tftensor", message.Content{Tensors: []tensor.Tensor{named(big, "tftensor")}}, `data{tftensor{dtype:9 tensor_shape{dim{size:1}} tensor_content:"\001\000\000\000\000\000\040\000"}}`},
		{"a contract's ndarray", message.Content{Tensors: []tensor.Tensor{named(small, "ndarray")}}, `data{ndarray{values{number_value:3}}}`},
		{"a contract's strData", message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("strData", "a")}}, `strData:"a"`},
		{"a contract's binData", message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("binData", "\xff")}}, `binData:"\377"`},
		{"bytes that are no text", message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("x", "\xff")}}, `binData:"\377"`},
		{"a contract's jsonData", message.Content{Scalar: true, Tensors: []tensor.Tensor{tensor.OfStrings("jsonData", "a")}}, `jsonData{string_value:"a"}`},
		{"several tensors", message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("a", "x"), tensor.OfFP64("b", 1)}},
			`jsonData{struct_value{fields{key:"a" value{list_value{values{string_value:"x"}}}} fields{key:"b" value{list_value{values{number_value:1}}}}}}`},
		{"JSON", message.Content{JSON: []byte(`{"k":[1,null]}`)}, `jsonData{struct_value{fields{key:"k" value{list_value{values{number_value:1}values{null_value:NULL_VALUE}}}}}}`},
		{"parameters go with the tags", message.Content{ID: "p", Tensors: []tensor.Tensor{tensor.OfStrings("strData", "x")}, Tags: tensor.Parameters{{Name: "n", Value: tensor.Int64Of(1<<53 + 1)}}, Parameters: tensor.Parameters{{Name: "top_k", Value: tensor.Int64Of(3)}}},
			`strData:"x" meta{puid:"p" tags{key:"n" value{string_value:"9007199254740993"}} tags{key:"top_k" value{number_value:3}}}`},
	} {
		b, err := encodedGRPC(&c.in)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		t.Run(c.name, func(t *testing.T) { checkProto(t, "SeldonMessage", b, c.want) })
	}
	for want, in := range map[string]message.Content{
		"element 0 is 9007199254740993, which FP64 cannot hold": {Tensors: []tensor.Tensor{big}},
		"Seldon's numbers over gRPC are doubles":                {Tensors: []tensor.Tensor{named(big, "ndarray")}},
		"element 1 is not UTF-8":                                {Tensors: []tensor.Tensor{tensor.OfStrings("x", "a", "\xff")}},
		"send it as a string":                                   {JSON: []byte(`{"id":9007199254740993}`)},
		"an axis after an empty one would be lost":              {Tensors: []tensor.Tensor{{Datatype: tensor.Bytes, Shape: []int64{0, 2}}}},
		"customData came as JSON":                               {Parameters: tensor.Parameters{{Name: keptCustom, Value: tensor.JSONOf(`{"@type":"x"}`)}}},
	} {
		var f *message.Failure
		if _, err := encodedGRPC(&in); !errors.As(err, &f) || f.Kind != message.InvalidArgument || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestAReplyOverGRPCMirrorsTheFormInWhichTheClientAsked(t *testing.T) {
	score, label := tensor.OfFP64("score", 0.5), tensor.OfStrings("label", "good")
	for _, c := range []struct {
		asked string
		reply tensor.Tensor
		want  string
	}{
		{`data{ndarray{values{number_value:1}}}`, score, `data{names:"score" ndarray{values{number_value:0.5}}}`},
		{`data{tensor{values:1}}`, score, `data{names:"score" tensor{shape:1 values:0.5}}`},
		{`data{tensor{values:1}}`, label, `data{names:"label" ndarray{values{string_value:"good"}}}`},
		{`data{tftensor{dtype:1}}`, label, `data{names:"label" tftensor{dtype:7 tensor_shape{dim{size:1}} string_val:"good"}}`},
		{`strData:"x"`, label, `strData:"good"`},
		{`strData:"x"`, score, `data{names:"score" tensor{shape:1 values:0.5}}`},
		{`binData:"x"`, label, `binData:"good"`},
		{`jsonData{number_value:1}`, label, `jsonData{struct_value{fields{key:"label" value{list_value{values{string_value:"good"}}}}}}`},
	} {
		_, asked := protoOf(t, "SeldonMessage", c.asked)
		w, err := GRPC{}.EncodeReply(message.FromContent(&message.Content{Tensors: []tensor.Tensor{c.reply}}), &message.Asking{ID: "id", Wire: grpcWire(asked)})
		if err != nil || w.Status != 0 {
			t.Errorf("%s: %v", c.asked, err)
			continue
		}
		checkProto(t, "SeldonMessage", w.Body.Bytes(), c.want+` meta{puid:"id"}`)
	}
}

func TestCustomDataIsKeptWithinItsTransport(t *testing.T) {
	_, b := protoOf(t, "SeldonMessage", `customData{type_url:"type.googleapis.com/my.Thing" value:"\010\001"} meta{puid:"p"}`)
	c, err := GRPC{}.DecodeRequest(grpcWire(b))
	if err != nil {
		t.Fatal(err)
	}
	again, err := encodedGRPC(c)
	if err != nil {
		t.Fatal(err)
	}
	checkProto(t, "SeldonMessage", again, `customData{type_url:"type.googleapis.com/my.Thing" value:"\010\001"} meta{puid:"p"}`)
	if _, err := (Codec{}).EncodeRequest([]*message.Message{message.FromContent(c)}, &message.Target{}); err == nil || !strings.Contains(err.Error(), "customData came as protobuf") {
		t.Errorf("as JSON: %v", err)
	}
	text := `{"customData":{"@type":"x","v":[1]}}`
	if got := encoded(t, decoded(t, text)); got != text {
		t.Errorf("JSON became %s", got)
	}
}

func TestACombinerOverGRPCGetsTheChildrensBytes(t *testing.T) {
	unknown := protobuf.AppendBytes(nil, 99, "kept")
	_, child := protoOf(t, "SeldonMessage", `data{tensor{shape:1 values:1}} meta{puid:"a"}`)
	child = append(child, unknown...)
	w := grpcWire(child)
	in := []*message.Message{
		message.FromWire(w, GRPC{}.DecodeReply),
		message.FromContent(&message.Content{Tensors: []tensor.Tensor{tensor.OfFP64("", 2)}}),
		message.FromWire(wire(`{"data":{"ndarray":[[3]]}}`), Codec{}.DecodeReply),
	}
	out, err := GRPC{}.EncodeRequest(in, &message.Target{Method: message.Aggregate})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out.Body.Bytes()), string(child)) {
		t.Error("the first child's bytes were changed")
	}
	list := reference(t, "SeldonMessageList", out.Body.Bytes())
	want, _ := protoOf(t, "SeldonMessageList", `seldonMessages{data{tensor{shape:1 values:1}} meta{puid:"a"}} seldonMessages{data{tensor{shape:1 values:2}}} seldonMessages{data{ndarray{values{list_value{values{number_value:3}}}}}}`)
	messages := list.Get(list.Descriptor().Fields().ByNumber(1)).List()
	messages.Get(0).Message().SetUnknown(nil)
	if !proto.Equal(list, want) {
		t.Errorf("got  %v\nwant %v", list, want)
	}
	if empty, err := (GRPC{}).EncodeRequest(nil, &message.Target{Method: message.Aggregate}); err != nil || empty.Body.Len() != 0 {
		t.Errorf("of no children: %v", err)
	}
}

func TestWhatNoContractMapsPassesAsItsBytesOverGRPC(t *testing.T) {
	_, b := protoOf(t, "SeldonMessage", `strData:"x"`)
	b = append(b, protobuf.AppendBytes(nil, 99, "kept")...)
	w := grpcWire(b)
	m := message.FromWire(w, nil)
	out, err := GRPC{}.EncodeRequest([]*message.Message{m}, &message.Target{})
	if err != nil || string(out.Body.Bytes()) != string(b) {
		t.Errorf("a request became %q, %v", out.Body.Bytes(), err)
	}
	reply, err := GRPC{}.EncodeReply(m, &message.Asking{})
	if err != nil || string(reply.Body.Bytes()) != string(b) {
		t.Errorf("a reply became %q, %v", reply.Body.Bytes(), err)
	}
}

func TestAScalarGetsTheAxisThatSeldonsArraysHave(t *testing.T) {
	one := tensor.OfFP64("x", 2)
	one.Shape = nil
	for name, want := range map[string]string{
		"":         `data{tensor{shape:1 values:2}}`,
		"ndarray":  `data{ndarray{values{number_value:2}}}`,
		"tftensor": `data{tftensor{dtype:2 tensor_shape{} tensor_content:"\000\000\000\000\000\000\000\100"}}`,
	} {
		one.Name = name
		b, err := encodedGRPC(&message.Content{Tensors: []tensor.Tensor{one}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkProto(t, "SeldonMessage", b, want)
	}
	one.Name = ""
	if got := encoded(t, &message.Content{Tensors: []tensor.Tensor{one}}); got != `{"data":{"tensor":{"shape":[1],"values":[2.0]}}}` {
		t.Errorf("as JSON: %s", got)
	}
}

func TestRepeatedFieldsAreReadPackedOrOneByOne(t *testing.T) {
	fixed := func(number protowire.Number, values ...float64) (b []byte) {
		for _, v := range values {
			b = protowire.AppendFixed64(protowire.AppendTag(b, number, protowire.Fixed64Type), math.Float64bits(v))
		}
		return b
	}
	packed := func(values ...float64) (b []byte) {
		for _, v := range values {
			b = protowire.AppendFixed64(b, math.Float64bits(v))
		}
		return b
	}
	dense := protobuf.AppendVarint(protobuf.AppendVarint(nil, 1, 2), 1, 2)
	dense = append(protobuf.AppendBytes(dense, 2, packed(1, 2)), fixed(2, 3)...)
	dense = protobuf.AppendBytes(dense, 2, packed(4))
	dims := protobuf.AppendBytes(nil, 2, protobuf.AppendVarint(nil, 1, 3))
	tf := append(protobuf.AppendBytes(protobuf.AppendVarint(nil, 1, 2), 2, dims), fixed(6, 1, 2)...)
	tf = protobuf.AppendBytes(tf, 6, packed(3))
	ints := protobuf.AppendBytes(protobuf.AppendVarint(protobuf.AppendBytes(protobuf.AppendVarint(nil, 1, 9), 2, dims), 10, 7), 10, "\x08\x09")
	for want, data := range map[string][]byte{
		"FP64 [2 2][1.0,2.0,3.0,4.0]": protobuf.AppendBytes(nil, 2, dense),
		"FP64 [3][1.0,2.0,3.0]":       protobuf.AppendBytes(nil, 4, tf),
		"INT64 [3][7,8,9]":            protobuf.AppendBytes(nil, 4, ints),
	} {
		c, err := GRPC{}.DecodeRequest(grpcWire(protobuf.AppendBytes(nil, fieldData, data)))
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		x := c.Tensors[0]
		if got := fmt.Sprint(x.Datatype, x.Shape, x.Preview()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
