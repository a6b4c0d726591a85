package seldon

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/tensor"
)

// The fields of TensorProto that are the same for all types.
const (
	tfDtype   = 1
	tfShape   = 2
	tfContent = 4
)

// readTensorProto reads a TensorProto. Content in one piece, and packed floats, are views of b.
func readTensorProto(b []byte) (t tensor.Tensor, err error) {
	t.Shape = []int64{}
	number := int32(0)
	var content []byte
	for rest := b; len(rest) > 0; {
		f, behind, ok := next(rest)
		if !ok {
			return t, truncated("data.tftensor")
		}
		rest = behind
		switch {
		case f.is(tfDtype, protowire.VarintType):
			number = int32(f.num)
		case f.is(tfShape, protowire.BytesType):
			if t.Shape, err = appendDims(t.Shape, f.bytes); err != nil {
				return t, err
			}
		case f.is(tfContent, protowire.BytesType):
			content = f.bytes
		}
	}
	dtype, err := tfNumbered(number)
	if err != nil {
		return t, err
	}
	t.Datatype = dtype.datatype
	if len(content) > 0 {
		t.Data = content
		return t, whole(&t)
	}
	for len(b) > 0 {
		f, rest, _ := next(b)
		if b = rest; f.number == dtype.field {
			if err := appendElements(&t, &f); err != nil {
				return t, err
			}
		}
	}
	return t, fill(&t)
}

// appendDims reads a TensorShapeProto, or another piece of it.
func appendDims(shape []int64, b []byte) ([]int64, error) {
	for len(b) > 0 {
		f, rest, ok := next(b)
		if !ok {
			return shape, truncated("the shape of data.tftensor")
		}
		b = rest
		switch {
		case f.is(3, protowire.VarintType) && f.num != 0:
			return shape, malformed("data.tftensor: its shape is not known")
		case f.is(2, protowire.BytesType):
			if len(shape) == maxAxes {
				return shape, malformed("data.tftensor: expected at most %d axes", maxAxes)
			}
			size := int64(0)
			for dim := f.bytes; len(dim) > 0; {
				inner, rest, ok := next(dim)
				if !ok {
					return shape, truncated("the shape of data.tftensor")
				}
				if dim = rest; inner.is(1, protowire.VarintType) {
					size = int64(inner.num)
				}
			}
			shape = append(shape, size)
		}
	}
	return shape, nil
}

// appendElements adds the elements of one field to t's data: one, or, where they are packed, many.
func appendElements(t *tensor.Tensor, f *field) error {
	d := t.Datatype
	switch {
	case d == tensor.Bytes:
		if f.kind == protowire.BytesType {
			t.Data = tensor.AppendBytes(t.Data, f.bytes)
		}
	case d == tensor.FP32 && f.kind == protowire.Fixed32Type:
		t.Data = binary.LittleEndian.AppendUint32(t.Data, uint32(f.num))
	case d == tensor.FP64 && f.kind == protowire.Fixed64Type:
		t.Data = binary.LittleEndian.AppendUint64(t.Data, f.num)
	case (d == tensor.FP32 || d == tensor.FP64) && f.kind == protowire.BytesType:
		if len(f.bytes)%d.Size() != 0 {
			return malformed("data.tftensor: its values are cut in the middle of an element")
		}
		if len(t.Data) == 0 {
			t.Data = f.bytes // without room behind, so that more is appended elsewhere
		} else {
			t.Data = append(t.Data, f.bytes...)
		}
	case d == tensor.FP32 || d == tensor.FP64:
	case f.kind == protowire.VarintType:
		return appendElement(t, f.num)
	case f.kind == protowire.BytesType:
		for b := f.bytes; len(b) > 0; {
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return malformed("data.tftensor: its values are cut in the middle of an element")
			}
			b = b[n:]
			if err := appendElement(t, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func appendElement(t *tensor.Tensor, v uint64) (err error) {
	switch t.Datatype {
	case tensor.Bool:
		b := byte(0)
		if v != 0 {
			b = 1
		}
		t.Data = append(t.Data, b)
	case tensor.Int64, tensor.Uint64:
		t.Data = binary.LittleEndian.AppendUint64(t.Data, v)
	case tensor.Uint32:
		t.Data = binary.LittleEndian.AppendUint32(t.Data, uint32(v))
	default:
		at := len(t.Data) / t.Datatype.Size()
		if t.Data, err = appendNarrow(t.Data, t.Datatype, int32(v)); err != nil {
			return malformed("data.tftensor: element %d: %v", at, err)
		}
	}
	return nil
}

// appendTensorHead appends the content of a TensorProto but for the elements; t has a type of TensorFlow's.
func appendTensorHead(dst []byte, t *tensor.Tensor) []byte {
	dst = appendVarint(dst, tfDtype, uint64(tfOf(t.Datatype).number))
	dst, shape := open(dst, tfShape)
	for _, n := range t.Shape {
		at := 0
		dst, at = open(dst, 2)
		dst = seal(appendVarint(dst, 1, uint64(n)), at)
	}
	return seal(dst, shape)
}

// appendStrings appends the elements of a TensorProto of strings.
func appendStrings(dst []byte, t *tensor.Tensor) []byte {
	number := protowire.Number(tfOf(tensor.Bytes).field)
	for walk := t.Strings(); ; {
		element, ok := walk.Next()
		if !ok {
			return dst
		}
		dst = appendText(dst, number, element)
	}
}
