package oip

import (
	"bytes"
	"math"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// anyTensor draws any bits there are: NaN payloads, -0, denormals, the largest integers, bytes that are no text, no elements.
func anyTensor(t *rapid.T, name string) tensor.Tensor {
	d := tensor.Datatype(rapid.IntRange(int(tensor.Bool), int(tensor.Bytes)).Draw(t, "datatype"))
	shape := rapid.SliceOfN(rapid.Int64Range(0, 3), 0, 3).Draw(t, "shape")
	n, _ := tensor.Elements(shape)
	out := tensor.Tensor{Name: name, Datatype: d, Shape: shape, Data: []byte{}, Parameters: anyParameters(t)}
	for range n {
		switch {
		case d == tensor.Bytes && rapid.Bool().Draw(t, "text"):
			out.Data = tensor.AppendBytes(out.Data, rapid.String().Draw(t, "element"))
		case d == tensor.Bytes:
			out.Data = tensor.AppendBytes(out.Data, rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "element"))
		case d == tensor.Bool:
			out.Data = append(out.Data, rapid.ByteRange(0, 1).Draw(t, "element"))
		case rapid.IntRange(0, 3).Draw(t, "extreme") == 0:
			out.Data = append(out.Data, bytes.Repeat([]byte{rapid.SampledFrom([]byte{0, 0xFF, 0x7F, 0x80}).Draw(t, "fill")}, d.Size())...)
		default:
			out.Data = append(out.Data, rapid.SliceOfN(rapid.Byte(), d.Size(), d.Size()).Draw(t, "element")...)
		}
	}
	return out
}

func anyParameters(t *rapid.T) tensor.Parameters {
	var ps tensor.Parameters
	for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching("[a-z]{1,3}"), 0, 3, rapid.ID).Draw(t, "parameters") {
		ps = append(ps, tensor.Parameter{Name: name, Value: rapid.SampledFrom([]tensor.Value{
			tensor.BoolOf(true), tensor.Int64Of(math.MinInt64), tensor.Uint64Of(math.MaxUint64), tensor.DoubleOf(-0.5), tensor.StringOf("é\n"), tensor.StringOf(""),
		}).Draw(t, "value")})
	}
	return ps
}

func anyContent(t *rapid.T) *message.Content {
	c := &message.Content{ID: rapid.StringMatching("[a-z0-9]{0,4}").Draw(t, "id"), Parameters: anyParameters(t)}
	for i := range rapid.IntRange(0, 3).Draw(t, "tensors") {
		c.Tensors = append(c.Tensors, anyTensor(t, string(rune('a'+i))))
	}
	for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"y", "z"}), 0, 2).Draw(t, "asked") {
		c.Asked = append(c.Asked, message.Asked{Name: name, Parameters: anyParameters(t)})
	}
	return c
}

func sameParameters(a, b tensor.Parameters) bool {
	x, errA := a.AppendJSON(nil)
	y, errB := b.AppendJSON(nil)
	return errA == nil && errB == nil && string(x) == string(y)
}

func checkSame(t *rapid.T, what string, want, got *message.Content) {
	if want.ID != got.ID || !sameParameters(want.Parameters, got.Parameters) || len(want.Tensors) != len(got.Tensors) {
		t.Fatalf("%s: %+v became %+v", what, want, got)
	}
	for i := range want.Tensors {
		if !tensor.Equal(&want.Tensors[i], &got.Tensors[i]) || !sameParameters(want.Tensors[i].Parameters, got.Tensors[i].Parameters) {
			t.Fatalf("%s: %+v became %+v", what, want.Tensors[i], got.Tensors[i])
		}
	}
}

// hasJSON tells whether all elements can be said in JSON.
func hasJSON(c *message.Content) bool {
	for i := range c.Tensors {
		x := &c.Tensors[i]
		if x.Datatype == tensor.Bytes {
			for walk := x.Strings(); ; {
				b, ok := walk.Next()
				if !ok {
					break
				}
				if !utf8.Valid(b) {
					return false
				}
			}
			continue
		}
		for j := range x.Len() {
			if f, ok := x.Float64At(j); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
				return false
			}
		}
	}
	return true
}

func TestARequestComesBackBitForBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyContent(t)
		for i := range c.Tensors { // every tensor has a shape, as encoders write
			if c.Tensors[i].Shape == nil {
				c.Tensors[i].Shape = []int64{1}
			}
		}
		in := []*message.Message{message.FromContent(c)}
		for _, form := range []struct {
			name  string
			codec message.Codec
			t     message.Target
		}{{"binary", REST{}, message.Target{Model: "m", Binary: true}}, {"JSON", REST{}, message.Target{Model: "m"}}, {"gRPC", GRPC{}, message.Target{Model: "m", Version: "2"}}} {
			w, err := form.codec.EncodeRequest(in, &form.t)
			if err != nil {
				if form.name != "JSON" || hasJSON(c) {
					t.Fatalf("%s: %v", form.name, err)
				}
				continue
			}
			back, err := form.codec.DecodeRequest(w)
			if err != nil {
				t.Fatalf("%s: %v: %q", form.name, err, w.Body.Bytes())
			}
			checkSame(t, form.name, c, back)
			if len(back.Asked) != len(c.Asked) {
				t.Fatalf("%s: asked %+v became %+v", form.name, c.Asked, back.Asked)
			}
			names, err := AppendInputNames(nil, w)
			if err != nil || len(names) != len(c.Tensors) {
				t.Fatalf("%s: the inputs' names are %q, %v", form.name, names, err)
			}
		}
	})
}

func TestAReplyComesBackBitForBitTypedAndRaw(t *testing.T) {
	typedRequest := &message.Content{Tensors: []tensor.Tensor{tensor.OfFP64("x", 1)}}
	f, _ := flatten(typedRequest, request)
	typed := grpcWire(f.appendGRPC(nil, request, nil, true))
	raw := grpcWire(f.appendGRPC(nil, request, nil, false))
	rapid.Check(t, func(t *rapid.T) {
		c := anyContent(t)
		for i := range c.Tensors {
			if c.Tensors[i].Shape == nil {
				c.Tensors[i].Shape = []int64{1}
			}
		}
		for _, w := range []*message.Wire{typed, raw} {
			a := &message.Asking{Model: "m", ID: c.ID, Wire: w, Request: typedRequest}
			out, err := GRPC{}.EncodeReply(message.FromContent(c), a)
			if err != nil {
				t.Fatal(err)
			}
			b := out.Body.Bytes()
			ref := reference(t, "ModelInferResponse", b)
			fields := ref.Descriptor().Fields()
			raws := ref.Get(fields.ByName("raw_output_contents")).List().Len()
			half := false
			for i := range c.Tensors {
				half = half || contentsField(c.Tensors[i].Datatype) == 0
			}
			if wantRaw := w == raw || half; raws != len(c.Tensors) && wantRaw || raws != 0 && !wantRaw {
				t.Fatalf("%d raw contents for %d tensors", raws, len(c.Tensors))
			}
			back, err := GRPC{}.DecodeReply(out)
			if err != nil {
				t.Fatal(err)
			}
			checkSame(t, "gRPC", c, back)
			// What protobuf-go writes of it, in its own order and packing, reads the same.
			again, err := proto.MarshalOptions{Deterministic: true}.Marshal(ref)
			if err != nil {
				t.Fatal(err)
			}
			back, err = GRPC{}.DecodeReply(grpcWire(again))
			if err != nil {
				t.Fatal(err)
			}
			back.Parameters, c.Parameters = nil, nil // protobuf-go sorts maps
			for i := range back.Tensors {
				back.Tensors[i].Parameters = c.Tensors[i].Parameters
			}
			checkSame(t, "protobuf-go", c, back)
		}
	})
}

