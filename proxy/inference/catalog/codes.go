package catalog

import (
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/protocol/message"
)

// Codes of names in requests.
const (
	CodeUnknown    message.Code = "MR404"
	CodeAmbiguous  message.Code = "MR405"
	CodeExpression message.Code = "MR406"
	CodeWarming    message.Code = "MR503"
)

// CodeServerError is the code of a server's reply that is an error or cannot be read; the inference filter explains it.
const CodeServerError message.Code = "MR502"

var _ = diagnostic.Register(
	diagnostic.Entry{Code: CodeUnknown, Title: "the request names a model or graph that is not there",
		Text: "No Model and no InferenceGraph of that name serves. The message gives the near names; GET /v1/models lists all."},
	diagnostic.Entry{Code: CodeAmbiguous, Title: "a name is in more than one namespace",
		Text: "Write it with its namespace: namespace/name. The message gives the full names."},
	diagnostic.Entry{Code: CodeExpression, Title: "an expression in a request cannot be used",
		Text: "Where a model is named, `a+b` asks both and `a|b` gives a's reply to b. The caret stands under the place that does not parse; or the expression is longer than the listener allows, names models of several namespaces, or expressions are switched off."},
	diagnostic.Entry{Code: CodeWarming, Title: "a model or graph is not ready yet",
		Text: "It was declared, and something that it needs is not there yet: a model that a graph names, or the cluster of a model. The message says what. It serves as soon as that comes."},
)
