// Package contract maps the fields of a model's question (text, label) to its server's tensors or JSON fields, once, both
// ways, so that callers and graphs speak of fields and any models that answer the same fields combine.
//
// A field's canonical shape is its declared shape with trailing ones squeezed away: text declared as [rows, 1] is a tensor
// [n]. The first axis is the batch only where the shape says "rows"; it is never guessed. The receiver's declared datatype
// decides what untyped JSON numbers become; where nothing is declared they are FP64.
//
// A tensor without a name, as Seldon's and bare values are, is the one field that is due. Outputs of a reply that is JSON
// are found by path.
//
// [Contract] is the main type: Request goes to the server, Reply comes back, [Check] judges a contract alone.
//
// The package imports protocol/tensor, protocol/message and, for fields that stand in JSON, protocol/jsontensor and
// protocol/jsontext.
package contract
