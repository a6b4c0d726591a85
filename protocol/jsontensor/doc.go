// Package jsontensor is how tensors stand in dialects that write them as plain JSON values, without a declared datatype or
// shape: whole ([Append]), row by row ([Rows]), and at places inside a larger value.
//
// A [Path] finds a value in a reply; a [Template] is a set of paths that says where tensors stand in a request. The texts of
// elements are those of [tensor.ReadJSON] and [tensor.AppendJSON].
//
// The package imports protocol/jsontext, protocol/message (for failures) and protocol/tensor.
package jsontensor
