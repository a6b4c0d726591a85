package contract

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/millrace/millrace/protocol/tensor"
)

// ParseType reads a declared type: string (BYTES), int (INT64), float (FP64), bool, or a datatype of Open Inference in
// either case. The empty name is Untyped: not declared.
func ParseType(name string) (tensor.Datatype, error) {
	switch strings.ToLower(name) {
	case "":
		return tensor.Untyped, nil
	case "string":
		return tensor.Bytes, nil
	case "int":
		return tensor.Int64, nil
	case "float":
		return tensor.FP64, nil
	}
	if d, ok := tensor.ParseDatatype(strings.ToUpper(name)); ok && d != tensor.Untyped {
		return d, nil
	}
	return tensor.Untyped, fmt.Errorf("type %q is unknown: it is string, int, float, bool, or a datatype as INT32, FP32, BYTES", name)
}

// ParseDim reads one axis of a declared shape: rows, -1 for any size, or a size.
func ParseDim(text string) (Dim, error) {
	if text == "rows" {
		return Dim{Size: -1, Rows: true}, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < -1 || n == 0 {
		return Dim{}, fmt.Errorf("dimension %q is none: it is rows, -1 for any size, or a size from 1", text)
	}
	return Dim{Size: n}, nil
}

// ParseShape reads a declared shape, one text an axis. No axes declare a scalar, which is not the same as nothing declared.
func ParseShape(axes []string) ([]Dim, error) {
	shape := make([]Dim, 0, len(axes))
	for i, text := range axes {
		d, err := ParseDim(text)
		if err != nil {
			return nil, err
		}
		if d.Rows && i > 0 {
			return nil, fmt.Errorf("dimension rows stands at axis %d: the batch is the first axis", i)
		}
		shape = append(shape, d)
	}
	return shape, nil
}

// String returns the axis as ParseDim takes it.
func (d Dim) String() string {
	if d.Rows {
		return "rows"
	}
	return strconv.FormatInt(d.Size, 10)
}

// fits tells whether an axis of n elements is one of d.
func (d Dim) fits(n int64) bool { return d.Rows || d.Size < 0 || d.Size == n }

// one tells whether the axis is declared to have one element, so that it may come and go.
func (d Dim) one() bool { return !d.Rows && d.Size == 1 }

// canonical returns the rank that is left of a declared shape without its trailing ones.
func canonical(shape []Dim) int {
	n := len(shape)
	for n > 0 && shape[n-1].one() {
		n--
	}
	return n
}

func formatDims(shape []Dim) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range shape {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(d.String())
	}
	b.WriteByte(']')
	return b.String()
}

func formatShape(shape []int64) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, n := range shape {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(n, 10))
	}
	b.WriteByte(']')
	return b.String()
}

// fit returns shape as the declared one has it, or false where it cannot be that without moving elements between rows.
// What may change are ones: trailing ones come and go ([n] and [n,1]), and one leading one does (a single row with and
// without the batch axis). A shape that fits as it is comes back as it is.
func fit(shape []int64, declared []Dim) ([]int64, bool) {
	if declared == nil || matches(shape, declared, 0) && len(shape) == len(declared) {
		return shape, true
	}
	for _, lead := range [...]int{0, 1, -1} {
		if !matches(shape, declared, lead) {
			continue
		}
		fitted := make([]int64, len(declared))
		for i := range fitted {
			fitted[i] = at(shape, i-lead)
		}
		if len(fitted) == 0 {
			return nil, true
		}
		return fitted, true
	}
	return nil, false
}

// matches tells whether shape, moved by lead axes and filled up with ones, is one of the declared.
func matches(shape []int64, declared []Dim, lead int) bool {
	if lead < 0 && (len(shape) == 0 || shape[0] != 1) {
		return false
	}
	for i, d := range declared {
		if !d.fits(at(shape, i-lead)) {
			return false
		}
	}
	for i := len(declared) - lead; i < len(shape); i++ {
		if i >= 0 && shape[i] != 1 {
			return false
		}
	}
	return true
}

// at returns the axis i of shape, or 1 outside of it.
func at(shape []int64, i int) int64 {
	if i < 0 || i >= len(shape) {
		return 1
	}
	return shape[i]
}
