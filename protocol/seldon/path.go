package seldon

import (
	"strings"

	"github.com/millrace/millrace/protocol/message"
)

var _ message.Path = NodePath

// NodePath appends the path at which a node (the Python wrapper) serves a method.
func NodePath(dst []byte, t *message.Target) []byte {
	switch t.Method {
	case message.TransformInput:
		return append(dst, "/transform-input"...)
	case message.TransformOutput:
		return append(dst, "/transform-output"...)
	case message.Route:
		return append(dst, "/route"...)
	case message.Aggregate:
		return append(dst, "/aggregate"...)
	case message.Feedback:
		return append(dst, "/send-feedback"...)
	case message.Explain:
		return append(dst, "/explain"...)
	}
	return append(dst, "/predict"...)
}

// ExternalPath appends the path at which a whole deployment serves a method: predictions, feedback or explanations.
func ExternalPath(dst []byte, t *message.Target) []byte {
	switch t.Method {
	case message.Feedback:
		return append(dst, "/api/v1.0/feedback"...)
	case message.Explain:
		return append(dst, "/api/v1.0/explain"...)
	}
	return append(dst, "/api/v1.0/predictions"...)
}

// ParseExternalPath tells which method a client's path, without its prefix and query, asks for.
func ParseExternalPath(path string) (message.Method, bool) {
	rest, ok := strings.CutPrefix(path, "/api/v1.0/")
	if !ok {
		if rest, ok = strings.CutPrefix(path, "/api/v0.1/"); !ok {
			return message.Predict, false
		}
	}
	switch rest {
	case "predictions":
		return message.Predict, true
	case "feedback":
		return message.Feedback, true
	case "explain":
		return message.Explain, true
	}
	return message.Predict, false
}
