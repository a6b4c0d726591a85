package policy

import (
	"math"

	"github.com/millrace/millrace/protocol/tensor"
)

// Close tells whether two tensors have the same values: for tolerance 0 the same bits (their names apart), else numbers that
// differ by no more. A nil tensor is close to another nil one only.
func Close(a, b *tensor.Tensor, tolerance float64) bool {
	if a == nil || b == nil {
		return a == b
	}
	if !fits(a.Shape, b.Shape) {
		return false
	}
	if tolerance == 0 {
		return a.Datatype == b.Datatype && string(a.Data) == string(b.Data)
	}
	for i := range a.Len() {
		x, okX := a.Float64At(i)
		y, okY := b.Float64At(i)
		if !okX || !okY || !(math.Abs(x-y) <= tolerance) {
			return false
		}
	}
	return true
}
