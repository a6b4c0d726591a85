package oip

import (
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
)

// httpOf has the HTTP status of each gRPC code, as Triton and grpc-gateway have them.
var httpOf = [...]int{200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401}

// upstream returns the status with which a server answered, in the other transport's terms where they differ.
func upstream(f *message.Failure, grpc bool) (int, bool) {
	if f.Kind != message.FailedUpstream || f.Reply == nil || f.Reply.Wire() == nil || f.Reply.Status() == 0 {
		return 0, false
	}
	status, theirs := f.Reply.Status(), f.Reply.Wire().Dialect.GRPC()
	switch {
	case theirs == grpc:
		return status, true
	case grpc:
		return message.GRPCOf(status), true
	case status < len(httpOf):
		return httpOf[status], true
	}
	return 500, true
}

// EncodeFailure renders {"error": …} with the kind's HTTP status, or the server's own answer where that came in this dialect. It
// carries the request's id where there is one.
func (REST) EncodeFailure(f *message.Failure, a *message.Asking) *message.Wire {
	if w := own(f, message.OpenInferenceREST); w != nil {
		return w
	}
	status, ok := upstream(f, false)
	if !ok {
		status = f.Kind.HTTP()
	}
	dst := jsontext.AppendString([]byte(`{"error":`), f.Error())
	if a != nil && a.ID != "" {
		dst = jsontext.AppendString(append(dst, `,"id":`...), a.ID)
	}
	return &message.Wire{Dialect: message.OpenInferenceREST, Body: body.Of(append(dst, '}')), ContentType: typeJSON, JSONLength: -1, Status: status}
}

// EncodeFailure gives the kind's gRPC code, or the server's own; the status message is f.Error().
func (GRPC) EncodeFailure(f *message.Failure, _ *message.Asking) *message.Wire {
	status, ok := upstream(f, true)
	if !ok {
		status = f.Kind.GRPC()
	}
	return &message.Wire{Dialect: message.OpenInferenceGRPC, Status: status, JSONLength: -1}
}

// own returns the server's answer with a reference of its own, where it was given in the client's dialect.
func own(f *message.Failure, d message.Dialect) *message.Wire {
	if f.Kind != message.FailedUpstream || f.Reply == nil || f.Reply.Wire() == nil || f.Reply.Wire().Dialect != d {
		return nil
	}
	w := *f.Reply.Wire()
	w.Body = w.Body.Retain()
	return &w
}
