package document

import (
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/protocol/message"
)

// Codes of what can be wrong with a file before any graph is looked at.
const (
	CodeSyntax    message.Code = "MR101"
	CodeUnknown   message.Code = "MR102"
	CodeType      message.Code = "MR103"
	CodeMissing   message.Code = "MR104"
	CodeValue     message.Code = "MR105"
	CodeKind      message.Code = "MR106"
	CodeTwice     message.Code = "MR107"
	CodeUnread    message.Code = "MR108"
	CodeForeign   message.Code = "MR109"
	CodeReference message.Code = "MR110"
)

var _ = diagnostic.Register(
	diagnostic.Entry{Code: CodeSyntax, Title: "the file is not well-formed YAML or JSON",
		Text: "Nothing of the document can be used. The usual causes are a tab where YAML wants spaces, a missing space after a colon, a bracket or a quote that is not closed, or a value with a colon that needs quotes:\n\n    when: 'lang == \"de\"'     # quoted, since it holds quotes and operators"},
	diagnostic.Entry{Code: CodeUnknown, Title: "an object has a field that its kind does not know",
		Text: "A field is never ignored: a misspelt policy that silently did nothing would be worse than an error. The message names the nearest fields. A field of a foreign object that Millrace does not read is MR109 instead."},
	diagnostic.Entry{Code: CodeType, Title: "a value has the wrong type",
		Text: "The message says what was expected (a string, a list, a duration such as 80ms, a number) and what stands there. Strings that look like numbers or booleans need quotes in YAML."},
	diagnostic.Entry{Code: CodeMissing, Title: "a field that must be there is missing",
		Text: "The message names the field and the object that lacks it."},
	diagnostic.Entry{Code: CodeValue, Title: "a value is not one of those that are possible",
		Text: "The message lists what is possible, or the form that is wanted: protocol names, durations (80ms, 2s), URLs with a scheme, names of lower-case letters, digits and dashes."},
	diagnostic.Entry{Code: CodeKind, Title: "the kind of object is not known",
		Text: "Millrace reads its own kinds (Server, Model, InferenceGraph of millrace.io/v1alpha1), SeldonDeployment (machinelearning.seldon.io) and KServe's InferenceGraph (serving.kserve.io). Other Kubernetes objects in the same file have to go to a file of their own."},
	diagnostic.Entry{Code: CodeTwice, Title: "something is there twice",
		Text: "Two objects of one kind and name, or one key twice in a mapping: it cannot be told which is meant. The message gives the place of the other."},
	diagnostic.Entry{Code: CodeUnread, Title: "the file cannot be read",
		Text: "It is not there, it is a directory without YAML files, or its permissions do not allow it."},
	diagnostic.Entry{Code: CodeForeign, Title: "a foreign object uses something that Millrace does not understand yet",
		Text: "A field of a SeldonDeployment or of a KServe object that could change answers is refused by name instead of being ignored. Remove it, or say the same with Millrace's own kinds."},
	diagnostic.Entry{Code: CodeReference, Title: "a name refers to an object that is not there",
		Text: "A Model names a Server, or a binding an object, that no file declares. The message gives the near names. If the object comes from elsewhere later, the reference resolves by itself then."},
)
