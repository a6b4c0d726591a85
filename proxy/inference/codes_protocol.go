package inference

import (
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/message"
)

// The codes of protocol are explained here, because protocol knows no diagnostics.
var _ = diagnostic.Register(
	diagnostic.Entry{Code: message.CodeNotDecodable, Title: "a message cannot be read as tensors",
		Text: "A part of the graph looks at the content of a message (a condition, a map, a merge, another protocol), and the message is in a form that has none."},
	diagnostic.Entry{Code: jsontensor.CodeMalformed, Title: "a message is not what its protocol says",
		Text: "The body is not well-formed JSON or protobuf, or breaks a rule of the protocol: a shape that does not fit the data, a datatype that does not exist, a tensor that stands twice. The message gives the place (the tensor, the byte offset) and what was expected and found."},
	diagnostic.Entry{Code: jsontensor.CodeNoForm, Title: "content has no form in a protocol",
		Text: "The server or the client speaks a protocol that cannot carry this content: bytes that are no text in JSON, NaN in strict JSON, several tensors where one is possible. Nothing is ever changed silently; the message gives the way out."},
	diagnostic.Entry{Code: contract.CodeUnknownField, Title: "the request has a field that the model does not take",
		Text: "The model's contract (inputs) names its fields; the message gives the near names. GET /v2/models/NAME shows what a model or graph takes."},
	diagnostic.Entry{Code: contract.CodeMissingField, Title: "the request lacks a field",
		Text: "The model's contract needs the field, and it has no default. The message says what it must be."},
	diagnostic.Entry{Code: contract.CodeDatatype, Title: "a field has the wrong type",
		Text: "The contract declares the field's datatype, and the value cannot become one exactly: text for a number, a fraction for an integer, a number beyond its range."},
	diagnostic.Entry{Code: contract.CodeShape, Title: "a field has the wrong shape",
		Text: "The contract declares the shape; the first axis is the batch where it says rows. The message gives both shapes."},
	diagnostic.Entry{Code: contract.CodeMissingOutput, Title: "a server's reply lacks an output of its contract",
		Text: "The contract (outputs) names a tensor or a JSON path that the server's reply does not have. Correct `tensor:`, or mark the output optional."},
)
