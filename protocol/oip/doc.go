// Package oip is the Open Inference Protocol (KServe V2, Triton) in both of its forms: [REST] with JSON and the binary tensor
// extension, and [GRPC] with typed and raw contents. Both are a message.Codec between bytes and canonical content.
//
// Beside the codecs there is what needs no decoding: [PeekModel], [RenameModel] and [AppendInputNames] look at, or edit, a body around its
// tensors; and what is no inference: metadata, readiness and the repository index, to answer for a graph and to read a server's.
//
// What the two forms do with content that has no counterpart in them:
//
//	content                  becomes
//	parts of a merge         tensors and parameters named part.output; nested parts a.b.output
//	failed parts             a string parameter "errors": a JSON object of messages by part
//	tags                     parameters, where no parameter has the name
//	untyped numbers          FP64, see tensor.Resolve
//	a tensor without a name  input-0, output-0 … by its place
//	a scalar                 shape [1]
//	column names, answer     nothing: dropped
//	a bare JSON value        refused: a contract has to say which tensors it holds
//	bytes not UTF-8, NaN, ∞  refused in JSON, with the remedy; as they are in binary and gRPC. Triton's tokens are understood
//
// The other way, `binary_data`, `binary_data_output` and `binary_data_size` are matters of the wire and do not become parameters of the
// content; a reply looks them up in the client's request. FP16 and BF16 are numbers in JSON, as in MLServer; in gRPC they are raw only.
//
// The package imports protocol/body, message, protobuf, tensor, jsontext, and protowire of google.golang.org/protobuf.
package oip
