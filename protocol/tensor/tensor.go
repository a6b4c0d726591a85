package tensor

// Datatype is an element type of the Open Inference Protocol.
type Datatype uint8

// The datatypes. Untyped elements are held as BYTES are, each the text of a JSON number.
const (
	Untyped Datatype = iota
	Bool
	Uint8
	Uint16
	Uint32
	Uint64
	Int8
	Int16
	Int32
	Int64
	FP16
	BF16
	FP32
	FP64
	Bytes
)

// Tensor is a named array. Data is laid out as the package documentation says and is not to be changed: it may be a view
// of a message, and is then valid while the message is. A nil Shape is a scalar.
type Tensor struct {
	Name       string
	Datatype   Datatype
	Shape      []int64
	Data       []byte
	Parameters Parameters
}

// Parameters are named values that accompany a request, a reply or a tensor, in the order in which they stood.
type Parameters []Parameter

// Parameter is one named value.
type Parameter struct {
	Name  string
	Value Value
}

// Kind says which field of a [Value] holds.
type Kind uint8

// The kinds of values that protocols carry. JSON holds any other JSON value as its text.
const (
	Null Kind = iota
	BoolValue
	Int64Value
	Uint64Value
	DoubleValue
	StringValue
	JSONValue
)

// Value is one parameter's value.
type Value struct {
	Kind   Kind
	Bool   bool
	Int    int64
	Uint   uint64
	Double float64
	String string // the string, or the JSON text
}
