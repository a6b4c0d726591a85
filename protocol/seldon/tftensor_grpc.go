package seldon

import (
	"errors"

	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
	"github.com/millrace/millrace/protocol/tensorproto"
)

// readTensorProto reads a TensorProto. Content in one piece, and packed floats, are views of b.
func readTensorProto(b []byte) (t tensor.Tensor, err error) {
	p, err := tensorproto.Read(b, maxAxes)
	switch {
	case err == tensorproto.ErrShape:
		return t, protobuf.Truncated("the shape of data.tftensor")
	case err != nil:
		return t, protobuf.Truncated("data.tftensor")
	case p.UnknownRank:
		return t, malformed("data.tftensor: its shape is not known")
	case len(p.Shape) > maxAxes:
		return t, malformed("data.tftensor: expected at most %d axes", maxAxes)
	}
	dtype, err := tfNumbered(p.Number)
	if err != nil {
		return t, err
	}
	t.Datatype, t.Shape = dtype.Datatype, p.Shape
	if t.Shape == nil {
		t.Shape = []int64{}
	}
	if len(p.Content) > 0 {
		t.Data = p.Content
		return t, whole(&t)
	}
	n, err := tensor.Elements(t.Shape)
	if err != nil {
		return t, malformed("data.tftensor: %v", err)
	}
	for len(b) > 0 {
		f, rest, _ := protobuf.Next(b)
		if b = rest; f.Number == dtype.Field {
			if err := protobuf.AppendElements(&t, &f, n); err != nil {
				return t, unread(err)
			}
		}
	}
	return t, fill(&t)
}

// unread says why elements of a TensorProto cannot be read.
func unread(err error) error {
	var out *protobuf.RangeError
	if errors.As(err, &out) {
		return malformed("data.tftensor: element %d: %d is no %s", out.Place, out.Value, out.Datatype)
	}
	return malformed("data.tftensor: its values are cut in the middle of an element")
}
