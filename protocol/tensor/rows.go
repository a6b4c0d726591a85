package tensor

import (
	"fmt"
	"slices"
)

// Rows returns the size of the first axis, or 0 for a scalar.
func (t *Tensor) Rows() int {
	if len(t.Shape) == 0 {
		return 0
	}
	return int(t.Shape[0])
}

// stride returns the number of elements in a row.
func (t *Tensor) stride() int {
	n, err := Elements(t.Shape[1:])
	if err != nil {
		return 0
	}
	return n
}

func (t *Tensor) withRows(n int, data []byte) Tensor {
	out := *t
	out.Shape = slices.Clone(t.Shape)
	out.Shape[0] = int64(n)
	out.Data = data
	return out
}

// Slice returns rows [from, to) as a view of t's data.
func (t *Tensor) Slice(from, to int) (Tensor, error) {
	if from < 0 || to < from || to > t.Rows() {
		return Tensor{}, fmt.Errorf("slice %q: rows %d to %d are not within the %d there are", t.Name, from, to, t.Rows())
	}
	stride := t.stride()
	if size := t.Datatype.Size(); size > 0 {
		return t.withRows(to-from, t.Data[from*stride*size:to*stride*size]), nil
	}
	walk := t.Strings()
	start := walk.skip(from * stride)
	end := start + walk.skip((to-from)*stride)
	return t.withRows(to-from, t.Data[start:end]), nil
}

// rowEnds returns where each row of a BYTES tensor ends in its data.
func (t *Tensor) rowEnds() []int {
	ends := make([]int, t.Rows())
	walk, at, stride := t.Strings(), 0, t.stride()
	for i := range ends {
		at += walk.skip(stride)
		ends[i] = at
	}
	return ends
}

// rowBytes returns a function that returns the data of a row, in constant time.
func (t *Tensor) rowBytes() func(row int) []byte {
	if size := t.Datatype.Size() * t.stride(); t.Datatype.Size() > 0 {
		return func(row int) []byte { return t.Data[row*size : (row+1)*size] }
	}
	ends := t.rowEnds()
	return func(row int) []byte {
		start := 0
		if row > 0 {
			start = ends[row-1]
		}
		return t.Data[start:ends[row]]
	}
}

// Gather returns the rows of these numbers, in their order, in new memory. A row may be asked for more than once.
func (t *Tensor) Gather(rows []int) (Tensor, error) {
	if len(t.Shape) == 0 {
		return Tensor{}, fmt.Errorf("gather from %q: a scalar has no rows", t.Name)
	}
	bytesOf := t.rowBytes()
	size := 0
	for _, r := range rows {
		if r < 0 || r >= t.Rows() {
			return Tensor{}, fmt.Errorf("gather from %q: row %d is not among the %d there are", t.Name, r, t.Rows())
		}
		size += len(bytesOf(r))
	}
	data := make([]byte, 0, size)
	for _, r := range rows {
		data = append(data, bytesOf(r)...)
	}
	return t.withRows(len(rows), data), nil
}

// joinable tells why rows of b cannot stand among those of a, or returns nil.
func joinable(a, b *Tensor) error {
	switch {
	case len(a.Shape) == 0 || len(b.Shape) == 0:
		return fmt.Errorf("a scalar has no rows")
	case a.Datatype != b.Datatype:
		return fmt.Errorf("expected %s, found %s", a.Datatype, b.Datatype)
	case !slices.Equal(a.Shape[1:], b.Shape[1:]):
		return fmt.Errorf("expected rows of shape %v, found %v", a.Shape[1:], b.Shape[1:])
	}
	return nil
}

// Concat returns the rows of all parts one after another, in new memory unless there is one part. Name and parameters
// are the first's; datatypes and the shapes of a row must agree.
func Concat(parts ...Tensor) (Tensor, error) {
	if len(parts) == 0 {
		return Tensor{}, fmt.Errorf("concatenate: no tensors")
	}
	first := &parts[0]
	rows, size := 0, 0
	for i := range parts {
		if err := joinable(first, &parts[i]); err != nil {
			return Tensor{}, fmt.Errorf("concatenate %q: part %d: %w", first.Name, i, err)
		}
		rows += parts[i].Rows()
		size += len(parts[i].Data)
	}
	if len(parts) == 1 {
		return *first, nil
	}
	data := make([]byte, 0, size)
	for i := range parts {
		data = append(data, parts[i].Data...)
	}
	return first.withRows(rows, data), nil
}

// Stitch puts rows back in order after [Tensor.Gather] took them apart: row i of parts[p] becomes row rows[p][i] of the result, which has
// total rows. Each must be filled once.
func Stitch(parts []Tensor, rows [][]int, total int) (Tensor, error) {
	if len(parts) == 0 || len(parts) != len(rows) {
		return Tensor{}, fmt.Errorf("stitch: %d tensors for %d groups of rows", len(parts), len(rows))
	}
	type place struct{ part, row int }
	places := make([]place, total)
	for i := range places {
		places[i].part = -1
	}
	first := &parts[0]
	size, filled := 0, 0
	for p := range parts {
		if err := joinable(first, &parts[p]); err != nil {
			return Tensor{}, fmt.Errorf("stitch %q: group %d: %w", first.Name, p, err)
		}
		if n := parts[p].Rows(); n != len(rows[p]) {
			return Tensor{}, fmt.Errorf("stitch %q: group %d: expected %d rows, got %d", first.Name, p, len(rows[p]), n)
		}
		size += len(parts[p].Data)
		for i, r := range rows[p] {
			if r < 0 || r >= total || places[r].part >= 0 {
				return Tensor{}, fmt.Errorf("stitch %q: group %d: row %d of %d is taken or out of range", first.Name, p, r, total)
			}
			places[r] = place{p, i}
			filled++
		}
	}
	if filled != total {
		return Tensor{}, fmt.Errorf("stitch %q: expected %d rows, got %d", first.Name, total, filled)
	}
	bytesOf := make([]func(int) []byte, len(parts))
	for p := range parts {
		bytesOf[p] = parts[p].rowBytes()
	}
	data := make([]byte, 0, size)
	for _, at := range places {
		data = append(data, bytesOf[at.part](at.row)...)
	}
	return first.withRows(total, data), nil
}
