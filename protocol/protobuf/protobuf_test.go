package protobuf

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/tensor"
)

// inPieces returns b as a body of segments of a size.
func inPieces(b []byte, size int) *body.Body {
	var all []*body.Body
	for len(b) > 0 {
		n := min(size, len(b))
		all = append(all, body.Of(b[:n]))
		b = b[n:]
	}
	return body.Join(all...)
}

// sample is a message with a field of each type.
func sample() []byte {
	b := AppendBytes(nil, 1, "name")
	b = AppendVarint(b, 2, math.MaxUint64)
	b = protowire.AppendFixed32(protowire.AppendTag(b, 3, protowire.Fixed32Type), 7)
	b = protowire.AppendFixed64(protowire.AppendTag(b, 4, protowire.Fixed64Type), 8)
	return AppendBytes(b, 536870911, strings.Repeat("x", 300))
}

func TestAMessageIsReadFieldByField(t *testing.T) {
	var got []Field
	if err := Each(sample(), "a sample", func(f *Field) error { got = append(got, *f); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 5 || !got[0].Is(1, protowire.BytesType) || got[1].Num != math.MaxUint64 || got[2].Num != 7 || got[3].Num != 8 || got[4].Number != 536870911 || len(got[4].Bytes) != 300 {
		t.Errorf("%v", got)
	}
	if name, err := got[0].Text("the name"); err != nil || name != "name" {
		t.Errorf("%q %v", name, err)
	}
	if got[0].Is(1, protowire.VarintType) || got[0].Is(2, protowire.BytesType) {
		t.Error("a field of another number or type is not the one asked for")
	}
}

func TestWhoAppendsToAFieldDoesNotWriteIntoTheMessage(t *testing.T) {
	b := append(AppendBytes(nil, 1, "ab"), AppendVarint(nil, 2, 5)...)
	f, _, _ := Next(b)
	_ = append(f.Bytes, "overwritten"...)
	if !bytes.Equal(b, append(AppendBytes(nil, 1, "ab"), AppendVarint(nil, 2, 5)...)) {
		t.Errorf("%x", b)
	}
}

func TestWhatIsNoMessageIsRefusedByName(t *testing.T) {
	whole := AppendBytes(nil, 1, "name")
	for name, b := range map[string][]byte{
		"a value that is cut":       whole[:len(whole)-1],
		"a tag alone":               {1<<3 | 2},
		"field number 0":            {0},
		"an open group":             protowire.AppendTag(nil, 9, protowire.StartGroupType),
		"a length beyond all bytes": append(protowire.AppendTag(nil, 1, protowire.BytesType), 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1),
		"a varint without end":      append(protowire.AppendTag(nil, 1, protowire.VarintType), bytes.Repeat([]byte{0x80}, 11)...),
	} {
		err := Each(b, "the answer", func(*Field) error { return nil })
		if err == nil || err.Error() != "MR402 the answer is not a protobuf message: it is cut or garbled" {
			t.Errorf("%s: %v", name, err)
		}
		for size := 1; size <= len(b); size++ {
			w := Over(inPieces(b, size))
			if _, ok, err := w.Next(); ok || err == nil || err.Error() != "MR402 the body is not a protobuf message: it is cut or garbled" {
				t.Errorf("%s in segments of %d: %v %v", name, size, ok, err)
			}
		}
	}
	f := Field{Bytes: []byte("\xff")}
	if _, err := f.Text("the name"); err == nil || err.Error() != "MR402 the name is not UTF-8" {
		t.Error(err)
	}
}

func TestAGroupIsPassedOver(t *testing.T) {
	b := protowire.AppendTag(AppendVarint(protowire.AppendTag(nil, 9, protowire.StartGroupType), 1, 1), 9, protowire.EndGroupType)
	b = AppendText(b, 1, "behind")
	f, rest, ok := Next(b)
	if !ok || f.Number != 9 || f.Bytes != nil {
		t.Fatalf("%v %v", f, ok)
	}
	if f, _, ok = Next(rest); !ok || string(f.Bytes) != "behind" {
		t.Errorf("%v %v", f, ok)
	}
}

func TestMessagesWithinMessagesHaveTheirLengths(t *testing.T) {
	for _, n := range []int{0, 1, 0x7D, 0x7E, 0x80, 0x3FFF, 0x4000, 1 << 20} {
		text := strings.Repeat("z", n)
		dst, outer := Open([]byte("before"), 3)
		dst, inner := Open(dst, 1)
		dst = Seal(Seal(append(dst, text...), inner), outer)
		if want := AppendBytes([]byte("before"), 3, AppendBytes(nil, 1, text)); !bytes.Equal(dst, want) {
			t.Errorf("%d bytes: %d bytes, want %d", n, len(dst), len(want))
		}
	}
}

func TestAbsentTextsAndNumbersTakeNoBytes(t *testing.T) {
	if b := AppendInt(AppendText(nil, 1, ""), 2, 0); len(b) != 0 {
		t.Errorf("%x", b)
	}
	if b := AppendVarint(AppendBytes(nil, 1, ""), 2, 0); len(b) != 4 {
		t.Errorf("%x", b)
	}
}

func TestAWalkFindsTheSameFieldsInAnySegments(t *testing.T) {
	b := sample()
	for size := 1; size <= len(b); size++ {
		whole := inPieces(b, size)
		w := Over(whole)
		for rest := b; len(rest) > 0; {
			f, behind, _ := Next(rest)
			s, ok, err := w.Next()
			if !ok || err != nil || s.Number != f.Number || s.Bytes != (f.Kind == protowire.BytesType) || s.From != len(b)-len(rest) || s.To != len(b)-len(behind) {
				t.Fatalf("segments of %d: %v %v %v, want %v", size, s, ok, err, f)
			}
			if got := w.AppendValue(nil, &s); !bytes.Equal(got, f.Bytes) {
				t.Fatalf("segments of %d: %q", size, got)
			}
			rest = behind
		}
		if _, ok, err := w.Next(); ok || err != nil {
			t.Fatal(ok, err)
		}
		whole.Release()
	}
}

func TestReplacePutsNewFieldsInThePlaceOfOldOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b, kept []byte
		for _, number := range rapid.SliceOfN(rapid.IntRange(1, 3), 0, 10).Draw(t, "fields") {
			f := AppendBytes(nil, protowire.Number(number), rapid.StringN(0, 20, 40).Draw(t, "value"))
			b = append(b, f...)
			if number != 2 {
				kept = append(kept, f...)
			}
		}
		head := AppendBytes(nil, 2, "new")
		whole, first := inPieces(b, rapid.IntRange(1, 50).Draw(t, "size")), body.Of(head)
		out, err := Replace(whole, first, "field 2", func(s Span) bool { return s.Number == 2 })
		if err != nil {
			t.Fatal(err)
		}
		whole.Release()
		first.Release()
		if got, want := out.Bytes(), append(head, kept...); !bytes.Equal(got, want) {
			t.Fatalf("%x, want %x", got, want)
		}
		out.Release()
	})
}

