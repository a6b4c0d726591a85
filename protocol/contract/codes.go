package contract

import "github.com/millrace/millrace/protocol/message"

// Codes of what a contract refuses.
const (
	// CodeUnknownField: a request names a field that the model does not have.
	CodeUnknownField message.Code = "MR420"
	// CodeMissingField: a request lacks a field that the model needs.
	CodeMissingField message.Code = "MR421"
	// CodeDatatype: a field's values have no exact form in the declared datatype.
	CodeDatatype message.Code = "MR422"
	// CodeShape: a field's shape does not fit the declared one.
	CodeShape message.Code = "MR423"
	// CodeMissingOutput: a server's reply lacks an output that the contract declares.
	CodeMissingOutput message.Code = "MR424"
)
