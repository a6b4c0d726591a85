package bentoml

import (
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/message"
)

// The health paths of a service. All answer 200 with [HealthBody] where it is well, and [PathReady] 503 where it or what it depends on is
// not.
const (
	PathLive    = "/livez"
	PathHealth  = "/healthz" // the same as PathLive
	PathReady   = "/readyz"
	PathMetrics = "/metrics"
	PathSchema  = "/schema.json"
	PathDocs    = "/docs.json"
	HealthBody  = "\n"
)

// EncodeFailure renders f as {"error": "…"} with its status. The error of a BentoML service passes as it came.
func (Codec) EncodeFailure(f *message.Failure, _ *message.Asking) *message.Wire {
	if w := f.Own(message.BentoML); w != nil {
		return w
	}
	buf := jsontensor.AppendFailure(make([]byte, 0, 256), f)
	return &message.Wire{Dialect: message.BentoML, Body: body.Of(buf), ContentType: "application/json", JSONLength: -1, Status: f.HTTPStatus()}
}

// ErrorText returns what a service says in the body of an error.
func ErrorText(w *message.Wire) string { return jsontensor.ErrorText(w.Body.Bytes()) }
