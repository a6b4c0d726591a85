// Package contract maps the fields of a model's question (text, label) to its server's tensors or JSON fields, once, both
// ways, so that callers and graphs speak of fields and any models that answer the same fields combine.
//
// A field's canonical shape is its declared shape with trailing ones squeezed away: text declared as [rows, 1] is a tensor
// [n]. The first axis is the batch only where the shape says "rows"; it is never guessed. The receiver's declared datatype
// decides what untyped JSON numbers become; where nothing is declared they are FP64.
//
// The package imports protocol/tensor and protocol/message.
package contract