func TestReplaceCutsABodyIntoABoundedNumberOfPieces(t *testing.T) {
	whole := body.Of(bytes.Repeat(append(AppendBytes(nil, 1, ""), AppendBytes(nil, 2, "")...), maxPieces+2))
	_, err := Replace(whole, nil, "model_name", func(s Span) bool { return s.Number == 1 })
	if err == nil || !strings.Contains(err.Error(), "model_name stands in the message more than 16384 times") {
		t.Error(err)
	}
	if _, err = Replace(body.Of([]byte{1}), nil, "model_name", func(Span) bool { return true }); err == nil {
		t.Error("what is no message was edited")
	}
}

func TestElementsOutOfTheirDatatypesRangeAreToldByPlace(t *testing.T) {
	for _, c := range []struct {
		name     string
		datatype tensor.Datatype
		field    []byte
		data     string // or, where it starts with "its" or "element", an error
	}{
		{"one boolean", tensor.Bool, AppendVarint(nil, 1, 2), "\x01"},
		{"packed bytes", tensor.Int8, AppendBytes(nil, 1, "\x7f\x01"), "\x7f\x01"},
		{"a negative byte", tensor.Int8, AppendVarint(nil, 1, math.MaxUint64), "\xff"},
		{"a byte that is none", tensor.Int8, AppendBytes(nil, 1, "\x01\x80\x01"), "element 1 is 128, which INT8 cannot hold"},
		{"an unsigned byte that is none", tensor.Uint8, AppendVarint(nil, 1, math.MaxUint64), "element 0 is -1, which UINT8 cannot hold"},
		{"the bits of a half", tensor.FP16, AppendVarint(nil, 1, 0x3C00), "\x00\x3c"},
		{"bits beyond a half", tensor.BF16, AppendVarint(nil, 1, 0x10000), "element 0 is 65536, which BF16 cannot hold"},
		{"a short that is none", tensor.Int16, AppendVarint(nil, 1, 1<<15), "element 0 is 32768, which INT16 cannot hold"},
		{"the low bits of a long", tensor.Uint32, AppendVarint(nil, 1, 1<<32|5), "\x05\x00\x00\x00"},
		{"a long", tensor.Uint64, AppendVarint(nil, 1, math.MaxUint64), "\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"a float", tensor.FP32, protowire.AppendFixed32(protowire.AppendTag(nil, 1, protowire.Fixed32Type), 1), "\x01\x00\x00\x00"},
		{"packed floats", tensor.FP32, AppendBytes(nil, 1, "abcd"), "abcd"},
		{"floats that are cut", tensor.FP64, AppendBytes(nil, 1, "abcd"), "its typed values are cut in the middle of an element"},
		{"integers that are cut", tensor.Int64, AppendBytes(nil, 1, "\x80"), "its typed values are cut in the middle of an element"},
		{"a string", tensor.Bytes, AppendBytes(nil, 1, "ab"), "\x02\x00\x00\x00ab"},
		{"a field of another type", tensor.FP32, AppendVarint(nil, 1, 1), ""},
	} {
		f, _, ok := Next(c.field)
		x := tensor.Tensor{Datatype: c.datatype}
		err := AppendElements(&x, &f, 2)
		got := string(x.Data)
		if err != nil {
			got = err.Error()
		}
		if !ok || got != c.data {
			t.Errorf("%s: %q, want %q", c.name, got, c.data)
		}
	}
}

func TestFloatsInPiecesAreOneAndLeaveTheMessageAlone(t *testing.T) {
	b := append(AppendBytes(nil, 1, "abcd"), AppendBytes(nil, 1, "efgh")...)
	before := bytes.Clone(b)
	x := tensor.Tensor{Datatype: tensor.FP32}
	if err := Each(b, "floats", func(f *Field) error { return AppendElements(&x, f, 2) }); err != nil || string(x.Data) != "abcdefgh" || !bytes.Equal(b, before) {
		t.Errorf("%q %v", x.Data, err)
	}
}

func TestReadingReservesNoMoreThanTheBytesAreWorth(t *testing.T) {
	f, _, _ := Next(AppendBytes(nil, 1, "\x01"))
	x := tensor.Tensor{Datatype: tensor.Int64}
	if err := AppendElements(&x, &f, 1<<40); err != nil || cap(x.Data) > 64 {
		t.Errorf("%d bytes, %v", cap(x.Data), err)
	}
}
