package seldon

import (
	"strings"

	"github.com/millrace/millrace/protocol/message"
)

// The gRPC methods that a whole deployment serves.
const (
	Package = "seldon.protos"

	MethodPredict       = "/" + Package + ".Seldon/Predict"
	MethodSendFeedback  = "/" + Package + ".Seldon/SendFeedback"
	MethodModelMetadata = "/" + Package + ".Seldon/ModelMetadata"
	MethodGraphMetadata = "/" + Package + ".Seldon/GraphMetadata"
)

var (
	_ message.Path = GRPCNodePath
	_ message.Path = GRPCGenericPath
	_ message.Path = GRPCExternalPath
)

// GRPCNodePath appends the gRPC method by which a node serves a method, in the service that Seldon's executor calls for it. Feedback
// goes to Model, routers included. Explain has none: GRPC refuses it.
func GRPCNodePath(dst []byte, t *message.Target) []byte {
	method := "Model/Predict"
	switch t.Method {
	case message.TransformInput:
		method = "Transformer/TransformInput"
	case message.TransformOutput:
		method = "OutputTransformer/TransformOutput"
	case message.Route:
		method = "Router/Route"
	case message.Aggregate:
		method = "Combiner/Aggregate"
	case message.Feedback:
		method = "Model/SendFeedback"
	}
	return append(append(dst, "/"+Package+"."...), method...)
}

// GRPCGenericPath appends the gRPC method of the service Generic, which nodes have that serve several methods; Predict, which it
// lacks, is Model's.
func GRPCGenericPath(dst []byte, t *message.Target) []byte {
	method := "Model/Predict"
	switch t.Method {
	case message.TransformInput:
		method = "Generic/TransformInput"
	case message.TransformOutput:
		method = "Generic/TransformOutput"
	case message.Route:
		method = "Generic/Route"
	case message.Aggregate:
		method = "Generic/Aggregate"
	case message.Feedback:
		method = "Generic/SendFeedback"
	}
	return append(append(dst, "/"+Package+"."...), method...)
}

// GRPCExternalPath appends the gRPC method by which a whole deployment serves a method.
func GRPCExternalPath(dst []byte, t *message.Target) []byte {
	if t.Method == message.Feedback {
		return append(dst, MethodSendFeedback...)
	}
	return append(dst, MethodPredict...)
}

// ParseGRPCPath tells which method a client's gRPC path asks for, of a deployment (the service Seldon) or of a node (Model and the others).
// It is false for any other path, the metadata methods among them.
func ParseGRPCPath(path string) (message.Method, bool) {
	rest, ok := strings.CutPrefix(path, "/"+Package+".")
	if !ok {
		return message.Predict, false
	}
	switch rest {
	case "Seldon/Predict", "Model/Predict":
		return message.Predict, true
	case "Transformer/TransformInput", "Generic/TransformInput":
		return message.TransformInput, true
	case "OutputTransformer/TransformOutput", "Generic/TransformOutput":
		return message.TransformOutput, true
	case "Router/Route", "Generic/Route":
		return message.Route, true
	case "Combiner/Aggregate", "Generic/Aggregate":
		return message.Aggregate, true
	case "Seldon/SendFeedback", "Model/SendFeedback", "Router/SendFeedback", "Generic/SendFeedback":
		return message.Feedback, true
	}
	return message.Predict, false
}
