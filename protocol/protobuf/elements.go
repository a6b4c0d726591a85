package protobuf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/tensor"
)

// ErrCut is the error of packed elements that end within one.
var ErrCut = errors.New("its typed values are cut in the middle of an element")

// RangeError is the error of an element that stands in a wider field than its datatype and is out of the datatype's range.
type RangeError struct {
	Place    int
	Value    int32
	Datatype tensor.Datatype
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("element %d is %d, which %s cannot hold", e.Place, e.Value, e.Datatype)
}

// AppendElements adds the elements of one field to t's data: one, or, where they are packed, many. FP16 and BF16 are their bits, in
// varints. Packed floats that come first stay where they are, a view of f. A field of another type than t's datatype adds none. n is the
// number of elements that t will have, to reserve memory by. The error is ErrCut or a *RangeError.
func AppendElements(t *tensor.Tensor, f *Field, n int) error {
	d := t.Datatype
	wide := d == tensor.FP32 || d == tensor.FP64
	switch {
	case d == tensor.Bytes && f.Kind == protowire.BytesType:
		t.Data = tensor.AppendBytes(t.Data, f.Bytes)
	case d == tensor.FP32 && f.Kind == protowire.Fixed32Type:
		t.Data = binary.LittleEndian.AppendUint32(t.Data, uint32(f.Num))
	case d == tensor.FP64 && f.Kind == protowire.Fixed64Type:
		t.Data = binary.LittleEndian.AppendUint64(t.Data, f.Num)
	case wide && f.Kind == protowire.BytesType:
		if len(f.Bytes)%d.Size() != 0 {
			return ErrCut
		}
		if len(t.Data) == 0 {
			t.Data = f.Bytes
		} else {
			t.Data = append(t.Data, f.Bytes...)
		}
	case !wide && d != tensor.Bytes && f.Kind == protowire.VarintType:
		return appendElement(t, f.Num)
	case !wide && d != tensor.Bytes && f.Kind == protowire.BytesType:
		if t.Data == nil { // a varint takes a byte at least
			t.Data = make([]byte, 0, min(len(f.Bytes), n)*d.Size())
		}
		for b := f.Bytes; len(b) > 0; {
			v, used := protowire.ConsumeVarint(b)
			if used < 0 {
				return ErrCut
			}
			b = b[used:]
			if err := appendElement(t, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendElement adds an integer, a boolean, or the bits of a half. As protobuf has it, 32-bit fields take the low bits of what is there.
func appendElement(t *tensor.Tensor, v uint64) error {
	fits := true
	switch t.Datatype {
	case tensor.Bool:
		b := byte(0)
		if v != 0 {
			b = 1
		}
		t.Data = append(t.Data, b)
	case tensor.Int8:
		t.Data, fits = append(t.Data, byte(v)), int32(v) >= math.MinInt8 && int32(v) <= math.MaxInt8
	case tensor.Uint8:
		t.Data, fits = append(t.Data, byte(v)), uint32(v) <= math.MaxUint8
	case tensor.Int16:
		t.Data, fits = binary.LittleEndian.AppendUint16(t.Data, uint16(v)), int32(v) >= math.MinInt16 && int32(v) <= math.MaxInt16
	case tensor.Uint16, tensor.FP16, tensor.BF16:
		t.Data, fits = binary.LittleEndian.AppendUint16(t.Data, uint16(v)), uint32(v) <= math.MaxUint16
	case tensor.Int32, tensor.Uint32:
		t.Data = binary.LittleEndian.AppendUint32(t.Data, uint32(v))
	default:
		t.Data = binary.LittleEndian.AppendUint64(t.Data, v)
	}
	if !fits {
		return &RangeError{Place: len(t.Data)/t.Datatype.Size() - 1, Value: int32(v), Datatype: t.Datatype}
	}
	return nil
}
