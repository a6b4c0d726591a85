package tfserving

import (
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/message"
)

// EncodeFailure renders {"error": …} with TensorFlow Serving's status. The error of such a server passes as it came.
func (REST) EncodeFailure(f *message.Failure, _ *message.Asking) *message.Wire {
	if f.Kind == message.FailedUpstream && f.Reply != nil {
		if w := f.Reply.Wire(); w != nil && w.Dialect == message.TFServingREST && w.Body.Len() > 0 {
			return &message.Wire{Dialect: message.TFServingREST, Body: w.Body.Retain(), ContentType: w.ContentType, JSONLength: -1, Status: w.Status, Reply: true}
		}
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
	return grpcOf(f.Reply.Status())
}

// grpcOf returns the gRPC code of an HTTP status: TensorFlow Serving's own table the other way.
func grpcOf(status int) int {
	switch status {
	case 400, 422:
		return 3
	case 401:
		return 16
	case 403:
		return 7
	case 404:
		return 5
	case 408, 504:
		return 4
	case 409:
		return 10
	case 413, 429:
		return 8
	case 499:
		return 1
	case 501:
		return 12
	case 502, 503:
		return 14
	}
	return 13
}

// ErrorText returns what a server says in the body of an error: error, or text that is no JSON.
func ErrorText(w *message.Wire) string { return jsontensor.ErrorText(w.Body.Bytes()) }
