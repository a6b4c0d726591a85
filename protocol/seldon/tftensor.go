package seldon

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/millrace/millrace/protocol/tensor"
)

// tfType is one of TensorFlow's DataTypes: where a TensorProto holds its elements one by one.
type tfType struct {
	name     string
	number   int32
	datatype tensor.Datatype
	field    int32
	member   string // the field's name in JSON
}

var tfTypes = [...]tfType{
	{"DT_FLOAT", 1, tensor.FP32, 5, "floatVal"},
	{"DT_DOUBLE", 2, tensor.FP64, 6, "doubleVal"},
	{"DT_INT32", 3, tensor.Int32, 7, "intVal"},
	{"DT_UINT8", 4, tensor.Uint8, 7, "intVal"},
	{"DT_INT16", 5, tensor.Int16, 7, "intVal"},
	{"DT_INT8", 6, tensor.Int8, 7, "intVal"},
	{"DT_STRING", 7, tensor.Bytes, 8, "stringVal"},
	{"DT_INT64", 9, tensor.Int64, 10, "int64Val"},
	{"DT_BOOL", 10, tensor.Bool, 11, "boolVal"},
	{"DT_BFLOAT16", 14, tensor.BF16, 13, "halfVal"},
	{"DT_UINT16", 17, tensor.Uint16, 7, "intVal"},
	{"DT_HALF", 19, tensor.FP16, 13, "halfVal"},
	{"DT_UINT32", 22, tensor.Uint32, 16, "uint32Val"},
	{"DT_UINT64", 23, tensor.Uint64, 17, "uint64Val"},
}

// tfNumbered returns the type of that number, or an error.
func tfNumbered(number int32) (*tfType, error) {
	for i := range tfTypes {
		if tfTypes[i].number == number {
			return &tfTypes[i], nil
		}
	}
	return nil, malformed("data.tftensor: dtype %d has no form as a tensor here", number)
}

// tfNamed returns the type of that name, or an error.
func tfNamed(name []byte) (*tfType, error) {
	for i := range tfTypes {
		if tfTypes[i].name == string(name) {
			return &tfTypes[i], nil
		}
	}
	return nil, malformed("data.tftensor: dtype %.40q has no form as a tensor here", name)
}

// tfOf returns the type of a datatype; every one but Untyped has one.
func tfOf(d tensor.Datatype) *tfType {
	for i := range tfTypes {
		if tfTypes[i].datatype == d {
			return &tfTypes[i]
		}
	}
	return nil
}

// typed returns t with a datatype that a TensorProto has: Untyped numbers become FP64.
func typed(t *tensor.Tensor) (tensor.Tensor, error) {
	if t.Datatype != tensor.Untyped {
		return *t, nil
	}
	return tensor.Resolve(t, tensor.FP64)
}

const (
	// maxAxes bounds a shape; no model comes near it.
	maxAxes = 64
	// maxFill bounds, in bytes, what a tensor may have beyond the values that are sent: a few bytes must not reserve a lot.
	maxFill = 1 << 20
)

// fill makes t whole whose data are the values that were sent, as TensorFlow does: the last one is repeated, or, where there is none, all
// are zero.
func fill(t *tensor.Tensor) error {
	n, err := tensor.Elements(t.Shape)
	if err != nil {
		return malformed("data.tftensor: %v", err)
	}
	size, sent := t.Datatype.Size(), 0
	var last []byte
	if size > 0 {
		if sent = len(t.Data) / size; sent > 0 {
			last = t.Data[len(t.Data)-size:]
		} else {
			last = make([]byte, size)
		}
	} else {
		for walk := t.Strings(); ; sent++ {
			element, ok := walk.Next()
			if !ok {
				break
			}
			last = element
		}
		last = tensor.AppendBytes(nil, last)
	}
	switch {
	case sent == n:
		return nil
	case sent > n:
		return malformed("data.tftensor: expected %d elements for shape %v, got %d", n, t.Shape, sent)
	case n-sent > maxFill/len(last):
		return malformed("data.tftensor: shape %v has %d elements more than are sent, too many to repeat; send them all", t.Shape, n-sent)
	}
	data := append(make([]byte, 0, len(t.Data)+(n-sent)*len(last)), t.Data...)
	for range n - sent {
		data = append(data, last...)
	}
	t.Data = data
	return nil
}

// whole checks data that came in one piece, tensor_content, against the shape.
func whole(t *tensor.Tensor) error {
	if t.Datatype == tensor.Bytes {
		return malformed("data.tftensor: strings stand in string_val, not in tensor_content")
	}
	if err := t.Check(); err != nil {
		return malformed("data.tftensor: %v", err)
	}
	return nil
}

// appendNarrow appends an integer that stands in a wider field than its datatype needs, or is one of the floats' bits.
func appendNarrow(dst []byte, d tensor.Datatype, v int32) ([]byte, error) {
	fits := true
	switch d {
	case tensor.Int8:
		dst, fits = append(dst, byte(v)), v >= math.MinInt8 && v <= math.MaxInt8
	case tensor.Uint8:
		dst, fits = append(dst, byte(v)), v >= 0 && v <= math.MaxUint8
	case tensor.Int16:
		dst, fits = binary.LittleEndian.AppendUint16(dst, uint16(v)), v >= math.MinInt16 && v <= math.MaxInt16
	case tensor.Uint16, tensor.FP16, tensor.BF16:
		dst, fits = binary.LittleEndian.AppendUint16(dst, uint16(v)), v >= 0 && v <= math.MaxUint16
	default:
		dst = binary.LittleEndian.AppendUint32(dst, uint32(v))
	}
	if !fits {
		return dst, fmt.Errorf("%d is no %s", v, d)
	}
	return dst, nil
}
