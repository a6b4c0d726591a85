package jsontensor

import (
	"encoding/binary"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// maxEmpty bounds the brackets that a tensor without elements is written with, so that its shape alone costs nothing.
const maxEmpty = 1 << 12

// Append appends t as nested arrays by its shape, a scalar as a scalar, with the texts of [tensor.AppendJSON]. What JSON has
// no form for is a *message.Failure with CodeNoForm that names the tensor.
func Append(dst []byte, t *tensor.Tensor) ([]byte, error) {
	if err := t.Check(); err != nil {
		return dst, noForm(t, err)
	}
	if !Writable(t.Shape) {
		return dst, message.Invalid(CodeNoForm, "tensor %q: an empty tensor of more than %d rows has no form in JSON", t.Name, maxEmpty)
	}
	out, err := tensor.AppendJSON(dst, t, tensor.Nested)
	if err != nil {
		return dst, noForm(t, err)
	}
	return out, nil
}

func noForm(t *tensor.Tensor, err error) *message.Failure {
	return message.Invalid(CodeNoForm, "tensor %q: %v", t.Name, err)
}

// Writable is false for a shape without elements that would be written with very many brackets.
func Writable(shape []int64) bool {
	brackets := int64(1)
	for i, n := range shape {
		if n == 0 {
			return brackets <= maxEmpty
		}
		if i+1 < len(shape) && brackets <= maxEmpty {
			brackets *= min(n, maxEmpty+1)
		}
	}
	return true
}

// Rows writes a tensor row by row, each in the time that it takes by itself. A scalar is one row.
type Rows struct {
	t    *tensor.Tensor
	row  tensor.Tensor // of which Data is set for each row
	rest []byte
	size int // bytes of a row; -1 where its elements have lengths of their own
	n    int // elements of a row
}

// NewRows returns the rows of t from the first.
func NewRows(t *tensor.Tensor) (Rows, error) {
	if err := t.Check(); err != nil {
		return Rows{}, noForm(t, err)
	}
	r := Rows{t: t, row: tensor.Tensor{Datatype: t.Datatype}, rest: t.Data, n: 1, size: -1}
	if len(t.Shape) > 0 {
		r.row.Shape = t.Shape[1:]
	}
	if !Writable(t.Shape) {
		return Rows{}, message.Invalid(CodeNoForm, "tensor %q: an empty tensor of more than %d rows has no form in JSON", t.Name, maxEmpty)
	}
	for _, d := range r.row.Shape {
		r.n *= int(d)
	}
	if size := t.Datatype.Size(); size > 0 {
		r.size = size * r.n
	}
	return r, nil
}

// AppendNext appends the next row. There are as many as t's first axis has elements.
func (r *Rows) AppendNext(dst []byte) ([]byte, error) {
	size := r.size
	if size < 0 {
		size = 0
		for range r.n {
			size += 4 + int(binary.LittleEndian.Uint32(r.rest[size:]))
		}
	}
	r.row.Data, r.rest = r.rest[:size], r.rest[size:]
	out, err := tensor.AppendJSON(dst, &r.row, tensor.Nested)
	if err != nil {
		return dst, noForm(r.t, err)
	}
	return out, nil
}
