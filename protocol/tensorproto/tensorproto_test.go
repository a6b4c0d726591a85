package tensorproto

import (
	"bytes"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
)

func TestEveryDatatypeHasATypeThatIsFoundByNumberAndByName(t *testing.T) {
	for d := tensor.Bool; d <= tensor.Bytes; d++ {
		of := Of(d)
		if of.Datatype != d || Numbered(of.Number) != of || Named([]byte(of.Name)) != of || ValuesField(of.Field) == "" || of.Member == "" {
			t.Errorf("%v: %v", d, of)
		}
	}
	for _, number := range []int32{0, 8, 11, 18, 20, 101, -1} {
		if got := Numbered(number); got != nil {
			t.Errorf("%d is %v", number, got)
		}
	}
	if Named([]byte("DT_COMPLEX64")) != nil || Named(nil) != nil {
		t.Error("a type without a datatype has one")
	}
	if ValuesField(9) != "scomplex_val" || ValuesField(4) != "" || ValuesField(99) != "" || ValuesField(-1) != "" {
		t.Error("the fields of typed values are not those of TensorProto")
	}
}

// drawTensor draws a tensor of any datatype that is whole.
func drawTensor(t *rapid.T) tensor.Tensor {
	x := tensor.Tensor{Datatype: tensor.Datatype(rapid.IntRange(int(tensor.Bool), int(tensor.Bytes)).Draw(t, "datatype")), Shape: rapid.SliceOfN(rapid.Int64Range(0, 3), 0, 3).Draw(t, "shape")}
	for range x.Len() {
		if size := x.Datatype.Size(); size > 0 {
			x.Data = append(x.Data, rapid.SliceOfN(rapid.ByteRange(0, 1), size, size).Draw(t, "element")...)
		} else {
			x.Data = tensor.AppendBytes(x.Data, rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "element"))
		}
	}
	return x
}

func TestATensorComesBackAndItsSizeIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawTensor(t)
		b := Append(nil, &x)
		if len(b) != Size(&x) {
			t.Fatalf("%d bytes, and Size says %d", len(b), Size(&x))
		}
		p, err := Read(b, 8)
		if err != nil || p.Number != Of(x.Datatype).Number || !slices.Equal(p.Shape, x.Shape) || p.UnknownRank {
			t.Fatalf("%v became %v: %v", x, p, err)
		}
		data := p.Content
		if x.Datatype == tensor.Bytes {
			back := tensor.Tensor{Datatype: tensor.Bytes}
			if err := protobuf.Each(b, "a tensor", func(f *protobuf.Field) error {
				if f.Number != Of(tensor.Bytes).Field {
					return nil
				}
				return protobuf.AppendElements(&back, f, x.Len())
			}); err != nil {
				t.Fatal(err)
			}
			data = back.Data
		}
		if !bytes.Equal(data, x.Data) {
			t.Fatalf("%x became %x", x.Data, data)
		}
	})
}

func TestAShapeInPiecesIsOneAndTheLastDtypeCounts(t *testing.T) {
	b := protobuf.AppendInt(nil, 1, 3)
	b = protobuf.AppendBytes(b, 2, AppendDims(nil, []int64{2}))
	b = protobuf.AppendBytes(b, 2, AppendDims(nil, []int64{0, -1}))
	b = protobuf.AppendBytes(b, 4, "old")
	b = protobuf.AppendBytes(protobuf.AppendInt(b, 1, 9), 4, "new")
	p, err := Read(b, 8)
	if err != nil || p.Number != 9 || !slices.Equal(p.Shape, []int64{2, 0, -1}) || string(p.Content) != "new" {
		t.Errorf("%v %v", p, err)
	}
}

func TestATensorThatCannotBeReadSaysWhichPart(t *testing.T) {
	dim := func(dim string) []byte { return protobuf.AppendBytes(nil, 2, protobuf.AppendBytes(nil, 2, dim)) }
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"cut":                  {[]byte{1<<3 | 2, 5}, ErrGarbled},
		"a shape that is cut":  {protobuf.AppendBytes(nil, 2, "\x12\x05"), ErrShape},
		"an axis that is cut":  {dim("\x08\x80"), ErrShape},
		"an open group":        {protowire.AppendTag(nil, 9, protowire.StartGroupType), ErrGarbled},
		"an axis of no size":   {dim(""), nil},
		"no bytes at all":      {nil, nil},
		"a shape without axes": {protobuf.AppendBytes(nil, 2, ""), nil},
	} {
		if _, err := Read(c.b, 8); err != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	p, err := Read(protobuf.AppendBytes(nil, 2, protobuf.AppendInt(nil, 3, 1)), 8)
	if err != nil || !p.UnknownRank {
		t.Errorf("%v %v", p, err)
	}
}

func TestOfTooManyAxesNoneIsReservedButOne(t *testing.T) {
	b := protobuf.AppendBytes(nil, 2, AppendDims(nil, make([]int64, 1000)))
	if p, err := Read(b, 8); err != nil || len(p.Shape) != 9 {
		t.Errorf("%d axes, %v", len(p.Shape), err)
	}
}

func TestWhatIsMissingIsTheLastValueAgain(t *testing.T) {
	texts := tensor.AppendBytes(tensor.AppendBytes(nil, "a"), "bc")
	for _, c := range []struct {
		name     string
		datatype tensor.Datatype
		data     string
		n        int
		missing  int
		want     string // the data once filled
	}{
		{"none was sent", tensor.Int16, "", 2, 2, "\x00\x00\x00\x00"},
		{"some were sent", tensor.Int16, "abcd", 4, 2, "abcdcdcd"},
		{"all were sent", tensor.Int16, "abcd", 2, 0, "abcd"},
		{"more were sent", tensor.Int16, "abcd", 1, -1, ""},
		{"no string was sent", tensor.Bytes, "", 2, 2, "\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"some strings were sent", tensor.Bytes, string(texts), 3, 1, string(tensor.AppendBytes(texts, "bc"))},
		{"more strings were sent", tensor.Bytes, string(texts), 1, -1, ""},
	} {
		x := tensor.Tensor{Datatype: c.datatype, Data: []byte(c.data)}
		missing, element := Missing(&x, c.n)
		if missing != c.missing {
			t.Errorf("%s: %d are missing, want %d", c.name, missing, c.missing)
		}
		if missing < 0 {
			continue
		}
		if Fill(&x, missing, element); string(x.Data) != c.want {
			t.Errorf("%s: %q, want %q", c.name, x.Data, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	x := tensor.Tensor{Datatype: tensor.FP32, Shape: []int64{2, 1}, Data: []byte("abcdefgh")}
	f.Add(Append(nil, &x))
	f.Add(protobuf.AppendBytes(nil, 2, "\x12\x05"))
	f.Add([]byte{1<<3 | 2, 5})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Read(b, 8)
		if err != nil {
			return
		}
		if len(p.Shape) > 9 || len(p.Content) > len(b) {
			t.Fatalf("%v from %d bytes", p, len(b))
		}
		for len(b) > 0 { // what has been read once is read again without failing
			_, rest, ok := protobuf.Next(b)
			if !ok {
				t.Fatal("Read passed over what Next does not read")
			}
			b = rest
		}
	})
}
