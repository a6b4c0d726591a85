package seldon

import (
	"errors"
	"math"
	"strconv"
	"testing"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
	"pgregory.net/rapid"
)

// anyTensor draws a tensor that a SeldonMessage can hold, without a name.
func anyTensor(t *rapid.T) tensor.Tensor {
	shape := rapid.SliceOfN(rapid.Int64Range(1, 3), 1, 3).Draw(t, "shape")
	n := 1
	for _, d := range shape {
		n *= int(d)
	}
	var x tensor.Tensor
	switch rapid.IntRange(0, 3).Draw(t, "datatype") {
	case 0:
		x = tensor.OfStrings("", rapid.SliceOfN(rapid.String(), n, n).Draw(t, "strings")...)
	case 1:
		finite := rapid.Float64().Filter(func(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) })
		x = tensor.OfFP64("", rapid.SliceOfN(finite, n, n).Draw(t, "doubles")...)
	case 2:
		x = tensor.Tensor{Datatype: tensor.Bool}
		for range n {
			x.Data = append(x.Data, byte(rapid.IntRange(0, 1).Draw(t, "bool")))
		}
	case 3:
		x = tensor.Tensor{Datatype: tensor.Untyped}
		for range n {
			x.Data = tensor.AppendBytes(x.Data, strconv.FormatUint(rapid.Uint64().Draw(t, "number"), 10))
		}
	}
	x.Shape = shape
	return x
}

func TestWhatIsWrittenIsReadAsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := anyTensor(t)
		in := &message.Content{ID: rapid.String().Draw(t, "id"), Tensors: []tensor.Tensor{x}, Tags: tensor.Parameters{{Name: "k", Value: tensor.StringOf(rapid.String().Draw(t, "tag"))}}}
		w, err := Codec{}.EncodeRequest([]*message.Message{message.FromContent(in)}, &message.Target{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := Codec{}.DecodeRequest(w)
		if err != nil {
			t.Fatalf("%s: %v", w.Body.Bytes(), err)
		}
		if len(out.Tensors) != 1 || !tensor.Equal(&out.Tensors[0], &x) || out.ID != in.ID || out.Tags[0] != in.Tags[0] {
			t.Fatalf("%s is read as %v", w.Body.Bytes(), out)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"data":{"names":["a"],"ndarray":[[1,2.5]]},"meta":{"puid":"x","tags":{"a":1},"routing":{}}}`,
		`{"data":{"tensor":{"shape":[1,2],"values":[1,2]}}}`, `{"strData":"a"}`, `{"binData":"aGk="}`, `{"jsonData":{"a":[1]}}`,
		`{"status":{"status":1,"info":"x","code":-1}}`, `[[1]]`, `{"data":{"tftensor":{"int_val":[1]}}}`, `{"data":null,"meta":null}`, `{"x":1,"x":2}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		w := wire(string(text))
		ErrorText(w)
		if _, err := ParseRoute(w); err != nil {
			var fail *message.Failure
			if !errors.As(err, &fail) || fail.Kind != message.BadReply {
				t.Fatal(err)
			}
		}
		c, err := Codec{}.DecodeRequest(w)
		if err != nil {
			return
		}
		for i := range c.Tensors {
			if err := c.Tensors[i].Check(); err != nil {
				t.Fatal(err)
			}
		}
		again, err := Codec{}.EncodeRequest([]*message.Message{message.FromContent(c)}, &message.Target{})
		if err != nil {
			return // bytes that are no text, or an empty tensor with endless brackets
		}
		back, err := Codec{}.DecodeRequest(again)
		if err != nil {
			t.Fatalf("%q is written as %q: %v", text, again.Body.Bytes(), err)
		}
		if len(back.Tensors) != len(c.Tensors) || back.ID != c.ID {
			t.Fatalf("%q is written as %q", text, again.Body.Bytes())
		}
		m := message.FromContent(c)
		if _, err := (Codec{}).EncodeReply(m, &message.Asking{Wire: w, Request: c}); err != nil {
			t.Fatalf("%q cannot be mirrored: %v", text, err)
		}
	})
}
