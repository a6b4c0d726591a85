package tfserving

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// anyTensor draws any bits there are: NaN payloads, -0, denormals, the largest integers, bytes that are no text, no elements.
func anyTensor(t *rapid.T, name string, leading ...int64) tensor.Tensor {
	d := tensor.Datatype(rapid.IntRange(int(tensor.Bool), int(tensor.Bytes)).Draw(t, "datatype"))
	shape := append(leading, rapid.SliceOfN(rapid.Int64Range(0, 3), 0, 3).Draw(t, "shape")...)
	n, _ := tensor.Elements(shape)
	out := tensor.Tensor{Name: name, Datatype: d, Shape: shape}
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

func anyContent(t *rapid.T, leading ...int64) *message.Content {
	c := &message.Content{}
	for i := range rapid.IntRange(1, 3).Draw(t, "tensors") {
		name := rapid.SampledFrom([]string{"x", "img_bytes", "é\"", "b64", "$"}).Draw(t, "name")
		c.Tensors = append(c.Tensors, anyTensor(t, fmt.Sprint(name, i), leading...))
	}
	if rapid.Bool().Draw(t, "signed") {
		c.Parameters = tensor.Parameters{{Name: signatureName, Value: tensor.StringOf("sig\n")}}
	}
	return c
}

func TestGRPCComesBackBitForBitAndProtobufReadsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyContent(t)
		w, err := GRPC{}.EncodeRequest([]*message.Message{message.FromContent(c)}, &message.Target{Model: "m", Version: "canary"})
		if err != nil {
			t.Fatal(err)
		}
		ref := reference(t, "PredictRequest", w.Body.Bytes())
		if n := get(ref, "inputs").Map().Len(); n != len(c.Tensors) {
			t.Fatalf("protobuf-go reads %d inputs of %d", n, len(c.Tensors))
		}
		// What protobuf-go writes of it, in its own order, reads the same.
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(ref)
		if err != nil {
			t.Fatal(err)
		}
		again := grpcWire(b)
		for _, w := range []*message.Wire{w, again} {
			back, err := GRPC{}.DecodeRequest(w)
			if err != nil {
				t.Fatal(err)
			}
			same(t, c, back, nil)
		}
		out, err := GRPC{}.EncodeReply(message.FromContent(c), &message.Asking{Model: "m"})
		if err != nil {
			t.Fatal(err)
		}
		back, err := GRPC{}.DecodeReply(out)
		if err != nil {
			t.Fatal(err)
		}
		same(t, c, back, nil)
		reference(t, "PredictResponse", out.Body.Bytes())
	})
}

func same(t *rapid.T, want, got *message.Content, as func(*tensor.Tensor) *tensor.Tensor) {
	if len(want.Tensors) != len(got.Tensors) {
		t.Fatalf("%s became %s", show(want), show(got))
	}
	for i := range want.Tensors {
		a := &want.Tensors[i]
		b := got.Tensor(a.Name)
		if b != nil && as != nil {
			a, b = as(a), as(b)
		}
		if b == nil || !tensor.Equal(a, b) {
			t.Fatalf("%s became %s", show(want), show(got))
		}
	}
}

// Every value of a datatype that JSON has a form for comes back with all of its bits, once it is of that datatype again.
func TestRESTComesBackBitForBitInColumnsAndInRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c *message.Content
		codec := REST{}
		asked := `{"inputs":1}`
		if rapid.Bool().Draw(t, "rows") {
			c = anyContent(t, rapid.Int64Range(1, 3).Draw(t, "n"))
			codec, asked = REST{contract: &contract.Contract{}, rows: true}, `{"instances":[1]}`
		} else {
			c = anyContent(t)
		}
		w, err := codec.EncodeRequest([]*message.Message{message.FromContent(c)}, &message.Target{})
		if err != nil {
			if !hasPayload(c) {
				t.Fatal(err)
			}
			return
		}
		back, err := REST{}.DecodeRequest(w)
		if err != nil {
			t.Fatalf("%v: %s", err, w.Body.Bytes())
		}
		types := map[string]tensor.Datatype{}
		for i := range c.Tensors {
			types[c.Tensors[i].Name] = c.Tensors[i].Datatype
		}
		as := func(x *tensor.Tensor) *tensor.Tensor {
			out := *x
			if d := types[x.Name]; d != x.Datatype {
				if len(x.Data) == 0 {
					out.Datatype = d
				} else {
					out, err = tensor.Cast(x, d)
				}
				if err != nil {
					t.Fatalf("%v: %s", err, w.Body.Bytes())
				}
			}
			return normal(&out)
		}
		same(t, c, back, as)
		if signatureOf(back.Parameters) != signatureOf(c.Parameters) {
			t.Fatalf("%s became %s", show(c), show(back))
		}
		reply, err := REST{}.EncodeReply(message.FromContent(c), &message.Asking{Wire: restWire(asked)})
		if err != nil {
			t.Fatal(err)
		}
		if back, err = (REST{}).DecodeReply(reply); err != nil {
			t.Fatal(err)
		}
		if len(c.Tensors) == 1 { // its name is not said
			back.Tensors[0].Name = c.Tensors[0].Name
		}
		same(t, c, back, as)
	})
}

// normal leaves out what the package documentation says is lost: the sign of a NaN, and axes behind an empty one.
func normal(x *tensor.Tensor) *tensor.Tensor {
	out := *x
	out.Data = bytes.Clone(x.Data)
	for i, n := range x.Shape {
		if n == 0 {
			out.Shape = x.Shape[:i+1]
			break
		}
	}
	if size := x.Datatype.Size(); x.Datatype.IsFloat() {
		for i := range x.Len() {
			if f, _ := x.Float64At(i); math.IsNaN(f) {
				out.Data[(i+1)*size-1] &= 0x7F
			}
		}
	}
	return &out
}

// hasPayload tells whether there is a NaN that the token does not stand for.
func hasPayload(c *message.Content) bool {
	for i := range c.Tensors {
		x := &c.Tensors[i]
		for j := range x.Len() {
			if f, ok := x.Float64At(j); ok && x.Datatype.IsFloat() && math.IsNaN(f) && math.Float64bits(f)&^(1<<63) != 0x7FF8<<48 {
				return true
			}
		}
	}
	return false
}
