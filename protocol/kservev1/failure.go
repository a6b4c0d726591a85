package kservev1

import (
	"net/url"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/message"
)

// EncodeFailure renders f as {"error": "…"} with its status. The error of a KServe V1 server passes as it came.
func (Codec) EncodeFailure(f *message.Failure, _ *message.Asking) *message.Wire {
	if w := f.Own(message.KServeV1); w != nil {
		return w
	}
	buf := jsontensor.AppendFailure(make([]byte, 0, 256), f)
	return &message.Wire{Dialect: message.KServeV1, Body: body.Of(buf), JSONLength: -1, Status: f.HTTPStatus()}
}

// ErrorText returns what a server says in the body of an error: error, FastAPI's detail, or text that is no JSON.
func ErrorText(w *message.Wire) string { return jsontensor.ErrorText(w.Body.Bytes()) }

// Path appends /v1/models/{model}:predict, or :explain. KServe's V1 protocol has no versions.
func Path(dst []byte, t *message.Target) []byte {
	dst = append(append(dst, "/v1/models/"...), url.PathEscape(t.Model)...)
	if t.Method == message.Explain {
		return append(dst, ":explain"...)
	}
	return append(dst, ":predict"...)
}

var _ message.Path = Path
