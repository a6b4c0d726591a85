package tensor

import "fmt"

var datatypes = [...]struct {
	name string
	size int
}{
	Untyped: {"UNTYPED", 0},
	Bool:    {"BOOL", 1},
	Uint8:   {"UINT8", 1}, Uint16: {"UINT16", 2}, Uint32: {"UINT32", 4}, Uint64: {"UINT64", 8},
	Int8: {"INT8", 1}, Int16: {"INT16", 2}, Int32: {"INT32", 4}, Int64: {"INT64", 8},
	FP16: {"FP16", 2}, BF16: {"BF16", 2}, FP32: {"FP32", 4}, FP64: {"FP64", 8},
	Bytes: {"BYTES", 0},
}

// String returns the Open Inference name, as FP32.
func (d Datatype) String() string {
	if int(d) < len(datatypes) {
		return datatypes[d].name
	}
	return fmt.Sprintf("datatype %d", uint8(d))
}

// Size returns the bytes of one element, or 0 where they vary: BYTES and Untyped.
func (d Datatype) Size() int {
	if int(d) < len(datatypes) {
		return datatypes[d].size
	}
	return 0
}

// ParseDatatype returns the datatype of an Open Inference name. It is false for any other, Untyped's included.
func ParseDatatype[T string | []byte](name T) (Datatype, bool) {
	for d := Bool; d <= Bytes; d++ {
		if datatypes[d].name == string(name) {
			return d, true
		}
	}
	return Untyped, false
}

// IsFloat tells whether d is one of FP16, BF16, FP32, FP64.
func (d Datatype) IsFloat() bool { return d >= FP16 && d <= FP64 }

// IsInteger tells whether d is a signed or an unsigned integer; BOOL is none.
func (d Datatype) IsInteger() bool { return d >= Uint8 && d <= Int64 }

// IsNumber tells whether d is an integer, a float, or Untyped.
func (d Datatype) IsNumber() bool { return d.IsInteger() || d.IsFloat() || d == Untyped }
