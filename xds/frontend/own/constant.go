package own

import (
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/tensor"
	"github.com/millrace/millrace/xds/frontend/document"
)

// parameters reads a mapping of parameters; numbers that are whole stay whole.
func parameters(m document.Map) tensor.Parameters {
	var out tensor.Parameters
	for _, k := range m.Keys() {
		out = append(out, tensor.Parameter{Name: k, Value: value(m.Get(k))})
	}
	return out
}

func value(v document.Value) tensor.Value {
	s := jsontext.NewScanner(v.JSON())
	return tensor.ReadValue(&s)
}

// constant reads a constant of one row, or a list of rows, as a tensor of the declared type: FP64 for numbers where none is.
func constant(v document.Value, name string, as tensor.Datatype) tensor.Tensor {
	s := jsontext.NewScanner(v.JSON())
	t := tensor.ReadJSON(&s, as)
	if err := s.Err(); err != nil {
		v.Refuse(document.CodeType, "", "%s cannot be a constant: %v", v.Path(), err)
		return t
	}
	if t.Datatype == tensor.Untyped {
		resolved, err := tensor.Resolve(&t, tensor.FP64)
		if err != nil {
			v.Refuse(document.CodeValue, "", "%s: %v", v.Path(), err)
			return t
		}
		t = resolved
	}
	if t.Shape == nil {
		t.Shape = []int64{1}
	}
	t.Name = name
	return t
}
