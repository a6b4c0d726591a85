// Package seldon is Seldon Core v1's SeldonMessage over both of its transports, for clients and for servers (the Python wrapper's nodes
// and whole deployments): [Codec] is REST, [GRPC] is gRPC. Both are a message.Codec between bytes and canonical content.
//
// What a message holds becomes one tensor without a name, for a contract to name:
//
//	data.ndarray   REST: numbers Untyped, strings BYTES, booleans BOOL; gRPC, whose numbers are doubles: FP64; ragged and mixed arrays are refused
//	data.tensor    FP64 of the declared shape
//	data.tftensor  its dtype; values one by one are completed as TensorFlow does; complex, quantised and resource types are refused
//	strData        one BYTES element, one row
//	binData        one BYTES element; in JSON it is base64
//	jsonData       a value without a form as tensors; contracts read its members as fields. NaN and infinities are refused
//	customData     kept for a receiver of the same transport; the other one is refused it, for it takes the type's definition to convert
//	data.names     the columns' names
//	meta           puid is the id, tags the tags; routing, requestPath and metrics are kept as parameters `seldon.meta.NAME` for a Seldon
//	               receiver. What JSON has that is not known is kept as `seldon.NAME` and `seldon.meta.NAME`; protobuf has no place for it
//	status         tells whether a server failed; it is not passed on
//
// The other way a single tensor is data, in a form by its datatype:
//
//	FP16, BF16, FP32, FP64     data.tensor
//	other numbers, Untyped     REST: data.ndarray, exactly; gRPC: data.tensor, refused where a double does not hold an element
//	BOOL, BYTES                data.ndarray
//	one BYTES element          binData where it is not UTF-8; strData where the client asked with one text and no name
//
// A contract chooses another form by the tensor's name (strData, binData, jsonData, tensor, ndarray, tftensor). A reply mirrors the
// client's form, and a request that crosses transports its own, where that holds the value exactly. tftensor holds every datatype. Several
// tensors, and merges, are an object in jsonData, keyed by name or by part. Parameters have no place of their own and go with
// the tags; over gRPC an integer that no double is becomes a string there.
//
// A form (multipart/form-data) is a request too: strData as text, binData as a file, other members as JSON. It goes to one server as it is.
//
// Meta is merged along a graph by [MergeMeta] on content and [MergeMetaWire] on bytes, around the payload. [Feedback] reads and writes
// what a client says about a reply; [ParseRoute] reads a router's.
//
// The package imports protocol/body, jsontensor, jsontext, message, protobuf, tensor and tensorproto, and protowire of
// google.golang.org/protobuf.
package seldon
