package tensor

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/protocol/jsontext"
)

// anyTensor draws a tensor of a datatype, with at least one axis.
func anyTensor(t *rapid.T, d Datatype) Tensor {
	shape := rapid.SliceOfN(rapid.Int64Range(0, 4), 1, 3).Draw(t, "shape")
	n, _ := Elements(shape)
	out := Tensor{Name: "x", Datatype: d, Shape: shape, Data: []byte{}}
	for range n {
		switch {
		case d == Bytes:
			out.Data = AppendBytes(out.Data, rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "element"))
		case d == Bool:
			out.Data = append(out.Data, rapid.ByteRange(0, 1).Draw(t, "element"))
		default:
			out.Data = append(out.Data, rapid.SliceOfN(rapid.Byte(), d.Size(), d.Size()).Draw(t, "element")...)
		}
	}
	return out
}

func anyDatatype(t *rapid.T) Datatype {
	return Datatype(rapid.IntRange(int(Bool), int(Bytes)).Draw(t, "datatype"))
}

func TestEveryDatatypeIsFoundByItsName(t *testing.T) {
	for d := Bool; d <= Bytes; d++ {
		if got, ok := ParseDatatype(d.String()); !ok || got != d {
			t.Errorf("%s is found as %v", d, got)
		}
	}
	for _, name := range []string{"", "fp32", "UNTYPED", "STRING"} {
		if d, ok := ParseDatatype(name); ok {
			t.Errorf("%q is found as %v", name, d)
		}
	}
}

