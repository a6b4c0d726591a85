package tfserving

import (
	"github.com/millrace/millrace/protocol/tensor"
	"github.com/millrace/millrace/protocol/tensorproto"
)

// datatypeOf returns the datatype of one of TensorFlow's types, or Untyped of none.
func datatypeOf(t *tensorproto.Type) tensor.Datatype {
	if t == nil {
		return tensor.Untyped
	}
	return t.Datatype
}

// published returns the datatype to say: numbers without a declared type are FP64.
func published(d tensor.Datatype) tensor.Datatype {
	if d == tensor.Untyped {
		return tensor.FP64
	}
	return d
}