func TestTypedContentsAreReadInEveryDatatype(t *testing.T) {
	build := func(datatype, field string, values ...protoreflect.Value) []byte {
		m := reference(t, "ModelInferRequest", nil)
		inputs := m.Mutable(m.Descriptor().Fields().ByName("inputs")).List()
		in := inputs.AppendMutable().Message()
		fields := in.Descriptor().Fields()
		in.Set(fields.ByName("name"), protoreflect.ValueOfString("x"))
		in.Set(fields.ByName("datatype"), protoreflect.ValueOfString(datatype))
		in.Mutable(fields.ByName("shape")).List().Append(protoreflect.ValueOfInt64(int64(len(values))))
		contents := in.Mutable(fields.ByName("contents")).Message()
		list := contents.Mutable(contents.Descriptor().Fields().ByName(protoreflect.Name(field))).List()
		for _, v := range values {
			list.Append(v)
		}
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	i32, u32 := protoreflect.ValueOfInt32, protoreflect.ValueOfUint32
	for _, c := range []struct {
		datatype, field string
		values          []protoreflect.Value
		want            string
	}{
		{"BOOL", "bool_contents", []protoreflect.Value{protoreflect.ValueOfBool(true), protoreflect.ValueOfBool(false)}, "[true,false]"},
		{"INT8", "int_contents", []protoreflect.Value{i32(-128), i32(127)}, "[-128,127]"},
		{"INT8", "int_contents", []protoreflect.Value{i32(128)}, "MR402 input 'x' for model '': element 0 is 128, which INT8 cannot hold"},
		{"INT16", "int_contents", []protoreflect.Value{i32(-32768)}, "[-32768]"},
		{"INT32", "int_contents", []protoreflect.Value{i32(math.MinInt32)}, "[-2147483648]"},
		{"INT64", "int64_contents", []protoreflect.Value{protoreflect.ValueOfInt64(math.MinInt64)}, "[-9223372036854775808]"},
		{"UINT8", "uint_contents", []protoreflect.Value{u32(255)}, "[255]"},
		{"UINT16", "uint_contents", []protoreflect.Value{u32(65535)}, "[65535]"},
		{"UINT16", "uint_contents", []protoreflect.Value{u32(65536)}, "MR402 input 'x' for model '': element 0 is 65536, which UINT16 cannot hold"},
		{"UINT32", "uint_contents", []protoreflect.Value{u32(math.MaxUint32)}, "[4294967295]"},
		{"UINT64", "uint64_contents", []protoreflect.Value{protoreflect.ValueOfUint64(math.MaxUint64)}, "[18446744073709551615]"},
		{"FP32", "fp32_contents", []protoreflect.Value{protoreflect.ValueOfFloat32(0.1)}, "[0.1]"},
		{"FP64", "fp64_contents", []protoreflect.Value{protoreflect.ValueOfFloat64(0.1)}, "[0.1]"},
		{"BYTES", "bytes_contents", []protoreflect.Value{protoreflect.ValueOfBytes([]byte("a")), protoreflect.ValueOfBytes(nil)}, `["a",""]`},
		{"FP16", "fp32_contents", []protoreflect.Value{protoreflect.ValueOfFloat32(0.1)}, "MR402 input 'x' for model '': FP16 has no typed contents; send it in raw_input_contents"},
		{"INT64", "int_contents", []protoreflect.Value{i32(1)}, "MR402 unexpected explicit tensor data for input tensor 'x' for model '' of type 'INT32', expected datatype 'INT64'"},
	} {
		got, err := GRPC{}.DecodeRequest(grpcWire(build(c.datatype, c.field, c.values...)))
		text := ""
		if err != nil {
			text = err.Error()
		} else {
			out, _ := tensor.AppendJSON(nil, &got.Tensors[0], tensor.Flat)
			text = string(out)
		}
		if text != c.want {
			t.Errorf("%s in %s: got %s, expected %s", c.datatype, c.field, text, c.want)
		}
	}
}
