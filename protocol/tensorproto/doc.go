// Package tensorproto reads and writes tensorflow.TensorProto, which TensorFlow Serving and Seldon's data.tftensor share: [Read] and the
// typed values behind it, [Append] with the sizes that have to stand before it, and [Of], [Numbered] and [Named] for TensorFlow's types.
//
// Complex and quantised numbers, resources and variants have no datatype here. All but strings are written as tensor_content. Where a
// typed field has fewer values than the shape has elements, TensorFlow repeats the last one, or zero where there is none: [Missing] and
// [Fill] do so, within the limit that their caller sets. How errors are worded is each dialect's own.
//
// The package imports protocol/protobuf and tensor, and protowire of google.golang.org/protobuf. Its main type is [Proto].
package tensorproto
