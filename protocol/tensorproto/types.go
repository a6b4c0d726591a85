package tensorproto

import "github.com/millrace/millrace/protocol/tensor"

// Type is what TensorFlow calls a datatype, and where a TensorProto has its values one by one.
type Type struct {
	Number   int32
	Name     string // as DT_FLOAT
	Field    int32  // of the typed values
	Member   string // the field's name in JSON, as floatVal
	Datatype tensor.Datatype
}

var types = [tensor.Bytes + 1]Type{
	tensor.Bool:   {10, "DT_BOOL", 11, "boolVal", tensor.Bool},
	tensor.Uint8:  {4, "DT_UINT8", 7, "intVal", tensor.Uint8},
	tensor.Uint16: {17, "DT_UINT16", 7, "intVal", tensor.Uint16},
	tensor.Uint32: {22, "DT_UINT32", 16, "uint32Val", tensor.Uint32},
	tensor.Uint64: {23, "DT_UINT64", 17, "uint64Val", tensor.Uint64},
	tensor.Int8:   {6, "DT_INT8", 7, "intVal", tensor.Int8},
	tensor.Int16:  {5, "DT_INT16", 7, "intVal", tensor.Int16},
	tensor.Int32:  {3, "DT_INT32", 7, "intVal", tensor.Int32},
	tensor.Int64:  {9, "DT_INT64", 10, "int64Val", tensor.Int64},
	tensor.FP16:   {19, "DT_HALF", 13, "halfVal", tensor.FP16},
	tensor.BF16:   {14, "DT_BFLOAT16", 13, "halfVal", tensor.BF16},
	tensor.FP32:   {1, "DT_FLOAT", 5, "floatVal", tensor.FP32},
	tensor.FP64:   {2, "DT_DOUBLE", 6, "doubleVal", tensor.FP64},
	tensor.Bytes:  {7, "DT_STRING", 8, "stringVal", tensor.Bytes},
}

// Of returns the type of a datatype. Untyped has none: its Type is zero.
func Of(d tensor.Datatype) *Type { return &types[d] }

// Numbered returns the type that TensorFlow numbers so, or nil where it has no datatype here.
func Numbered(number int32) *Type {
	for d := tensor.Bool; d <= tensor.Bytes; d++ {
		if types[d].Number == number {
			return &types[d]
		}
	}
	return nil
}

// Named returns the type that TensorFlow names so, as DT_FLOAT, or nil where it has no datatype here.
func Named(name []byte) *Type {
	for d := tensor.Bool; d <= tensor.Bytes; d++ {
		if types[d].Name == string(name) {
			return &types[d]
		}
	}
	return nil
}

var fields = [...]string{
	5: "float_val", 6: "double_val", 7: "int_val", 8: "string_val", 9: "scomplex_val", 10: "int64_val", 11: "bool_val", 12: "dcomplex_val",
	13: "half_val", 16: "uint32_val", 17: "uint64_val",
}

// ValuesField returns the name of a field of TensorProto that has typed values, those without a datatype here included; it is empty for any
// other field.
func ValuesField(number int32) string {
	if number < 0 || int(number) >= len(fields) {
		return ""
	}
	return fields[number]
}
