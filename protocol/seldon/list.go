package seldon

import (
	"encoding/binary"
	"math"
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
)

// The fields of google.protobuf.Value.
const (
	valueNull   = 1
	valueNumber = 2
	valueString = 3
	valueBool   = 4
	valueStruct = 5
	valueList   = 6
)

// numberEntry starts an element of a ListValue that is a Value of a number: the number's eight bytes follow.
var numberEntry = [3]byte{1<<3 | 2, 9, valueNumber<<3 | 1}

// readValue reads a Value: the member that is set, with a number of 0 where there is none.
func readValue(b []byte) (v choice, err error) {
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return v, protobuf.Truncated("a value")
		}
		b = rest
		switch {
		case f.Is(valueNull, protowire.VarintType), f.Is(valueNumber, protowire.Fixed64Type), f.Is(valueString, protowire.BytesType), f.Is(valueBool, protowire.VarintType):
			v.scalar(f)
		case f.Is(valueStruct, protowire.BytesType), f.Is(valueList, protowire.BytesType):
			v.message(f)
		}
	}
	return v, nil
}

// listReader reads a ListValue, nested to any depth, as a tensor.
type listReader struct {
	datatype tensor.Datatype // Untyped until the first element
	leaf     bool            // the number of axes is known
	n        int
	size     int // of the whole list
	data     []byte
	shape    []int64 // -1: an axis whose first list has not ended
	inline   [8]int64
}

// readList reads data.ndarray: numbers are FP64, strings BYTES, booleans BOOL; mixed and ragged lists are refused, and an empty one is Untyped.
// The data is new memory, smaller than b.
func readList(b []byte) (tensor.Tensor, error) {
	r := listReader{size: len(b)}
	r.shape = r.inline[:0]
	if err := r.list(b, 0); err != nil {
		return tensor.Tensor{}, err
	}
	return tensor.Tensor{Datatype: r.datatype, Shape: slices.Clone(r.shape), Data: r.data}, nil
}

// list reads an array at a depth.
func (r *listReader) list(b []byte, depth int) error {
	if depth == len(r.shape) {
		if r.leaf {
			return ragged("expected %d levels of lists, found one more", len(r.shape))
		}
		if depth == jsontext.MaxDepth {
			return malformed("data.ndarray: lists are nested deeper than %d levels", jsontext.MaxDepth)
		}
		r.shape = append(r.shape, -1)
	}
	n := int64(0)
	for len(b) > 0 {
		if r.datatype == tensor.FP64 && r.leaf && depth+1 == len(r.shape) {
			for len(b) >= 11 && [3]byte(b) == numberEntry {
				r.data = append(r.data, b[3:11]...)
				b = b[11:]
				n, r.n = n+1, r.n+1
			}
			if len(b) == 0 {
				break
			}
		}
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return protobuf.Truncated("data.ndarray")
		}
		b = rest
		if !f.Is(1, protowire.BytesType) {
			continue
		}
		if err := r.value(f.Bytes, depth+1); err != nil {
			return err
		}
		n++
	}
	r.leaf = true
	if size := &r.shape[depth]; *size < 0 {
		*size = n
	} else if *size != n {
		return ragged("expected %d elements as in the first list of this level, got %d", *size, n)
	}
	return nil
}

func (r *listReader) value(b []byte, depth int) error {
	v, err := readValue(b)
	if err != nil {
		return err
	}
	if v.Number == valueList {
		return r.list(v.Bytes, depth)
	}
	if r.leaf && depth != len(r.shape) {
		return ragged("expected %d levels of lists, found an element at level %d", len(r.shape), depth)
	}
	r.leaf = true
	return r.element(&v)
}

