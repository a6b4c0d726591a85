package tfserving

import "github.com/millrace/millrace/protocol/tensor"

// types has TensorFlow's number and name of each datatype, and the field of TensorProto that has its typed values.
var types = [...]struct {
	number int32
	name   string
	values int32
}{
	tensor.Bool:  {10, "DT_BOOL", 11},
	tensor.Uint8: {4, "DT_UINT8", 7}, tensor.Uint16: {17, "DT_UINT16", 7}, tensor.Uint32: {22, "DT_UINT32", 16}, tensor.Uint64: {23, "DT_UINT64", 17},
	tensor.Int8: {6, "DT_INT8", 7}, tensor.Int16: {5, "DT_INT16", 7}, tensor.Int32: {3, "DT_INT32", 7}, tensor.Int64: {9, "DT_INT64", 10},
	tensor.FP16: {19, "DT_HALF", 13}, tensor.BF16: {14, "DT_BFLOAT16", 13}, tensor.FP32: {1, "DT_FLOAT", 5}, tensor.FP64: {2, "DT_DOUBLE", 6},
	tensor.Bytes: {7, "DT_STRING", 8},
}

// valueNames are the fields of TensorProto that have typed values; those without a datatype of ours are known to be such.
var valueNames = [...]string{
	5: "float_val", 6: "double_val", 7: "int_val", 8: "string_val", 9: "scomplex_val", 10: "int64_val", 11: "bool_val", 12: "dcomplex_val",
	13: "half_val", 16: "uint32_val", 17: "uint64_val",
}

// datatypeOf returns the datatype that TensorFlow numbers so.
func datatypeOf(number int32) (tensor.Datatype, bool) {
	for d := tensor.Bool; d <= tensor.Bytes; d++ {
		if types[d].number == number {
			return d, true
		}
	}
	return tensor.Untyped, false
}

// datatypeNamed returns the datatype that TensorFlow names so, as DT_FLOAT; Untyped for any that we do not have.
func datatypeNamed(name []byte) tensor.Datatype {
	for d := tensor.Bool; d <= tensor.Bytes; d++ {
		if types[d].name == string(name) {
			return d
		}
	}
	return tensor.Untyped
}

// published returns the datatype to say: numbers without a declared type are FP64.
func published(d tensor.Datatype) tensor.Datatype {
	if d == tensor.Untyped {
		return tensor.FP64
	}
	return d
}
