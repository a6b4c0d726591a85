package tfserving

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"

	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/tensor"
)

// readTensor reads the next value of s, a scalar or an array nested to any depth, as a tensor without a name: numbers are
// Untyped, strings and {"b64": …} BYTES, booleans BOOL. Ragged arrays are refused. Errors stick in s.
func readTensor(s *jsontext.Scanner) tensor.Tensor {
	probe := *s
	for probe.Kind() == jsontext.Array && probe.Array() && probe.NextElement() {
	}
	if kind := probe.Kind(); kind == jsontext.String || kind == jsontext.Object {
		return readStrings(s)
	}
	t := tensor.ReadJSON(s, tensor.Untyped)
	if t.Datatype == tensor.Untyped && hasTokens(&t) {
		// Only dialects with such tokens could say them again, but all have floats.
		typed, err := tensor.Resolve(&t, tensor.FP64)
		if err != nil {
			s.Fail("%v", err)
			return tensor.Tensor{}
		}
		plainNaNs(typed.Data)
		return typed
	}
	return t
}

// hasTokens tells whether NaN or an infinity is among untyped numbers.
func hasTokens(t *tensor.Tensor) bool {
	if bytes.IndexByte(t.Data, 'N') < 0 && bytes.IndexByte(t.Data, 'I') < 0 {
		return false // what else has these bytes is lengths
	}
	for walk := t.Strings(); ; {
		text, ok := walk.Next()
		if !ok {
			return false
		}
		if last := text[len(text)-1]; last == 'N' || last == 'y' {
			return true
		}
	}
}

// plainNaNs makes every NaN of FP64 data the one that has no payload: Go's own, which parsing gives, has one.
func plainNaNs(data []byte) {
	for ; len(data) >= 8; data = data[8:] {
		if math.IsNaN(math.Float64frombits(binary.LittleEndian.Uint64(data))) {
			binary.LittleEndian.PutUint64(data, 0x7FF8<<48)
		}
	}
}

// isB64 tells whether the next value of s is {"b64": "…"}, as TensorFlow Serving tells: an object of that one member.
func isB64(s *jsontext.Scanner) bool {
	probe := *s
	if probe.Kind() != jsontext.Object || !probe.Object() || !probe.NextKey() || string(probe.Key()) != "b64" || probe.Kind() != jsontext.String {
		return false
	}
	probe.Skip()
	return !probe.NextKey() && probe.Err() == nil
}

// stringsReader reads BYTES, some or all of which may be {"b64": …}.
type stringsReader struct {
	s      *jsontext.Scanner
	leaf   bool // the number of axes is known
	n      int
	data   []byte
	shape  []int64 // -1: an axis whose first array has not ended
	inline [8]int64
}

func readStrings(s *jsontext.Scanner) tensor.Tensor {
	r := stringsReader{s: s}
	r.shape = r.inline[:0]
	r.value(0)
	if s.Err() != nil {
		return tensor.Tensor{}
	}
	t := tensor.Tensor{Datatype: tensor.Bytes, Data: r.data}
	if len(r.shape) > 0 {
		t.Shape = slices.Clone(r.shape)
	}
	return t
}

// value reads an element or an array at a depth.
func (r *stringsReader) value(depth int) {
	if r.s.Kind() != jsontext.Array {
		if r.leaf && depth != len(r.shape) {
			r.s.Fail("data is ragged: expected %d levels of arrays, found an element at level %d", len(r.shape), depth)
			return
		}
		r.leaf = true
		r.element()
		return
	}
	if depth == len(r.shape) {
		if r.leaf {
			r.s.Fail("data is ragged: expected %d levels of arrays, found one more", len(r.shape))
			return
		}
		r.shape = append(r.shape, -1)
	}
	n := int64(0)
	for r.s.Array(); r.s.NextElement(); n++ {
		r.value(depth + 1)
	}
	r.leaf = true
	if size := &r.shape[depth]; *size < 0 {
		*size = n
	} else if *size != n {
		r.s.Fail("data is ragged: expected %d elements as in the first array of this level, got %d", *size, n)
	}
}

func (r *stringsReader) element() {
	from := len(r.data)
	r.data = append(r.data, 0, 0, 0, 0)
	switch kind := r.s.Kind(); kind {
	case jsontext.String:
		r.data = r.s.AppendString(r.data)
	case jsontext.Object:
		r.b64()
	case jsontext.None:
		r.s.Skip() // it says what is wrong
	default:
		r.s.Fail("element %d: expected a string, found %s", r.n, kind)
	}
	binary.LittleEndian.PutUint32(r.data[from:], uint32(len(r.data)-from-4))
	r.n++
}

// b64 reads {"b64": "…"} and appends the bytes. The padding may be missing.
func (r *stringsReader) b64() {
	if !isB64(r.s) {
		r.s.Fail(`element %d: expected a string or {"b64": "…"}, found another object`, r.n)
		return
	}
	r.s.Object()
	r.s.NextKey()
	text := r.s.Bytes()
	r.s.NextKey()
	encoding := base64.StdEncoding
	if len(text)%4 != 0 {
		encoding = base64.RawStdEncoding
	}
	data, err := encoding.AppendDecode(r.data, text)
	if err != nil {
		r.s.Fail("element %d: unable to base64 decode: %v", r.n, err)
		return
	}
	r.data = data
}
