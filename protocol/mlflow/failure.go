package mlflow

import (
	"errors"
	"net/http"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
)

// EncodeFailure renders f as {"error_code": …, "message": …} with its status, or as text with 415 where the request has a content type that
// MLflow does not take. The error of an MLflow server passes as it came.
func (Codec) EncodeFailure(f *message.Failure, _ *message.Asking) *message.Wire {
	if w := f.Own(message.MLflow); w != nil {
		return w
	}
	var media *mediaTypeError
	if errors.As(f.Cause, &media) {
		return &message.Wire{Dialect: message.MLflow, Body: body.Of([]byte(media.text)), ContentType: "text/plain", JSONLength: -1, Status: http.StatusUnsupportedMediaType}
	}
	code := "INTERNAL_ERROR"
	switch f.Kind {
	case message.InvalidArgument, message.TooLarge:
		code = "BAD_REQUEST"
	case message.NotFound:
		code = "RESOURCE_DOES_NOT_EXIST"
	case message.PermissionDenied:
		code = "PERMISSION_DENIED"
	case message.Unimplemented:
		code = "NOT_IMPLEMENTED"
	case message.Unavailable, message.DeadlineExceeded:
		code = "TEMPORARILY_UNAVAILABLE"
	case message.ResourceExhausted:
		code = "REQUEST_LIMIT_EXCEEDED"
	}
	buf := append(make([]byte, 0, 256), `{"error_code":"`+code+`","message":`...)
	buf = append(jsontext.AppendString(buf, f.Error()), '}')
	return &message.Wire{Dialect: message.MLflow, Body: body.Of(buf), ContentType: "application/json", JSONLength: -1, Status: f.HTTPStatus()}
}

// ErrorText returns what a server says in the body of an error: its message, or text that is no JSON.
func ErrorText(w *message.Wire) string { return jsontensor.ErrorText(w.Body.Bytes()) }

// Path appends /invocations.
func Path(dst []byte, _ *message.Target) []byte { return append(dst, PathInvocations...) }

var _ message.Path = Path
