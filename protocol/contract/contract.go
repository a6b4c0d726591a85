package contract

import "github.com/millrace/millrace/protocol/tensor"

// Contract is one model's mapping. It is immutable and safe for concurrent use. A nil contract maps nothing: fields are
// the server's tensors.
type Contract struct {
	Inputs, Outputs []Field
	// Parameters are fixed and sent with every request; the caller's win.
	Parameters tensor.Parameters
	// Answer names the output that stands for the whole, as /ask shows it; empty where the first output does.
	Answer string
}

// Field is one field of the question or of the answer.
type Field struct {
	Name string
	// Tensor is the server's name for it: a tensor, a column, a JSON field or a path into JSON such as `result.items[0].label`,
	// by the server's dialect. Empty means Name.
	Tensor string
	// Type is the field's datatype for callers and for the server; Untyped where it is not declared.
	Type tensor.Datatype
	// Shape is the server's shape; nil where it is not declared.
	Shape []Dim
	// Parameters go with the tensor (content_type).
	Parameters tensor.Parameters
	// Optional inputs may be absent; Default, where set, is then sent in their place.
	Optional bool
	Default  *tensor.Tensor
}

// Dim is one axis of a declared shape.
type Dim struct {
	Size int64 // -1: any
	Rows bool  // this axis is the batch
}

// Rows tells whether the field's first axis is declared to be the batch.
func (f *Field) Rows() bool { return len(f.Shape) > 0 && f.Shape[0].Rows }

// Batched tells whether all inputs and outputs declare rows, so that requests may be split and joined by rows.
func (c *Contract) Batched() bool {
	if c == nil || len(c.Inputs) == 0 {
		return false
	}
	for _, fs := range [][]Field{c.Inputs, c.Outputs} {
		for i := range fs {
			if !fs[i].Rows() {
				return false
			}
		}
	}
	return true
}
