package tensor

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/protocol/jsontext"
)

// ReadJSON reads the next value of s, a scalar or an array nested to any depth, as a tensor without a name. Its shape is the
// nesting, nil for a scalar; ragged arrays are refused.
//
// as is the elements' datatype where one is declared. Where it is Untyped the values decide: numbers stay Untyped,
// strings are BYTES, booleans BOOL; mixed they are refused. Integers are exact or refused, floats are rounded to the nearest. Errors
// stick in s. The data is new memory, at most eight times the text.
func ReadJSON(s *jsontext.Scanner, as Datatype) Tensor {
	r := jsonReader{s: s, as: as, open: as == Untyped}
	r.shape = r.inline[:0]
	r.value(0)
	if s.Err() != nil {
		return Tensor{}
	}
	t := Tensor{Datatype: r.as, Data: r.data}
	if len(r.shape) > 0 {
		t.Shape = slices.Clone(r.shape)
	}
	return t
}

// ReadJSONData reads the next value of s, flat or nested, as n elements of a declared datatype in row-major order, however
// they are nested (but not ragged), and returns their data. Errors stick in s.
func ReadJSONData(s *jsontext.Scanner, as Datatype, n int) []byte {
	r := jsonReader{s: s, as: as}
	r.shape = r.inline[:0]
	// An element takes two bytes of text at least, so that a shape alone reserves no memory.
	if size := as.Size(); size > 0 {
		r.data = make([]byte, 0, min(n, s.Remaining()/2+1)*size)
	}
	r.value(0)
	if s.Err() != nil {
		return nil
	}
	if r.n != n {
		s.Fail("shape does not match true shape of 'data' field: expected %d elements, got %d", n, r.n)
		return nil
	}
	return r.data
}

type jsonReader struct {
	s      *jsontext.Scanner
	as     Datatype
	open   bool // the first element decides the datatype
	leaf   bool // the number of axes is known
	n      int
	data   []byte
	d      jsontext.Decimal // the number just read
	shape  []int64          // -1: an axis whose first array has not ended
	inline [8]int64
}

// value reads an element or an array at a depth.
func (r *jsonReader) value(depth int) {
	if r.s.Kind() != jsontext.Array {
		if r.leaf && depth != len(r.shape) {
			r.ragged("expected %d levels of arrays, found an element at level %d", len(r.shape), depth)
			return
		}
		r.leaf = true
		r.element()
		return
	}
	if depth == len(r.shape) {
		if r.leaf {
			r.ragged("expected %d levels of arrays, found one more", len(r.shape))
			return
		}
		r.shape = append(r.shape, -1)
	}
	n := int64(0)
	for r.s.Array(); ; n++ {
		if r.numbers(depth + 1) {
			var err error
			for d := &r.d; r.s.NumberElement(d); n, r.n = n+1, r.n+1 {
				if r.data, err = appendDecimal(r.data, d, r.as); err != nil {
					r.refuse(err)
					return
				}
			}
		}
		if !r.s.NextElement() {
			break
		}
		r.value(depth + 1)
	}
	r.leaf = true
	if size := &r.shape[depth]; *size < 0 {
		*size = n
	} else if *size != n {
		r.ragged("expected %d elements as in the first array of this level, got %d", *size, n)
	}
}

// numbers tells whether elements may stand at a depth and are numbers of a fixed size: the short way.
func (r *jsonReader) numbers(depth int) bool {
	return r.leaf && depth == len(r.shape) && !r.open && r.as.Size() > 0
}

// refuse fails because of the number just read, which is counted next.
func (r *jsonReader) refuse(err error) {
	r.s.Fail("element %d, %.40s, is %s for %s", r.n, r.d.Text, err.Error(), r.as)
}

func (r *jsonReader) ragged(format string, args ...any) {
	r.s.Fail("data is ragged: "+format, args...)
}

func (r *jsonReader) element() {
	kind := r.s.Kind()
	if r.open {
		r.open = false
		switch kind {
		case jsontext.String:
			r.as = Bytes
		case jsontext.Bool:
			r.as = Bool
		}
	}
	switch {
	case kind == jsontext.Number && r.as == Untyped:
		r.data = AppendBytes(r.data, r.s.Number())
	case kind == jsontext.Number && r.as != Bytes:
		r.d = r.s.Decimal()
		if r.s.Err() != nil {
			return
		}
		var err error
		if r.data, err = appendDecimal(r.data, &r.d, r.as); err != nil {
			r.refuse(err)
		}
	case kind == jsontext.String && r.as == Bytes:
		r.data = appendJSONBytes(r.data, r.s)
	case kind == jsontext.Bool && r.as == Bool:
		b := byte(0)
		if r.s.Bool() {
			b = 1
		}
		r.data = append(r.data, b)
	case kind == jsontext.None:
		r.s.Skip() // it says what is wrong
	default:
		want := "a number"
		switch r.as {
		case Bytes:
			want = "a string"
		case Bool:
			want = "a boolean"
		}
		r.s.Fail("element %d: expected %s, found %s", r.n, want, kind)
	}
	r.n++
}

// appendJSONBytes appends a string as one element: its length is filled in when it is known.
func appendJSONBytes(dst []byte, s *jsontext.Scanner) []byte {
	from := len(dst)
	dst = s.AppendString(append(dst, 0, 0, 0, 0))
	n := len(dst) - from - 4
	dst[from], dst[from+1], dst[from+2], dst[from+3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
	return dst
}

// scanDecimal reads the whole of text as one number, or one of the tokens for numbers that are not finite.
func scanDecimal(text []byte) (jsontext.Decimal, bool) {
	s := jsontext.NewScanner(text)
	s.NonFinite = true
	d := s.Decimal()
	return d, s.End() == nil
}

// Preview returns t's elements as JSON for error texts and logs, cut at some 60 bytes. It never fails.
func (t *Tensor) Preview() string {
	head := *t
	if n := t.Len(); n > 16 {
		head.Shape = []int64{16}
		if size := t.Datatype.Size(); size > 0 {
			head.Data = t.Data[:16*size]
		}
	}
	text, err := AppendJSON(nil, &head, Flat|NonFinite)
	if err != nil {
		return fmt.Sprintf("%s%v", t.Datatype, t.Shape)
	}
	if t.Len() == 1 {
		text = text[1 : len(text)-1]
	}
	if len(text) > 60 {
		return string(text[:57]) + "..."
	}
	return string(text)
}
