package tfserving

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
	"github.com/millrace/millrace/protocol/tensorproto"
)

func grpcWire(b []byte) *message.Wire {
	return &message.Wire{Dialect: message.TFServingGRPC, Body: body.Of(b), JSONLength: -1}
}

func TestTypedValuesAreReadInEveryDatatype(t *testing.T) {
	i32, long := func(v ...any) []any { return v }, strings.Repeat("x", 100)
	for _, c := range []struct {
		name   string
		dtype  int32
		shape  []int64
		field  string
		values any
		want   string
	}{
		{"float", 1, []int64{2}, "float_val", []any{float32(0.5), float32(math.Inf(1))}, "FP32 [2] [0.5,Infinity]"},
		{"double", 2, []int64{2}, "double_val", []any{0.1, math.Copysign(0, -1)}, "FP64 [2] [0.1,-0.0]"},
		{"int32", 3, []int64{1}, "int_val", i32(int32(math.MinInt32)), "INT32 [1] -2147483648"},
		{"uint8", 4, []int64{1}, "int_val", i32(int32(255)), "UINT8 [1] 255"},
		{"uint8 out of range", 4, []int64{1}, "int_val", i32(int32(256)), "input 'x': element 0 is 256, which DT_UINT8 cannot hold"},
		{"int16", 5, []int64{1}, "int_val", i32(int32(-32768)), "INT16 [1] -32768"},
		{"int8", 6, []int64{1}, "int_val", i32(int32(-128)), "INT8 [1] -128"},
		{"int8 out of range", 6, []int64{1}, "int_val", i32(int32(128)), "input 'x': element 0 is 128, which DT_INT8 cannot hold"},
		{"strings", 7, []int64{2}, "string_val", []any{[]byte("a"), []byte("")}, `BYTES [2] ["a",""]`},
		{"int64", 9, []int64{1}, "int64_val", []any{int64(math.MinInt64)}, "INT64 [1] -9223372036854775808"},
		{"bool", 10, []int64{2}, "bool_val", []any{true, false}, "BOOL [2] [true,false]"},
		{"bfloat16", 14, []int64{1}, "half_val", i32(int32(0x3FC0)), "BF16 [1] 1.5"},
		{"uint16", 17, []int64{1}, "int_val", i32(int32(65535)), "UINT16 [1] 65535"},
		{"half", 19, []int64{2}, "half_val", i32(int32(0x3E00), int32(0x8000)), "FP16 [2] [1.5,-0.0]"},
		{"half out of range", 19, []int64{1}, "half_val", i32(int32(0x10000)), "input 'x': element 0 is 65536, which DT_HALF cannot hold"},
		{"uint32", 22, []int64{1}, "uint32_val", []any{uint32(math.MaxUint32)}, "UINT32 [1] 4294967295"},
		{"uint64", 23, []int64{1}, "uint64_val", []any{uint64(math.MaxUint64)}, "UINT64 [1] 18446744073709551615"},
		{"a scalar", 1, nil, "float_val", []any{float32(1)}, "FP32 [] 1.0"},
		{"one value fills all", 1, []int64{2, 2}, "float_val", []any{float32(7)}, "FP32 [2 2] [7.0,7.0,7.0,7.0]"},
		{"the last value is repeated", 9, []int64{4}, "int64_val", []any{int64(1), int64(2)}, "INT64 [4] [1,2,2,2]"},
		{"the last string is repeated", 7, []int64{3}, "string_val", []any{[]byte("a"), []byte("bc")}, `BYTES [3] ["a","bc","bc"]`},
		{"no value is zeros", 3, []int64{2}, "", nil, "INT32 [2] [0,0]"},
		{"no string is empty", 7, []int64{2}, "", nil, `BYTES [2] ["",""]`},
		{"no elements", 1, []int64{0, 3}, "", nil, "FP32 [0 3] []"},
		{"too many", 1, []int64{1}, "float_val", []any{float32(1), float32(2)}, "input 'x': expected 1 elements for shape [1], got 2"},
		{"too many to fill", 1, []int64{1 << 30}, "float_val", []any{float32(1)}, "input 'x': expected 1073741824 elements for shape [1073741824], got 1, and more than 16777216 bytes are not filled up; send all of them"},
		{"too many strings to fill", 7, []int64{1 << 20}, "string_val", []any{[]byte(long)}, "are not filled up"},
		{"another field", 1, []int64{1}, "double_val", []any{1.0}, "input 'x': it has values in double_val, expected float_val for DT_FLOAT"},
		{"content", 1, []int64{1}, "tensor_content", []byte{0, 0, 0x80, 0x3F}, "FP32 [1] 1.0"},
		{"content of another size", 1, []int64{2}, "tensor_content", []byte{0, 0, 0x80, 0x3F}, "input 'x': tensor_content: expected 8 bytes for shape [2] of DT_FLOAT, got 4"},
		{"content of strings", 7, []int64{2}, "tensor_content", []byte("\x02\x01abc"), `BYTES [2] ["ab","c"]`},
		{"content of strings that is cut", 7, []int64{2}, "tensor_content", []byte("\x02\x01ab"), "input 'x': tensor_content: expected 3 bytes for 2 strings, got 2"},
		{"content of too few strings", 7, []int64{1 << 40}, "tensor_content", []byte("\x00\x00"), "string 2 has none or is too long"},
		{"complex", 8, []int64{1}, "", nil, "input 'x': dtype 8 has no counterpart"},
		{"no dtype", 0, []int64{1}, "", nil, "input 'x': it has no dtype"},
		{"a negative size", 1, []int64{-1}, "", nil, "input 'x': shape [-1]: size -1 of axis 0 is negative"},
		{"an overflowing size", 1, []int64{1 << 40, 1 << 40}, "", nil, "input 'x': shape [1099511627776 1099511627776]: the number of elements is too large"},
	} {
		got := ""
		if content, err := (GRPC{}).DecodeRequest(grpcWire(predict(t, "x", tensorProto(c.dtype, c.shape, c.field, c.values)))); err != nil {
			got = err.Error()
		} else {
			got = strings.TrimPrefix(show(content), "x ")
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestUnpackedValuesAndMessagesInPiecesReadAsProtobufHasIt(t *testing.T) {
	p := protobuf.AppendInt(nil, 1, 1)
	p = protowire.AppendFixed32(protowire.AppendTag(p, 5, protowire.Fixed32Type), math.Float32bits(1))
	p = protobuf.AppendBytes(p, 5, binary.LittleEndian.AppendUint32(nil, math.Float32bits(2)))
	shape := func(n int64) []byte {
		return protobuf.AppendBytes(nil, 2, tensorproto.AppendDims(nil, []int64{n}))
	}
	value := func(dst, b []byte) []byte {
		return protobuf.AppendBytes(dst, 2, b)
	}
	entry := value(value(value(protobuf.AppendText(nil, 1, "x"), p), shape(2)), shape(1))
	b := appendSpec(nil, 1, "old", "canary", "sig")
	b = value(b, entry)
	b = value(b, value(protobuf.AppendText(nil, 1, "y"), protobuf.AppendInt(nil, 1, 3)))
	b = value(b, value(protobuf.AppendText(nil, 1, "x"), protowire.AppendTag(append(protobuf.AppendInt(nil, 1, 9), shape(1)...), 99, protowire.StartGroupType)))
	if _, err := (GRPC{}).DecodeRequest(grpcWire(b)); err == nil || !strings.Contains(err.Error(), "cut or garbled") {
		t.Errorf("an open group: %v", err)
	}
	b = appendSpec(nil, 1, "old", "canary", "sig")
	b = value(b, entry)
	b = value(b, value(protobuf.AppendText(nil, 1, "y"), protobuf.AppendInt(nil, 1, 3)))
	b = append(b, appendSpec(nil, 1, "m", "7", "")...)
	c, err := GRPC{}.DecodeRequest(grpcWire(b))
	if err != nil {
		t.Fatal(err)
	}
	if got := show(c); got != "x FP32 [2 1] [1.0,2.0]; y INT32 [] 0; signature_name=sig" || c.Model != "m" || c.Version != "7" {
		t.Errorf("%s %s %s", got, c.Model, c.Version)
	}
	// Of an input that stands twice, the last counts.
	b = value(b, value(protobuf.AppendText(nil, 1, "x"), append(protobuf.AppendInt(nil, 1, 9), shape(1)...)))
	if c, err = (GRPC{}).DecodeRequest(grpcWire(b)); err != nil || !strings.HasPrefix(show(c), "x INT64 [1] 0; y INT32") {
		t.Errorf("%s, %v", show(c), err)
	}
	many := appendSpec(nil, 1, "m", "", "")
	for i := range 20 {
		many = value(many, value(protobuf.AppendText(nil, 1, fmt.Sprint(i%10)), protobuf.AppendInt(nil, 1, 3)))
	}
	if c, err = (GRPC{}).DecodeRequest(grpcWire(many)); err != nil || len(c.Tensors) != 10 {
		t.Errorf("%s, %v", show(c), err)
	}
}

func TestWhatIsNoPredictRequestIsRefused(t *testing.T) {
	unknown := build("TensorProto", map[string]any{"dtype": int32(1), "tensor_shape": build("TensorShapeProto", map[string]any{"unknown_rank": true})})
	deep := make([]int64, 300)
	for i := range deep {
		deep[i] = 1
	}
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"an unknown rank":          {predict(t, "x", unknown), "the rank of its shape is unknown"},
		"too many axes":            {predict(t, "x", tensorProto(1, deep, "", nil)), "at most 254 axes"},
		"no name":                  {predict(t, "", tensorProto(1, nil, "", nil)), "an input has no name"},
		"a cut body":               {[]byte{0x0a, 0x05, 'm'}, "the body is not a protobuf message"},
		"a cut tensor":             {[]byte{0x12, 0x05, 0x0a, 0x01, 'x', 0x12, 0x09}, "an input is not a protobuf message"},
		"a label that is a number": {appendSpecLabel("5"), "version_label '5' of model 'm' is a number; send it as version"},
		"a name not UTF-8":         {[]byte{0x0a, 0x03, 0x0a, 0x01, 0xff}, "the name in model_spec is not UTF-8"},
	} {
		if _, err := (GRPC{}).DecodeRequest(grpcWire(c.b)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func appendSpecLabel(label string) []byte {
	dst, at := protobuf.Open(nil, 1)
	return protobuf.Seal(protobuf.AppendText(protobuf.AppendText(dst, 1, "m"), 4, label), at)
}

func TestARequestNamesModelVersionSignatureAndOutputs(t *testing.T) {
	in := content(tensor.OfFP64("x", 1))
	in.Asked = []message.Asked{{Name: "y"}, {Name: "z"}}
	for _, c := range []struct{ version, own, fixed, want string }{
		{"3", "", "", `name:"m" version:{value:3}`},
		{"canary", "mine", "fixed", `name:"m" signature_name:"mine" version_label:"canary"`},
		{"", "", "fixed", `name:"m" signature_name:"fixed"`},
		{"0", "", "", `name:"m" version:{}`},
	} {
		in.Parameters = nil
		if c.own != "" {
			in.Parameters = tensor.Parameters{{Name: signatureName, Value: tensor.StringOf(c.own)}}
		}
		target := &message.Target{Model: "m", Version: c.version}
		if c.fixed != "" {
			target.Parameters = tensor.Parameters{{Name: signatureName, Value: tensor.StringOf(c.fixed)}}
		}
		w, err := GRPC{}.EncodeRequest([]*message.Message{message.FromContent(in)}, target)
		if err != nil {
			t.Fatal(err)
		}
		ref := reference(t, "PredictRequest", w.Body.Bytes())
		if got := strings.ReplaceAll(fmt.Sprint(get(ref, "model_spec").Message().Interface()), "  ", " "); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
		if asked := get(ref, "output_filter").List(); asked.Len() != 2 || asked.Get(1).String() != "z" {
			t.Errorf("%v", asked)
		}
		back, err := GRPC{}.DecodeRequest(w)
		if err != nil || back.Model != "m" || back.Version != c.version || len(back.Asked) != 2 || back.Asked[0].Name != "y" {
			t.Errorf("%+v, %v", back, err)
		}
		name, version, err := PeekModel(w.Body)
		if err != nil || name != "m" || version != c.version {
			t.Errorf("%s %s, %v", name, version, err)
		}
	}
}

func TestAReplyHasTheOutputsThatWereAskedFor(t *testing.T) {
	reply := content(tensor.OfFP64("a", 1), tensor.OfStrings("b", "x"))
	request := &message.Content{Tensors: []tensor.Tensor{tensor.OfFP64("x", 1)}, Parameters: tensor.Parameters{{Name: signatureName, Value: tensor.StringOf("sig")}}}
	for _, c := range []struct {
		asked []message.Asked
		want  string
	}{
		{nil, `a FP64 [1] 1.0; b BYTES [1] "x"`},
		{[]message.Asked{{Name: "b"}, {Name: "b"}}, `b BYTES [1] "x"`},
		{[]message.Asked{{Name: "c"}}, "output tensor alias not found in signature: c Outputs expected to be in the set {a,b}."},
	} {
		request.Asked = c.asked
		w, err := GRPC{}.EncodeRequest([]*message.Message{message.FromContent(request)}, &message.Target{Model: "m"})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range []*message.Asking{{Model: "m", Version: "2", Wire: w}, {Model: "m", Version: "2", Request: request}} {
			out, err := GRPC{}.EncodeReply(message.FromContent(reply), a)
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %s", err, c.want)
				}
				continue
			}
			ref := reference(t, "PredictResponse", out.Body.Bytes())
			if got := strings.ReplaceAll(fmt.Sprint(get(ref, "model_spec").Message().Interface()), "  ", " "); got != `name:"m" signature_name:"sig" version:{value:2}` {
				t.Error(got)
			}
			back, err := GRPC{}.DecodeReply(out)
			if err != nil || show(back) != c.want {
				t.Errorf("%s, %v, want %s", show(back), err, c.want)
			}
		}
	}
	out, err := GRPC{}.EncodeReply(message.FromContent(reply), &message.Asking{Wire: restWire(`{"inputs":[1],"signature_name":"s"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if got := get(get(reference(t, "PredictResponse", out.Body.Bytes()), "model_spec").Message(), "signature_name").String(); got != "s" {
		t.Error(got)
	}
}

func TestAMergeAndItsFailedPartsHaveAPlaceInGRPC(t *testing.T) {
	merged := &message.Content{Parts: []message.Part{{Name: "p", Message: message.FromContent(content(tensor.OfFP64("y", 1)))}},
		Errors: []message.PartError{{Part: "q", Failure: message.Invalid("MR1", "no")}}}
	out, err := GRPC{}.EncodeReply(message.FromContent(merged), &message.Asking{Request: &message.Content{Asked: []message.Asked{{Name: "p.y"}, {Name: "q.y"}}}})
	if err != nil {
		t.Fatal(err)
	}
	back, err := GRPC{}.DecodeReply(out)
	if err != nil || show(back) != `p.y FP64 [1] 1.0; errors BYTES [] "{\"q\":\"MR1 no\"}"` {
		t.Errorf("%s, %v", show(back), err)
	}
	merged.Parts[0].Message = message.FromContent(&message.Content{JSON: []byte("{}")})
	if _, err := (GRPC{}).EncodeReply(message.FromContent(merged), &message.Asking{}); err == nil || !strings.Contains(err.Error(), "the output of part p is a JSON value") {
		t.Errorf("%v", err)
	}
	untyped := content(tensor.Tensor{Datatype: tensor.Untyped, Shape: []int64{1}, Data: tensor.AppendBytes(nil, "9007199254740993")})
	if _, err := (GRPC{}).EncodeReply(message.FromContent(untyped), &message.Asking{}); err == nil || !strings.Contains(err.Error(), "output 'output-0'") {
		t.Errorf("an identifier without a datatype: %v", err)
	}
}

func TestTensorContentIsAView(t *testing.T) {
	x := tensor.OfFP64("x", make([]float64, 1000)...)
	w, err := GRPC{}.EncodeRequest([]*message.Message{message.FromContent(content(x))}, &message.Target{Model: "m"})
	if err != nil {
		t.Fatal(err)
	}
	typed := grpcWire(predict(t, "x", tensorProto(2, []int64{2}, "double_val", []any{1.0, 2.0})))
	for _, w := range []*message.Wire{w, typed} {
		c, err := GRPC{}.DecodeRequest(w)
		if err != nil {
			t.Fatal(err)
		}
		inside, b := false, w.Body.Bytes()
		for i := range b {
			inside = inside || &b[i] == &c.Tensors[0].Data[0]
		}
		if !inside {
			t.Error("the data was copied")
		}
	}
}