func TestATensorIsRefusedWhoseDataDoesNotFitItsShape(t *testing.T) {
	for _, c := range []struct {
		name string
		t    Tensor
		want string
	}{
		{"a negative axis", Tensor{Datatype: FP32, Shape: []int64{2, -1}}, "shape [2 -1]: size -1 of axis 1 is negative"},
		{"an overflow", Tensor{Datatype: FP32, Shape: []int64{1 << 62, 4}}, "shape [4611686018427387904 4]: the number of elements is too large"},
		{"too few bytes", Tensor{Datatype: FP32, Shape: []int64{2}, Data: make([]byte, 7)}, "expected 8 bytes for shape [2] of FP32, got 7"},
		{"no element of a scalar", Tensor{Datatype: Int8}, "expected 1 bytes for shape [] of INT8, got 0"},
		{"a length that is cut", Tensor{Datatype: Bytes, Shape: []int64{1}, Data: []byte{1, 0}}, "element 0: expected the 4 bytes of its length, got 2"},
		{"a string that is cut", Tensor{Datatype: Bytes, Shape: []int64{1}, Data: []byte{255, 255, 255, 255, 1}}, "element 0: expected 4294967295 bytes, got 1"},
		{"a string too many", Tensor{Datatype: Bytes, Shape: []int64{1}, Data: OfStrings("x", "a", "b").Data}, "expected 1 elements for shape [1] of BYTES, got 2"},
		{"nothing wrong with an empty one", Tensor{Datatype: FP64, Shape: []int64{0, 1 << 62, 1 << 62}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if err := c.t.Check(); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestACastKeepsTheValueOrNamesTheElement(t *testing.T) {
	ints := func(d Datatype, vs ...int64) Tensor {
		out := Tensor{Name: "x", Datatype: d, Shape: []int64{int64(len(vs))}}
		for _, v := range vs {
			out.Data, _ = appendInt(out.Data, d, v)
		}
		return out
	}
	for _, c := range []struct {
		name string
		from Tensor
		to   Datatype
		want string
	}{
		{"integers widen", ints(Int8, -1, 5), Int64, "[-1,5]"},
		{"integers narrow where they fit", ints(Int64, -128, 127), Int8, "[-128,127]"},
		{"integers do not wrap", ints(Int64, 1, 300), Uint8, `cast "x" from INT64 to UINT8: element 1 is 300, which UINT8 cannot hold; declare the field's type as INT64`},
		{"integers become floats that hold them", ints(Int64, 1<<53), FP64, "[9007199254740992.0]"},
		{"integers beyond 2^53 do not round", ints(Int64, 1<<53+1), FP64, `cast "x" from INT64 to FP64: element 0 is 9007199254740993, which FP64 cannot hold; declare the field's type as INT64`},
		{"integers beyond 2^24 do not round", ints(Int32, 1<<24+1), FP32, `cast "x" from INT32 to FP32: element 0 is 16777217, which FP32 cannot hold; declare the field's type as INT32`},
		{"the largest integer is no float", ints(Int64, math.MaxInt64), FP64, `cast "x" from INT64 to FP64: element 0 is 9223372036854775807, which FP64 cannot hold; declare the field's type as INT64`},
		{"whole floats become integers", OfFP64("x", -3, 1e6), Int32, "[-3,1000000]"},
		{"fractions do not", OfFP64("x", 0.5), Int32, `cast "x" from FP64 to INT32: element 0 is 0.5, which INT32 cannot hold; declare the field's type as FP64`},
		{"NaN is no integer", OfFP64("x", math.NaN()), Int32, `cast "x" from FP64 to INT32: element 0 is NaN, which INT32 cannot hold; declare the field's type as FP64`},
		{"floats narrow by rounding", OfFP64("x", 0.1), FP32, "[0.1]"},
		{"floats do not become infinite", OfFP64("x", 1e39), FP32, `cast "x" from FP64 to FP32: element 0 is 1000000000000000000000000000000000000000.0, which FP32 cannot hold; declare the field's type as FP64`},
		{"half floats round", OfFP64("x", 1.0001), FP16, "[1.0]"},
		{"booleans are 0 and 1", Tensor{Name: "x", Datatype: Bool, Shape: []int64{2}, Data: []byte{0, 1}}, FP32, "[0.0,1.0]"},
		{"text is no number", OfStrings("x", "1"), Int32, `cast "x" from BYTES to INT32: text and numbers do not convert into each other; declare the field's type as BYTES`},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := Cast(&c.from, c.to)
			got := ""
			if err == nil {
				if err := out.Check(); err != nil || out.Datatype != c.to {
					t.Fatal(err)
				}
				text, _ := AppendJSON(nil, &out, Flat)
				got = string(text)
			} else {
				got = strings.ReplaceAll(err.Error(), "1e+39", "1000000000000000000000000000000000000000.0")
				got = strings.ReplaceAll(got, "1e39", "1000000000000000000000000000000000000000.0")
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestACastThatSucceedsToAWiderTypeComesBackBitForBit(t *testing.T) {
	wider := map[Datatype][]Datatype{
		Bool: {Uint8, Int64, FP16, BF16, FP64}, Uint8: {Uint16, Int16, FP16, FP32, FP64}, Int8: {Int16, FP16, BF16, FP64}, Uint16: {Int32, FP32, Uint64},
		Int16: {Int64, FP32}, Uint32: {Int64, Uint64, FP64}, Int32: {Int64, FP64}, FP16: {FP32, FP64}, BF16: {FP32, FP64}, FP32: {FP64},
	}
	rapid.Check(t, func(t *rapid.T) {
		from := anyTensor(t, anyDatatype(t))
		for _, to := range wider[from.Datatype] {
			there, err := Cast(&from, to)
			if err != nil {
				t.Fatal(err)
			}
			back, err := Cast(&there, from.Datatype)
			if err != nil || !Equal(&from, &back) {
				t.Fatalf("%s → %s and back: %v: %x became %x", from.Datatype, to, err, from.Data, back.Data)
			}
		}
	})
}

func TestUntypedNumbersBecomeWhatTheReceiverDeclares(t *testing.T) {
	for _, c := range []struct {
		text string
		to   Datatype
		want string
	}{
		{`[1, 2.5]`, FP64, "[1.0,2.5]"},
		{`[1, 2]`, Int32, "[1,2]"},
		{`[9007199254740993]`, Int64, "[9007199254740993]"},
		{`[9007199254740993]`, FP64, `resolve "": element 0 is 9007199254740993, an integer that FP64 may not hold exactly; declare the field's type, as INT64`},
		{`[1.5]`, Int32, `resolve "" as INT32: element 0 is 1.5: not an integer; declare another type for the field`},
		{`[1e39]`, FP32, `resolve "" as FP32: element 0 is 1e39: beyond what the datatype can hold; declare another type for the field`},
		{`[1]`, Bytes, `resolve "": expected strings for BYTES, found numbers; send them in quotes`},
		{`[0, 1]`, Bool, "[false,true]"},
		{`[]`, FP64, "[]"},
	} {
		s := jsontext.NewScanner([]byte(c.text))
		in := ReadJSON(&s, Untyped)
		if err := s.End(); err != nil {
			t.Fatal(err)
		}
		out, err := Resolve(&in, c.to)
		text, _ := AppendJSON(nil, &out, Flat)
		got := string(text)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s as %s:\ngot  %s\nwant %s", c.text, c.to, got, c.want)
		}
	}
}

func TestRowsTakenApartAreStitchedBackInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := anyTensor(t, anyDatatype(t))
		groups := make([][]int, 3)
		for i := range x.Rows() {
			g := rapid.IntRange(0, 2).Draw(t, "group")
			groups[g] = append(groups[g], i)
		}
		var parts []Tensor
		for _, g := range groups {
			part, err := x.Gather(g)
			if err != nil || part.Check() != nil {
				t.Fatal(err, part.Check())
			}
			parts = append(parts, part)
		}
		back, err := Stitch(parts, groups, x.Rows())
		if err != nil || !Equal(&x, &back) {
			t.Fatalf("%v: %v became %v", err, x, back)
		}
		cut := rapid.IntRange(0, x.Rows()).Draw(t, "cut")
		head, err1 := x.Slice(0, cut)
		tail, err2 := x.Slice(cut, x.Rows())
		if err1 != nil || err2 != nil || head.Check() != nil || tail.Check() != nil {
			t.Fatal(err1, err2)
		}
		whole, err := Concat(head, tail)
		if err != nil || !Equal(&x, &whole) {
			t.Fatalf("%v: %v became %v", err, x, whole)
		}
	})
}

func TestRowsThatDoNotFitTogetherAreRefused(t *testing.T) {
	two := OfFP64("x", 1, 2)
	scalar := Tensor{Name: "x", Datatype: FP64, Data: two.Data[:8]}
	_, gather := two.Gather([]int{0, 2})
	_, slice := two.Slice(1, 3)
	_, none := scalar.Gather(nil)
	_, concat := Concat(two, OfStrings("x", "a"))
	_, twice := Stitch([]Tensor{two, two}, [][]int{{0, 1}, {1, 2}}, 4)
	_, few := Stitch([]Tensor{two}, [][]int{{0, 1}}, 3)
	_, reshape := two.Reshape([]int64{3, -1})
	for _, c := range []struct {
		err  error
		want string
	}{
		{gather, `gather from "x": row 2 is not among the 2 there are`},
		{slice, `slice "x": rows 1 to 3 are not within the 2 there are`},
		{none, `gather from "x": a scalar has no rows`},
		{concat, `concatenate "x": part 1: expected FP64, found BYTES`},
		{twice, `stitch "x": group 1: row 1 of 4 is taken or out of range`},
		{few, `stitch "x": expected 3 rows, got 2`},
		{reshape, `reshape "x" from [2] to [3 -1]: the numbers of elements differ`},
	} {
		if c.err == nil || c.err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", c.err, c.want)
		}
	}
}

func TestAShapeChangesWithoutTheData(t *testing.T) {
	x := OfFP64("x", 1, 2, 3, 4)
	y, err := x.Reshape([]int64{2, -1})
	if err != nil || !slices.Equal(y.Shape, []int64{2, 2}) || &y.Data[0] != &x.Data[0] {
		t.Errorf("%v, %v", y.Shape, err)
	}
	z, _ := x.Reshape([]int64{4, 1, 1})
	if z = z.Squeeze(); !slices.Equal(z.Shape, []int64{4}) {
		t.Errorf("squeezed to %v", z.Shape)
	}
}

func TestElementsAreReadWhereTheTypeHoldsThem(t *testing.T) {
	big := Tensor{Datatype: Uint64, Shape: []int64{1}, Data: binary.LittleEndian.AppendUint64(nil, math.MaxUint64)}
	if _, ok := big.Float64At(0); ok {
		t.Error("the largest UINT64 is read as a float")
	}
	if _, ok := big.Int64At(0); ok {
		t.Error("the largest UINT64 is read as an int64")
	}
	x := OfFP64("x", 2, 0.5)
	if v, ok := x.Int64At(0); !ok || v != 2 {
		t.Errorf("%v, %v", v, ok)
	}
	if _, ok := x.Int64At(1); ok {
		t.Error("0.5 is read as an integer")
	}
	if _, ok := x.Float64At(2); ok {
		t.Error("an element past the end is read")
	}
	words := OfStrings("w", "a", "", "ccc")
	if b, ok := words.BytesAt(2); !ok || string(b) != "ccc" {
		t.Errorf("%q, %v", b, ok)
	}
	if _, ok := words.BytesAt(3); ok {
		t.Error("a string past the end is read")
	}
	var got []string
	for walk := words.Strings(); ; {
		b, ok := walk.Next()
		if !ok {
			break
		}
		got = append(got, string(b))
	}
	if !slices.Equal(got, []string{"a", "", "ccc"}) {
		t.Errorf("walked %q", got)
	}
}

func TestParametersAreKeptInOrder(t *testing.T) {
	s := jsontext.NewScanner([]byte(`{"a":1,"b":true,"c":"x","d":18446744073709551615,"e":1.5,"f":null,"g":[1,2],"a":-7}`))
	p := ReadParameters(&s)
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
	text, err := p.AppendJSON(nil)
	if want := `{"a":-7,"b":true,"c":"x","d":18446744073709551615,"e":1.5,"f":null,"g":[1,2]}`; err != nil || string(text) != want {
		t.Errorf("got  %s, %v\nwant %s", text, err, want)
	}
	q := p.With("b", BoolOf(false)).Without("a", "d").Under(Parameters{{"z", Int64Of(1)}, {"c", Int64Of(2)}})
	text, _ = q.AppendJSON(nil)
	if want := `{"b":false,"c":"x","e":1.5,"f":null,"g":[1,2],"z":1}`; string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if v, _ := p.Get("b"); !v.Bool {
		t.Error("With changed what it was called on")
	}
}