func (r *listReader) element(v *choice) error {
	datatype, found := tensor.Untyped, "null"
	switch v.Number {
	case valueNumber:
		datatype, found = tensor.FP64, "a number"
	case valueString:
		datatype, found = tensor.Bytes, "a string"
	case valueBool:
		datatype, found = tensor.Bool, "a boolean"
	case valueStruct:
		found = "an object"
	}
	if r.datatype == tensor.Untyped && datatype != tensor.Untyped {
		r.datatype = datatype
		if datatype == tensor.FP64 {
			r.data = make([]byte, 0, r.size/11*8)
		}
	}
	switch {
	case datatype == tensor.Untyped || datatype != r.datatype:
		want := "a number, a string or a boolean"
		switch r.datatype {
		case tensor.FP64:
			want = "a number"
		case tensor.Bytes:
			want = "a string"
		case tensor.Bool:
			want = "a boolean"
		}
		return malformed("data.ndarray: element %d: expected %s, found %s", r.n, want, found)
	case datatype == tensor.FP64:
		r.data = binary.LittleEndian.AppendUint64(r.data, v.Num)
	case datatype == tensor.Bytes:
		if !utf8.Valid(v.Bytes) {
			return malformed("data.ndarray: element %d is not UTF-8", r.n)
		}
		r.data = tensor.AppendBytes(r.data, v.Bytes)
	default:
		b := byte(0)
		if v.Num != 0 {
			b = 1
		}
		r.data = append(r.data, b)
	}
	r.n++
	return nil
}

func ragged(format string, args ...any) *message.Failure {
	f := malformed(format, args...)
	f.Detail = "data.ndarray is ragged: " + f.Detail
	return f
}

// listWriter writes a tensor of FP64, BOOL or BYTES as a ListValue.
type listWriter struct {
	t    *tensor.Tensor
	i    int
	walk tensor.Strings
}

// appendList appends t, of one axis at least, as the content of a ListValue.
func appendList(dst []byte, t *tensor.Tensor) ([]byte, error) {
	if !listable(t.Shape) {
		return dst, noForm("tensor %q: shape %v has no form as nested lists: an axis after an empty one would be lost", t.Name, t.Shape)
	}
	w := listWriter{t: t, walk: t.Strings()}
	return w.list(dst, t.Shape)
}

// listable tells whether nested lists say the whole shape: behind an empty axis there is nothing to nest.
func listable(shape []int64) bool {
	brackets := int64(1)
	for i, n := range shape {
		if n == 0 {
			return i == len(shape)-1 && brackets <= maxEmpty
		}
		brackets = min(brackets*min(n, maxEmpty+1), maxEmpty+1)
	}
	return true
}

// maxEmpty bounds the lists that a tensor without elements is written with, so that its shape alone costs nothing.
const maxEmpty = 1 << 12

func (w *listWriter) list(dst []byte, shape []int64) (_ []byte, err error) {
	for range shape[0] {
		if len(shape) == 1 {
			if dst, err = w.element(dst); err != nil {
				return dst, err
			}
			continue
		}
		value, list := 0, 0
		dst, value = protobuf.Open(dst, 1)
		dst, list = protobuf.Open(dst, valueList)
		if dst, err = w.list(dst, shape[1:]); err != nil {
			return dst, err
		}
		dst = protobuf.Seal(protobuf.Seal(dst, list), value)
	}
	return dst, nil
}

func (w *listWriter) element(dst []byte) ([]byte, error) {
	i := w.i
	w.i++
	switch w.t.Datatype {
	case tensor.FP64:
		return append(append(dst, numberEntry[:]...), w.t.Data[8*i:8*i+8]...), nil
	case tensor.Bool:
		if b := w.t.Data[i]; b > 1 {
			return dst, noForm("tensor %q: element %d is the byte %d: expected 0 or 1 for BOOL", w.t.Name, i, b)
		}
		return append(dst, 1<<3|2, 2, valueBool<<3, w.t.Data[i]), nil
	}
	text, _ := w.walk.Next()
	if !utf8.Valid(text) {
		f := noForm("tensor %q: element %d is not UTF-8", w.t.Name, i)
		f.Remedy = "send one element, as binData, or data.tftensor"
		return dst, f
	}
	dst, at := protobuf.Open(dst, 1)
	return protobuf.Seal(protobuf.AppendBytes(dst, valueString, text), at), nil
}

// number returns the double of a Value's number.
func (v *choice) double() float64 { return math.Float64frombits(v.Num) }
