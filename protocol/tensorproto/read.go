package tensorproto

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/protobuf"
)

// What Read returns where it cannot read.
var (
	ErrGarbled = errors.New("a tensor is not a protobuf message: it is cut or garbled")
	ErrShape   = errors.New("a shape is not a protobuf message: it is cut or garbled")
)

// Proto is a TensorProto but for its typed values.
type Proto struct {
	Number      int32   // of its type; 0 where it says none
	Shape       []int64 // nil where it says none; sizes are as they came, negative ones too
	UnknownRank bool
	Content     []byte // tensor_content, a view
}

// Read reads all but the typed values of a TensorProto, whose fields protobuf.Next reads without failing from then on. A shape in pieces is
// one, and of other fields the last counts. It reads one axis more than axes at the most, so that its caller sees that there are too many.
// The error is ErrGarbled or ErrShape.
func Read(b []byte, axes int) (p Proto, err error) {
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return p, ErrGarbled
		}
		b = rest
		switch {
		case f.Is(1, protowire.VarintType):
			p.Number = int32(f.Num)
		case f.Is(2, protowire.BytesType):
			if p.Shape, p.UnknownRank, ok = AppendShape(p.Shape, p.UnknownRank, f.Bytes, axes); !ok {
				return p, ErrShape
			}
		case f.Is(4, protowire.BytesType):
			p.Content = f.Bytes
		}
	}
	return p, nil
}

// AppendShape reads a TensorShapeProto, or another piece of one that has been read to shape and unknown. It stops at one axis more than
// axes. ok is false where b is cut or garbled.
func AppendShape(shape []int64, unknown bool, b []byte, axes int) (_ []int64, _, ok bool) {
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return shape, unknown, false
		}
		b = rest
		switch {
		case f.Is(3, protowire.VarintType):
			unknown = f.Num != 0
		case f.Is(2, protowire.BytesType) && len(shape) <= axes:
			size := int64(0)
			for dim := f.Bytes; len(dim) > 0; {
				inner, rest, ok := protobuf.Next(dim)
				if !ok {
					return shape, unknown, false
				}
				dim = rest
				if inner.Is(1, protowire.VarintType) {
					size = int64(inner.Num)
				}
			}
			shape = append(shape, size)
		}
	}
	return shape, unknown, true
}
