package seldon

import (
	"github.com/millrace/millrace/protocol/tensor"
	"github.com/millrace/millrace/protocol/tensorproto"
)

// tfNumbered returns the type that TensorFlow numbers so, or an error.
func tfNumbered(number int32) (*tensorproto.Type, error) {
	if t := tensorproto.Numbered(number); t != nil {
		return t, nil
	}
	return nil, malformed("data.tftensor: dtype %d has no form as a tensor here", number)
}

// tfNamed returns the type that TensorFlow names so, or an error.
func tfNamed(name []byte) (*tensorproto.Type, error) {
	if t := tensorproto.Named(name); t != nil {
		return t, nil
	}
	return nil, malformed("data.tftensor: dtype %.40q has no form as a tensor here", name)
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
	missing, element := tensorproto.Missing(t, n)
	switch {
	case missing == 0:
		return nil
	case missing < 0:
		return malformed("data.tftensor: expected %d elements for shape %v, got %d", n, t.Shape, n-missing)
	case missing > maxFill/len(element):
		return malformed("data.tftensor: shape %v has %d elements more than are sent, too many to repeat; send them all", t.Shape, missing)
	}
	tensorproto.Fill(t, missing, element)
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
