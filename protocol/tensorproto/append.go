package tensorproto

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
)

// Size returns exactly the bytes that [Append] appends: lengths stand before what they measure, and tensors are too large to move.
func Size(t *tensor.Tensor) int {
	n := 2 + 1 + protowire.SizeBytes(shapeSize(t.Shape))
	switch {
	case t.Datatype == tensor.Bytes:
		for walk := t.Strings(); ; {
			element, ok := walk.Next()
			if !ok {
				return n
			}
			n += 1 + protowire.SizeBytes(len(element))
		}
	case len(t.Data) > 0:
		n += 1 + protowire.SizeBytes(len(t.Data))
	}
	return n
}

func shapeSize(shape []int64) int {
	n := 0
	for _, size := range shape {
		n += 1 + protowire.SizeBytes(dimSize(size))
	}
	return n
}

func dimSize(size int64) int {
	if size == 0 {
		return 0
	}
	return 1 + protowire.SizeVarint(uint64(size))
}

// Append appends t, which is whole and not Untyped, as the content of a TensorProto: strings in string_val, all else in tensor_content.
// Its name is not part of it.
func Append(dst []byte, t *tensor.Tensor) []byte {
	dst = protobuf.AppendInt(dst, 1, int64(types[t.Datatype].Number))
	dst = protowire.AppendTag(dst, 2, protowire.BytesType)
	dst = AppendDims(protowire.AppendVarint(dst, uint64(shapeSize(t.Shape))), t.Shape)
	if t.Datatype == tensor.Bytes {
		for walk := t.Strings(); ; {
			element, ok := walk.Next()
			if !ok {
				return dst
			}
			dst = protobuf.AppendBytes(dst, 8, element)
		}
	}
	if len(t.Data) == 0 {
		return dst
	}
	return protobuf.AppendBytes(dst, 4, t.Data)
}

// AppendDims appends the axes of a TensorShapeProto.
func AppendDims(dst []byte, shape []int64) []byte {
	for _, size := range shape {
		dst = protowire.AppendTag(dst, 2, protowire.BytesType)
		dst = protobuf.AppendInt(protowire.AppendVarint(dst, uint64(dimSize(size))), 1, size)
	}
	return dst
}
