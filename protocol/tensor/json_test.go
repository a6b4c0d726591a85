package tensor

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/protocol/jsontext"
)

func TestAnArrayIsReadAsATensorOfItsNesting(t *testing.T) {
	for _, c := range []struct {
		name, text string
		as         Datatype
		want       string // datatype, shape, data again as nested JSON; or the error
	}{
		{"a scalar", `7`, Untyped, `UNTYPED [] 7`},
		{"a string", `"a"`, Untyped, `BYTES [] "a"`},
		{"a row of numbers", `[1, 2.50]`, Untyped, `UNTYPED [2] [1,2.50]`},
		{"rows of strings", `[["a"],["b\n"]]`, Untyped, `BYTES [2 1] [["a"],["b\n"]]`},
		{"booleans", `[true,false]`, Untyped, `BOOL [2] [true,false]`},
		{"numbers of a declared type", `[[1],[2]]`, Int16, `INT16 [2 1] [[1],[2]]`},
		{"0 and 1 where booleans are declared", `[0,1]`, Bool, `BOOL [2] [false,true]`},
		{"nothing", `[]`, FP32, `FP32 [0] []`},
		{"rows of nothing", `[[],[]]`, FP32, `FP32 [2 0] [[],[]]`},
		{"ragged rows", `[[1,2],[3]]`, Untyped, `offset 10: data is ragged: expected 2 elements as in the first array of this level, got 1`},
		{"a number beside an array", `[[1],2]`, Untyped, `offset 5: data is ragged: expected 2 levels of arrays, found an element at level 1`},
		{"an array beside a number", `[1,[2]]`, Untyped, `offset 3: data is ragged: expected 1 levels of arrays, found one more`},
		{"a string among numbers", `[1,"a"]`, Untyped, `offset 3: element 1: expected a number, found a string`},
		{"a number among strings", `["a",1]`, Untyped, `offset 5: element 1: expected a string, found a number`},
		{"a null", `[1,null]`, FP64, `offset 3: element 1: expected a number, found null`},
		{"an object", `[{"a":1}]`, Untyped, `offset 1: element 0: expected a number, found an object`},
		{"a value too large", `[1,300]`, Uint8, `offset 6: element 1, 300, is beyond what the datatype can hold for UINT8`},
		{"a fraction", `[1.5]`, Int32, `offset 4: element 0, 1.5, is not an integer for INT32`},
		{"a bad token", `[1,nope]`, FP64, `offset 3: element 1: expected a number, found null`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := jsontext.NewScanner([]byte(c.text))
			x := ReadJSON(&s, c.as)
			var got string
			if err := s.End(); err != nil {
				got = err.Error()
			} else {
				text, err := AppendJSON(nil, &x, Nested)
				if err != nil {
					t.Fatal(err)
				}
				got = fmt.Sprint(x.Datatype, " ", x.Shape, " ", string(text))
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestDataOfADeclaredShapeIsReadFlatOrNested(t *testing.T) {
	for _, text := range []string{`[1,2,3,4]`, `[[1,2],[3,4]]`, `[[[1],[2],[3],[4]]]`} {
		s := jsontext.NewScanner([]byte(text))
		if data := ReadJSONData(&s, Uint8, 4); s.End() != nil || string(data) != "\x01\x02\x03\x04" {
			t.Errorf("%s: %v, %v", text, data, s.Err())
		}
	}
	s := jsontext.NewScanner([]byte(`[1,2,3]`))
	ReadJSONData(&s, FP64, 1<<40)
	if want := "offset 7: shape does not match true shape of 'data' field: expected 1099511627776 elements, got 3"; s.Err() == nil || s.Err().Error() != want {
		t.Errorf("got  %v\nwant %s", s.Err(), want)
	}
}

func TestWhatHasNoJSONFormIsRefused(t *testing.T) {
	for _, c := range []struct {
		t    Tensor
		form JSONForm
		want string
	}{
		{OfFP64("x", 1, math.NaN()), Flat, "element 1 is NaN, which JSON does not have; ask for binary data or use gRPC"},
		{OfFP64("x", math.Inf(-1)), Nested, "element 0 is -Infinity, which JSON does not have; ask for binary data or use gRPC"},
		{OfFP64("x", math.Inf(-1), math.Inf(1), math.NaN()), NonFinite, "[-Infinity,Infinity,NaN]"},
		{OfStrings("x", "a", "\xff"), Flat, "element 1 is not UTF-8 and has no JSON form; ask for binary data or use gRPC"},
		{Tensor{Datatype: Bool, Shape: []int64{1}, Data: []byte{7}}, Flat, "element 0 is the byte 7: expected 0 or 1 for BOOL"},
	} {
		text, err := AppendJSON([]byte("kept"), &c.t, c.form)
		got := strings.TrimPrefix(string(text), "kept")
		if err != nil {
			if got != "" {
				t.Errorf("%q is left behind", got)
			}
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestJSONBringsEveryTensorBackBitForBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := anyTensor(t, anyDatatype(t))
		text, err := AppendJSON(nil, &x, Nested)
		if err != nil {
			if finiteText(&x) {
				t.Fatal(err)
			}
			return
		}
		if !json.Valid(text) {
			t.Fatalf("%s is not JSON", text)
		}
		s := jsontext.NewScanner(text)
		back := ReadJSON(&s, x.Datatype)
		if err := s.End(); err != nil {
			t.Fatal(err)
		}
		back.Name = "x"
		if n := x.Len(); n > 0 && !Equal(&x, &back) || n == 0 && len(back.Data) != 0 {
			t.Fatalf("%v became %v by %s", x, back, text)
		}
		s = jsontext.NewScanner(text)
		if data := ReadJSONData(&s, x.Datatype, x.Len()); s.Err() != nil || string(data) != string(x.Data) {
			t.Fatalf("%v: %v", data, s.Err())
		}
	})
}

func finiteText(x *Tensor) bool {
	if x.Datatype == Bytes {
		for walk := x.Strings(); ; {
			b, ok := walk.Next()
			if !ok {
				return true
			}
			if !utf8.Valid(b) {
				return false
			}
		}
	}
	for i := range x.Len() {
		if f, ok := x.Float64At(i); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			return false
		}
	}
	return true
}

func FuzzReadJSONAgreesWithEncodingJSON(f *testing.F) {
	for _, seed := range []string{`[[1,2],[3,4.5]]`, `["a"]`, `[[],[]]`, `[[[]],[1]]`, `1`, `[true]`, `[1e999]`, `[[1],[2,3]]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := jsontext.NewScanner(text)
		x := ReadJSON(&s, Untyped)
		if s.End() != nil {
			return
		}
		if err := x.Check(); err != nil {
			t.Fatal(err)
		}
		if cap(x.Data) > 16*len(text)+64 {
			t.Fatalf("%d bytes for a text of %d", cap(x.Data), len(text))
		}
		out, err := AppendJSON(nil, &x, Nested)
		if err != nil {
			t.Fatal(err)
		}
		var want, got any
		if json.Unmarshal(text, &want) != nil {
			return
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if n := x.Len(); n > 0 && fmt.Sprint(want) != fmt.Sprint(got) {
			t.Fatalf("%s became %s", text, out)
		}
	})
}

func benchmarkText(n, digits int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprintf("%.*f", digits, r.Float64())
	}
	return []byte("[" + strings.Join(values, ",") + "]")
}

func BenchmarkReadJSON(b *testing.B) {
	for _, digits := range []int{3, 7, 16} {
		text := benchmarkText(1000, digits)
		for _, d := range []Datatype{FP32, FP64} {
			b.Run(fmt.Sprintf("%s/digits=%d", d, digits), func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					s := jsontext.NewScanner(text)
					ReadJSONData(&s, d, 1000)
				}
			})
		}
		b.Run(fmt.Sprintf("encoding-json/digits=%d", digits), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				var v []float64
				if json.Unmarshal(text, &v) != nil {
					b.Fatal("not read")
				}
			}
		})
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	for _, digits := range []int{3, 16} {
		text := benchmarkText(1000, digits)
		for _, d := range []Datatype{FP32, FP64} {
			s := jsontext.NewScanner(text)
			x := ReadJSON(&s, d)
			b.Run(fmt.Sprintf("%s/digits=%d", d, digits), func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				var dst []byte
				for b.Loop() {
					dst, _ = AppendJSON(slices.Grow(dst[:0], 20000), &x, Flat)
				}
			})
		}
	}
}
