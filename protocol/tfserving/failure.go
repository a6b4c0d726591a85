package tfserving

import (
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/message"
)

// EncodeFailure renders {"error": …} with TensorFlow Serving's status. The error of such a server passes as it came.
func (REST) EncodeFailure(f *message.Failure, _ *message.Asking) *message.Wire {
	if w := f.Own(message.TFServingREST); w != nil {
		w.Reply = true
		return w
	}
	buf := jsontensor.AppendFailure(make([]byte, 0, 256), f)
	return &message.Wire{Dialect: message.TFServingREST, Body: body.Of(buf), ContentType: typeJSON, JSONLength: -1, Status: f.HTTPStatus(), Reply: true}
}

// EncodeFailure gives the kind's gRPC code, or the server's own; the status message is f.Error().
func (GRPC) EncodeFailure(f *message.Failure, _ *message.Asking) *message.Wire {
	return &message.Wire{Dialect: message.TFServingGRPC, Status: codeOf(f), JSONLength: -1, Reply: true}
}

func codeOf(f *message.Failure) int {
	if f.Kind != message.FailedUpstream || f.Reply == nil || f.Reply.Wire() == nil || f.Reply.Status() == 0 {
		return f.Kind.GRPC()
	}
	if f.Reply.Wire().Dialect.GRPC() {
		return f.Reply.Status()
	}
	return message.GRPCOf(f.Reply.Status())
}

// ErrorText returns what a server says in the body of an error: error, or text that is no JSON.
func ErrorText(w *message.Wire) string { return jsontensor.ErrorText(w.Body.Bytes()) }
