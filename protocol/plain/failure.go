package plain

import (
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/message"
)

// EncodeFailure renders f as {"error": "…"} with its status. The error of a plain service passes as it came.
func (Codec) EncodeFailure(f *message.Failure, _ *message.Asking) *message.Wire {
	if w := f.Own(message.Plain); w != nil {
		return w
	}
	buf := jsontensor.AppendFailure(make([]byte, 0, 256), f)
	return &message.Wire{Dialect: message.Plain, Body: body.Of(buf), ContentType: "application/json", JSONLength: -1, Status: f.HTTPStatus()}
}

// ErrorText returns what a service says in the body of an error.
func ErrorText(w *message.Wire) string { return jsontensor.ErrorText(w.Body.Bytes()) }
