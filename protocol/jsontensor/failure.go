package jsontensor

import "github.com/millrace/millrace/protocol/message"

// Codes of what the JSON dialects refuse.
const (
	// CodeMalformed: a body is not JSON, or not of the form that its dialect has.
	CodeMalformed = message.CodeMalformed
	// CodeNoForm: a value has no exact form in the dialect of its receiver.
	CodeNoForm = message.CodeNoForm
)

// Malformed returns err, of a scanner, as a failure that blames the request.
func Malformed(err error) *message.Failure {
	return &message.Failure{Code: CodeMalformed, Kind: message.InvalidArgument, Detail: "malformed JSON: " + err.Error(), Cause: err}
}
