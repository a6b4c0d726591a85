package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
)

// AppendBytes appends one element of a BYTES (or Untyped) tensor to its data.
func AppendBytes[T string | []byte](dst []byte, element T) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(element)))
	return append(dst, element...)
}

// CountBytes returns the number of elements in the data of a BYTES tensor, or an error that names the one whose length
// exceeds what is there.
func CountBytes(data []byte) (int, error) {
	n := 0
	for rest := data; len(rest) > 0; n++ {
		if len(rest) < 4 {
			return n, fmt.Errorf("element %d: expected the 4 bytes of its length, got %d", n, len(rest))
		}
		size := uint64(binary.LittleEndian.Uint32(rest))
		if size > uint64(len(rest)-4) {
			return n, fmt.Errorf("element %d: expected %d bytes, got %d", n, size, len(rest)-4)
		}
		rest = rest[4+size:]
	}
	return n, nil
}

// Strings walks the elements of a BYTES (or Untyped) tensor's data without allocation. The data has passed [Tensor.Check];
// where it has not, the walk ends at the first element that is not whole.
type Strings struct{ rest []byte }

// Strings returns a walk over t's elements from the first. Other datatypes have none.
func (t *Tensor) Strings() Strings {
	if t.Datatype.Size() != 0 {
		return Strings{}
	}
	return Strings{t.Data}
}

// Next returns the next element, a view of the data, or false at the end.
func (s *Strings) Next() ([]byte, bool) {
	if len(s.rest) < 4 {
		return nil, false
	}
	size := uint64(binary.LittleEndian.Uint32(s.rest))
	if size > uint64(len(s.rest)-4) {
		return nil, false
	}
	end := int(4 + size)
	element := s.rest[4:end:end]
	s.rest = s.rest[end:]
	return element, true
}

// skip moves n elements on and returns how many bytes those were.
func (s *Strings) skip(n int) int {
	before := len(s.rest)
	for ; n > 0; n-- {
		if _, ok := s.Next(); !ok {
			break
		}
	}
	return before - len(s.rest)
}

// OfStrings returns a BYTES tensor of shape [len(elements)].
func OfStrings(name string, elements ...string) Tensor {
	size := 0
	for _, e := range elements {
		size += 4 + len(e)
	}
	data := make([]byte, 0, size)
	for _, e := range elements {
		data = AppendBytes(data, e)
	}
	return Tensor{Name: name, Datatype: Bytes, Shape: []int64{int64(len(elements))}, Data: data}
}

// OfFP64 returns an FP64 tensor of shape [len(elements)].
func OfFP64(name string, elements ...float64) Tensor {
	data := make([]byte, 0, 8*len(elements))
	for _, e := range elements {
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(e))
	}
	return Tensor{Name: name, Datatype: FP64, Shape: []int64{int64(len(elements))}, Data: data}
}
