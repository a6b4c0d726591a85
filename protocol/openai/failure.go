package openai

import (
	"net/http"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
)

// EncodeFailure renders f as {"error": {"message", "type", "param", "code"}} with its status. The error of an OpenAI server passes
// as it came.
func (Codec) EncodeFailure(f *message.Failure, _ *message.Asking) *message.Wire {
	if w := f.Own(message.OpenAI); w != nil {
		return w
	}
	buf := appendError(make([]byte, 0, 256), f)
	return &message.Wire{Dialect: message.OpenAI, Body: body.Of(buf), ContentType: "application/json", JSONLength: -1, Status: f.HTTPStatus()}
}

// appendError appends the body of an error, which is one line.
func appendError(dst []byte, f *message.Failure) []byte {
	status := f.HTTPStatus()
	dst = jsontext.AppendString(append(dst, `{"error":{"message":`...), f.Error())
	dst = append(append(append(dst, `,"type":"`...), typeOf(status)...), `","param":`...)
	code := string(f.Code)
	switch status {
	case http.StatusNotFound:
		dst = append(dst, `"model"`...)
		code = "model_not_found"
	case http.StatusTooManyRequests:
		code = "rate_limit_exceeded"
		fallthrough
	default:
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"code":`...)
	if code == "" {
		dst = append(dst, "null"...)
	} else {
		dst = jsontext.AppendString(dst, code)
	}
	return append(dst, `}}`...)
}

// typeOf returns the type of error that clients find with an HTTP status.
func typeOf(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return "authentication_error"
	case status == http.StatusForbidden:
		return "permission_error"
	case status == http.StatusTooManyRequests:
		return "rate_limit_error"
	case status < http.StatusInternalServerError:
		return "invalid_request_error"
	}
	return "server_error"
}

// ErrorText returns what a server says in the body of an error.
func ErrorText(w *message.Wire) string { return jsontensor.ErrorText(w.Body.Bytes()) }
