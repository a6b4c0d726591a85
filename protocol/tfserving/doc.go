// Package tfserving is TensorFlow Serving's protocol in both of its forms: [REST] with JSON in rows or columns, and [GRPC] with
// PredictRequest and PredictResponse. Both are a message.Codec between bytes and canonical content.
//
// Beside the codecs there is what needs no decoding: [PeekModel] and [RenameModel] look at, or edit, a body around its tensors;
// and what is no inference: addresses, a model's status and its metadata, to answer for a graph and to read a server's.
//
// # Datatypes
//
//	BOOL DT_BOOL         INT8 DT_INT8      UINT8 DT_UINT8      FP16 DT_HALF
//	BYTES DT_STRING      INT16 DT_INT16    UINT16 DT_UINT16    BF16 DT_BFLOAT16
//	                     INT32 DT_INT32    UINT32 DT_UINT32    FP32 DT_FLOAT
//	                     INT64 DT_INT64    UINT64 DT_UINT64    FP64 DT_DOUBLE
//
// Complex and quantised numbers, resources and variants are refused by the tensor's name. In gRPC, all but strings are written as
// tensor_content and read as views of it; packed float_val and double_val are views too.
//
// # What the forms do with content
//
//	content                    gRPC                                    REST
//	version                    version, or version_label if no number  in the path, likewise
//	parameter signature_name   model_spec.signature_name               signature_name
//	other parameters, id, tags dropped                                 dropped, but for those that a contract fixes
//	outputs asked for          output_filter                           dropped: the protocol returns all
//	parts of a merge           part.output                             part.output
//	failed parts               a string output "errors": a JSON object a member "errors" beside the outputs
//	untyped numbers            FP64, see tensor.Resolve                as their text
//	a tensor without a name    input-0, output-0 … by its place        a bare value if it is the only one, else as in gRPC
//	a scalar                   a scalar                                in columns a scalar, in rows one row
//	a bare JSON value          refused                                 as it is
//	bytes not UTF-8            as they are                             {"b64": …}, as are all of a tensor whose name ends in _bytes
//	NaN, ∞                     as they are                             the tokens NaN, Infinity, -Infinity
//	a NaN with a payload       as it is                                refused; the sign of one without is lost, as in TensorFlow
//	axes behind an empty one   as they are                             lost: [0,4] is written as []
//	column names, answer       dropped                                 dropped
//
// A request in REST is `inputs`, in columns, whose reply has any shapes; it is `instances`, in rows, where the contract declares
// rows for all inputs and outputs. A reply has the form that the client's request had.
//
// # What is read from JSON
//
//	instances: values, lists   one tensor without a name, the rows first; ragged ones are refused with the row
//	instances: objects         a tensor for each key, which all rows have; ragged ones are refused with row and key
//	inputs: an object          a tensor for each member
//	inputs: anything else      one tensor without a name
//	{"b64": …}                 bytes, wherever a string may stand
//	numbers                    UNTYPED; FP64 where NaN or Infinity is among them
//	predictions, outputs       as instances and inputs; what has no form as tensors stays JSON
//	results of regress         a tensor outputs [n]
//	results of classify        tensors classes and scores [n,k], where k is the same in all rows
//
// In TensorProto a typed field that is shorter than the shape repeats its last value, and an empty one is zeros or empty strings, as
// in TensorFlow, up to 16 MiB a message; one that is longer, or of another datatype, is refused.
//
// The package imports protocol/body, contract, jsontensor, jsontext, message, protobuf, tensor and tensorproto, and protowire of
// google.golang.org/protobuf.
package tfserving
