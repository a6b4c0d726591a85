package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Cast returns t with another datatype: the same value in every element, or an error that names the first element that has
// none. The table of rules is in the package documentation. Where the datatype is t's own, t's data is shared.
func Cast(t *Tensor, to Datatype) (Tensor, error) {
	out := *t
	switch {
	case t.Datatype == to:
		return out, nil
	case t.Datatype == Untyped:
		return Resolve(t, to)
	case t.Datatype == Bytes || to == Bytes || to == Untyped:
		return Tensor{}, fmt.Errorf("cast %q from %s to %s: text and numbers do not convert into each other; declare the field's type as %s", t.Name, t.Datatype, to, t.Datatype)
	}
	out.Datatype = to
	size := t.Datatype.Size()
	n := len(t.Data) / size
	dst := make([]byte, 0, n*to.Size())
	for i := range n {
		var ok bool
		switch t.Datatype.class() {
		case float:
			dst, ok = castFloat(dst, to, loadFloat(t.Datatype, t.Data, i))
		case unsigned:
			dst, ok = castUint(dst, to, binary.LittleEndian.Uint64(t.Data[8*i:]))
		default:
			dst, ok = castInt(dst, to, loadInt(t.Datatype, t.Data, i))
		}
		if !ok {
			one := Tensor{Datatype: t.Datatype, Shape: []int64{1}, Data: t.Data[i*size : (i+1)*size]}
			return Tensor{}, fmt.Errorf("cast %q from %s to %s: element %d is %s, which %s cannot hold; declare the field's type as %s", t.Name, t.Datatype, to, i, one.Preview(), to, t.Datatype)
		}
	}
	out.Data = dst
	return out, nil
}

func castFloat(dst []byte, to Datatype, bits uint64) ([]byte, bool) {
	if to.IsFloat() {
		return appendFloat(dst, to, bits)
	}
	f := math.Float64frombits(bits)
	if to == Uint64 {
		u, ok := uintOf(f)
		return binary.LittleEndian.AppendUint64(dst, u), ok
	}
	v, ok := intOf(f)
	dst, fits := appendInt(dst, to, v)
	return dst, ok && fits
}

func castInt(dst []byte, to Datatype, v int64) ([]byte, bool) {
	if !to.IsFloat() {
		return appendInt(dst, to, v)
	}
	f := float64(v)
	back, ok := intOf(f)
	return appendExactFloat(dst, to, f, ok && back == v)
}

func castUint(dst []byte, to Datatype, u uint64) ([]byte, bool) {
	if !to.IsFloat() {
		dst, ok := appendInt(dst, to, int64(u))
		return dst, ok && u <= math.MaxInt64
	}
	f := float64(u)
	back, ok := uintOf(f)
	return appendExactFloat(dst, to, f, ok && back == u)
}

// appendExactFloat appends a float that came from an integer: no rounding is asked for, so none is allowed.
func appendExactFloat(dst []byte, to Datatype, f float64, exact bool) ([]byte, bool) {
	bits := math.Float64bits(f)
	if exact && to != FP64 {
		b, ok := formatOf(to).narrow(bits)
		exact = ok && formatOf(to).widen(b) == bits
	}
	dst, _ = appendFloat(dst, to, bits)
	return dst, exact
}

// Resolve gives an untyped tensor a datatype: that of the receiver's contract, then that of its metadata, then FP64.
// Integers are taken exactly or refused. Floats are rounded to the nearest as their text asks; but an integer beyond 2^53
// written without point or exponent is refused there, for it may be an identifier and would become another one. A tensor that has a
// datatype is returned as it is, see [Cast].
func Resolve(t *Tensor, to Datatype) (Tensor, error) {
	out := *t
	if t.Datatype != Untyped || to == Untyped {
		return out, nil
	}
	if to == Bytes {
		return Tensor{}, fmt.Errorf("resolve %q: expected strings for BYTES, found numbers; send them in quotes", t.Name)
	}
	n := t.Len()
	dst := make([]byte, 0, min(n, len(t.Data))*to.Size())
	walk := t.Strings()
	for i := 0; ; i++ {
		element, ok := walk.Next()
		if !ok {
			break
		}
		d, ok := scanDecimal(element)
		if !ok {
			return Tensor{}, fmt.Errorf("resolve %q: element %d, %.40q, is not a number", t.Name, i, element)
		}
		if to.IsFloat() && d.Integer && (d.Long || d.Mantissa > 1<<53) {
			return Tensor{}, fmt.Errorf("resolve %q: element %d is %.40s, an integer that %s may not hold exactly; declare the field's type, as INT64", t.Name, i, element, to)
		}
		var err error
		if dst, err = appendDecimal(dst, &d, to); err != nil {
			return Tensor{}, fmt.Errorf("resolve %q as %s: element %d is %.40s: %w; declare another type for the field", t.Name, to, i, element, err)
		}
	}
	out.Datatype, out.Data = to, dst
	return out, nil
}
