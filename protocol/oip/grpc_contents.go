package oip

import (
	"encoding/binary"
	"errors"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
)

// contentsField returns the field of InferTensorContents that holds a datatype, or 0 where it has none.
func contentsField(d tensor.Datatype) int32 {
	switch d {
	case tensor.Bool:
		return 1
	case tensor.Int8, tensor.Int16, tensor.Int32:
		return 2
	case tensor.Int64:
		return 3
	case tensor.Uint8, tensor.Uint16, tensor.Uint32:
		return 4
	case tensor.Uint64:
		return 5
	case tensor.FP32:
		return 6
	case tensor.FP64:
		return 7
	case tensor.Bytes:
		return 8
	}
	return 0
}

// contentsTypes are the datatypes that the fields hold, the widest where there are several.
var contentsTypes = [...]tensor.Datatype{1: tensor.Bool, 2: tensor.Int32, 3: tensor.Int64, 4: tensor.Uint32, 5: tensor.Uint64, 6: tensor.FP32, 7: tensor.FP64, 8: tensor.Bytes}

var errCut = errors.New("its typed contents are cut in the middle of an element")

// decodeContents turns a tensor's typed contents to data. Floats that came packed stay where they are.
func decodeContents(c *message.Content, t *tensor.Tensor, b []byte, s *side) error {
	n, err := tensor.Elements(t.Shape)
	if err != nil {
		return malformed("%s '%s' for model '%s': %v", s.what, t.Name, c.Model, err)
	}
	if len(b) == 0 && n > 0 {
		return malformed("unable to find data for %s tensor '%s' for model '%s' in request.", s.what, t.Name, c.Model)
	}
	want := contentsField(t.Datatype)
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return protobuf.Truncated("the contents of " + s.what + " '" + t.Name + "'")
		}
		b = rest
		switch {
		case f.Number > 8:
		case f.Number == want:
			err := protobuf.AppendElements(t, &f, n)
			if err == protobuf.ErrCut {
				err = errCut
			}
			if err != nil {
				return malformed("%s '%s' for model '%s': %v", s.what, t.Name, c.Model, err)
			}
		case want == 0:
			f := malformed("%s '%s' for model '%s': %s has no typed contents", s.what, t.Name, c.Model, t.Datatype)
			f.Remedy = "send it in " + s.rawName
			return f
		default:
			return malformed("unexpected explicit tensor data for %s tensor '%s' for model '%s' of type '%s', expected datatype '%s'", s.what, t.Name, c.Model, contentsTypes[f.Number], t.Datatype)
		}
	}
	got := 0
	if size := t.Datatype.Size(); size > 0 {
		got = len(t.Data) / size
	} else if got, err = tensor.CountBytes(t.Data); err != nil {
		return malformed("%s '%s' for model '%s': %v", s.what, t.Name, c.Model, err)
	}
	if got != n {
		return malformed("%s '%s' for model '%s': expected %d elements for shape %v, got %d", s.what, t.Name, c.Model, n, t.Shape, got)
	}
	return nil
}

// appendTyped appends t's data as a field of InferTensorContents; t's datatype has one.
func appendTyped(dst []byte, t *tensor.Tensor) []byte {
	number := protowire.Number(contentsField(t.Datatype))
	if t.Datatype == tensor.Bytes {
		for walk := t.Strings(); ; {
			element, ok := walk.Next()
			if !ok {
				return dst
			}
			dst = protobuf.AppendBytes(dst, number, element)
		}
	}
	if len(t.Data) == 0 {
		return dst
	}
	dst = protowire.AppendTag(dst, number, protowire.BytesType)
	if t.Datatype.IsFloat() {
		return protowire.AppendBytes(dst, t.Data)
	}
	n := len(t.Data) / t.Datatype.Size()
	size := 0
	for i := range n {
		size += protowire.SizeVarint(varintAt(t, i))
	}
	dst = protowire.AppendVarint(dst, uint64(size))
	for i := range n {
		dst = protowire.AppendVarint(dst, varintAt(t, i))
	}
	return dst
}

func varintAt(t *tensor.Tensor, i int) uint64 {
	if t.Datatype == tensor.Uint64 {
		return binary.LittleEndian.Uint64(t.Data[8*i:])
	}
	v, _ := t.Int64At(i)
	if t.Datatype == tensor.Bool && v != 0 {
		return 1
	}
	return uint64(v)
}
