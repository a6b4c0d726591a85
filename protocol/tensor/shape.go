package tensor

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// Elements returns the number of elements of a shape; it refuses negative sizes and products beyond an int64.
func Elements(shape []int64) (int, error) {
	product, zero := uint64(1), false
	over := false
	for axis, n := range shape {
		if n < 0 {
			return 0, fmt.Errorf("shape %v: size %d of axis %d is negative", shape, n, axis)
		}
		zero = zero || n == 0
		hi, lo := bits.Mul64(product, uint64(n))
		if hi != 0 || lo > math.MaxInt64/8 {
			over, lo = true, 1
		}
		product = lo
	}
	switch {
	case zero:
		return 0, nil
	case over:
		return 0, fmt.Errorf("shape %v: the number of elements is too large", shape)
	}
	return int(product), nil
}

// Len returns the number of elements. The shape must be valid, as [Tensor.Check] makes sure; it returns 0 where it is not.
func (t *Tensor) Len() int {
	n, err := Elements(t.Shape)
	if err != nil {
		return 0
	}
	return n
}

// Check tells whether shape, datatype and data agree: the only gate between a decoder and everything else. Its cost is
// constant, except for BYTES, whose lengths are walked.
func (t *Tensor) Check() error {
	n, err := Elements(t.Shape)
	if err != nil {
		return err
	}
	size := t.Datatype.Size()
	if size != 0 {
		if len(t.Data) != n*size {
			return fmt.Errorf("expected %d bytes for shape %v of %s, got %d", n*size, t.Shape, t.Datatype, len(t.Data))
		}
		return nil
	}
	found, err := CountBytes(t.Data)
	if err != nil {
		return err
	}
	if found != n {
		return fmt.Errorf("expected %d elements for shape %v of %s, got %d", n, t.Shape, t.Datatype, found)
	}
	return nil
}

// Reshape returns t with another shape of as many elements, sharing its data. One axis may be -1: what is left.
func (t *Tensor) Reshape(shape []int64) (Tensor, error) {
	want := slices.Clone(shape)
	open, n := -1, t.Len()
	for i, size := range want {
		if size == -1 {
			if open >= 0 {
				return Tensor{}, fmt.Errorf("reshape %q to %v: only one axis can be -1", t.Name, shape)
			}
			open, want[i] = i, 1
		}
	}
	product, err := Elements(want)
	if err != nil {
		return Tensor{}, fmt.Errorf("reshape %q: %w", t.Name, err)
	}
	if open >= 0 && product > 0 && n%product == 0 {
		want[open] = int64(n / product)
		product = n
	}
	if product != n {
		return Tensor{}, fmt.Errorf("reshape %q from %v to %v: the numbers of elements differ", t.Name, t.Shape, shape)
	}
	out := *t
	out.Shape = want
	return out, nil
}

// Squeeze returns t without the axes of size one at the end of its shape, sharing its data; the first axis stays, for it may be
// the batch.
func (t *Tensor) Squeeze() Tensor {
	out := *t
	for len(out.Shape) > 1 && out.Shape[len(out.Shape)-1] == 1 {
		out.Shape = out.Shape[:len(out.Shape)-1]
	}
	return out
}

// Equal tells whether two tensors have the same name, datatype, shape and bits. Parameters are not compared.
func Equal(a, b *Tensor) bool {
	return a.Name == b.Name && a.Datatype == b.Datatype && slices.Equal(a.Shape, b.Shape) && string(a.Data) == string(b.Data)
}
