package tensor

import (
	"encoding/binary"
	"math"

	"github.com/millrace/millrace/protocol/jsontext"
)

// class says in which Go type the elements of a datatype are loaded.
type class uint8

const (
	signed class = iota // all integers but UINT64, and BOOL
	unsigned
	float
	text
)

func (d Datatype) class() class {
	switch d {
	case Uint64:
		return unsigned
	case FP16, BF16, FP32, FP64:
		return float
	case Bytes, Untyped:
		return text
	}
	return signed
}

// loadInt returns element i of a datatype of class signed.
func loadInt(d Datatype, data []byte, i int) int64 {
	switch d {
	case Int8:
		return int64(int8(data[i]))
	case Int16:
		return int64(int16(binary.LittleEndian.Uint16(data[2*i:])))
	case Int32:
		return int64(int32(binary.LittleEndian.Uint32(data[4*i:])))
	case Int64:
		return int64(binary.LittleEndian.Uint64(data[8*i:]))
	case Uint16:
		return int64(binary.LittleEndian.Uint16(data[2*i:]))
	case Uint32:
		return int64(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return int64(data[i])
}

// loadFloat returns the FP64 bits of element i of a datatype of class float.
func loadFloat(d Datatype, data []byte, i int) uint64 {
	switch d {
	case FP64:
		return binary.LittleEndian.Uint64(data[8*i:])
	case FP32:
		b := binary.LittleEndian.Uint32(data[4*i:])
		if b&(0xFF<<23) == 0xFF<<23 { // the processor would change a signalling NaN
			return formatOf(FP32).widen(uint64(b))
		}
		return math.Float64bits(float64(math.Float32frombits(b)))
	}
	return formatOf(d).widen(uint64(binary.LittleEndian.Uint16(data[2*i:])))
}

// appendInt appends v as one of the integer datatypes or BOOL; it is false where v does not fit.
func appendInt(dst []byte, d Datatype, v int64) ([]byte, bool) {
	switch d {
	case Bool:
		return append(dst, byte(v)), v == 0 || v == 1
	case Int8:
		return append(dst, byte(v)), v == int64(int8(v))
	case Uint8:
		return append(dst, byte(v)), v == int64(uint8(v))
	case Int16:
		return binary.LittleEndian.AppendUint16(dst, uint16(v)), v == int64(int16(v))
	case Uint16:
		return binary.LittleEndian.AppendUint16(dst, uint16(v)), v == int64(uint16(v))
	case Int32:
		return binary.LittleEndian.AppendUint32(dst, uint32(v)), v == int64(int32(v))
	case Uint32:
		return binary.LittleEndian.AppendUint32(dst, uint32(v)), v == int64(uint32(v))
	case Uint64:
		return binary.LittleEndian.AppendUint64(dst, uint64(v)), v >= 0
	}
	return binary.LittleEndian.AppendUint64(dst, uint64(v)), true
}

// appendFloat appends FP64 bits as one of the floats, rounded to nearest; it is false where a finite value became infinite.
func appendFloat(dst []byte, d Datatype, bits uint64) ([]byte, bool) {
	if d == FP64 {
		return binary.LittleEndian.AppendUint64(dst, bits), true
	}
	if d == FP32 && bits&(0x7FF<<52) != 0x7FF<<52 { // the processor rounds the same way
		f := float32(math.Float64frombits(bits))
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(f)), !math.IsInf(float64(f), 0)
	}
	b, ok := formatOf(d).narrow(bits)
	if d == FP32 {
		return binary.LittleEndian.AppendUint32(dst, uint32(b)), ok
	}
	return binary.LittleEndian.AppendUint16(dst, uint16(b)), ok
}

// intOf returns the integer that a float is, exactly.
func intOf(f float64) (int64, bool) {
	if f >= -1<<63 && f < 1<<63 && f == math.Trunc(f) {
		return int64(f), true
	}
	return 0, false
}

func uintOf(f float64) (uint64, bool) {
	if f >= 0 && f < 1<<64 && f == math.Trunc(f) {
		return uint64(f), true
	}
	return 0, false
}

// BytesAt returns element i of a BYTES tensor, or the text of an Untyped one's: a view. It is false for other datatypes and
// past the end. It walks the elements before i; use [Tensor.Strings] for all of them.
func (t *Tensor) BytesAt(i int) ([]byte, bool) {
	s := t.Strings()
	s.skip(i)
	return s.Next()
}

// has tells whether element i is there, for datatypes of a fixed size.
func (t *Tensor) has(i int) bool {
	size := t.Datatype.Size()
	return size > 0 && i >= 0 && i < len(t.Data)/size
}

// Float64At returns element i where FP64 holds it exactly (Untyped: rounded as its text asks). It is false for BYTES, past the
// end, and for integers that FP64 cannot hold.
func (t *Tensor) Float64At(i int) (float64, bool) {
	if t.Datatype == Untyped {
		if text, ok := t.BytesAt(i); ok {
			f, err := ParseFloat(text)
			return f, err == nil
		}
		return 0, false
	}
	if !t.has(i) {
		return 0, false
	}
	switch t.Datatype.class() {
	case float:
		return math.Float64frombits(loadFloat(t.Datatype, t.Data, i)), true
	case unsigned:
		u := binary.LittleEndian.Uint64(t.Data[8*i:])
		back, ok := uintOf(float64(u))
		return float64(u), ok && back == u
	}
	v := loadInt(t.Datatype, t.Data, i)
	back, ok := intOf(float64(v))
	return float64(v), ok && back == v
}

// Int64At returns element i where an int64 holds it exactly. It is false for BYTES, past the end, and for anything else.
func (t *Tensor) Int64At(i int) (int64, bool) {
	if t.Datatype == Untyped {
		if text, ok := t.BytesAt(i); ok {
			s := jsontext.NewScanner(text)
			d := s.Decimal()
			return decimalInt64(&d)
		}
		return 0, false
	}
	if !t.has(i) {
		return 0, false
	}
	switch t.Datatype.class() {
	case float:
		return intOf(math.Float64frombits(loadFloat(t.Datatype, t.Data, i)))
	case unsigned:
		u := binary.LittleEndian.Uint64(t.Data[8*i:])
		return int64(u), u <= math.MaxInt64
	}
	return loadInt(t.Datatype, t.Data, i), true
}

// BoolAt returns element i of a BOOL tensor; it is false for other datatypes and past the end.
func (t *Tensor) BoolAt(i int) (value, ok bool) {
	if t.Datatype != Bool || !t.has(i) {
		return false, false
	}
	return t.Data[i] != 0, true
}
