// Package seldon is the REST form of Seldon Core v1's SeldonMessage, for clients and for servers (the Python wrapper's nodes and
// whole deployments).
//
// What a message holds becomes one tensor without a name, for a contract to name:
//
//	data.ndarray   numbers Untyped, strings BYTES, booleans BOOL; ragged and mixed arrays are refused
//	data.tensor    FP64 of the declared shape
//	strData        one BYTES element, one row
//	binData        one BYTES element, decoded from base64
//	jsonData       a value without a form as tensors; contracts read its members as fields
//	data.names     the columns' names
//	meta           puid is the id, tags the tags; what else is there, and fields that are not known, are kept as parameters
//	               `seldon.meta.NAME` and `seldon.NAME` for a Seldon receiver
//
// The other way a single tensor is data: FP16, BF16, FP32 and FP64 in data.tensor, all else in data.ndarray; a contract
// chooses another form by the tensor's name (strData, binData, jsonData, tensor, ndarray). A reply mirrors the client's form where
// it holds the value exactly. Several tensors, and merges, are an object in jsonData, keyed by name or by part.
// Parameters have no place of their own and go with the tags.
//
// data.tftensor, customData and multipart forms are refused.
//
// The package imports protocol/body, jsontensor, jsontext, message and tensor.
package seldon
