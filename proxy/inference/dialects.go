package inference

import (
	"crypto/rand"
	"encoding/hex"

	"github.com/millrace/millrace/protocol/ask"
	"github.com/millrace/millrace/protocol/bentoml"
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/kservev1"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/mlflow"
	"github.com/millrace/millrace/protocol/oip"
	"github.com/millrace/millrace/protocol/openai"
	"github.com/millrace/millrace/protocol/plain"
	"github.com/millrace/millrace/protocol/seldon"
	"github.com/millrace/millrace/protocol/tfserving"
)

// dialects are the codecs by which clients are spoken to, and the paths at servers.
var dialects = [...]struct {
	codec message.Codec
	path  message.Path
}{
	message.Opaque:            {plain.Codec{}, plain.Path},
	message.OpenInferenceREST: {oip.REST{}, oip.Path},
	message.OpenInferenceGRPC: {oip.GRPC{}, func(dst []byte, _ *message.Target) []byte { return append(dst, oip.MethodModelInfer...) }},
	message.SeldonREST:        {seldon.Codec{}, seldon.NodePath},
	message.KServeV1:          {kservev1.Codec{}, kservev1.Path},
	message.MLflow:            {mlflow.Codec{}, mlflow.Path},
	message.Plain:             {plain.Codec{}, plain.Path},
	message.Ask:               {ask.Codec{}, nil},
	message.SeldonGRPC:        {seldon.GRPC{}, seldon.GRPCNodePath},
	message.TFServingREST:     {tfserving.REST{}, tfserving.Path},
	message.TFServingGRPC:     {tfserving.GRPC{}, func(dst []byte, _ *message.Target) []byte { return append(dst, tfserving.MethodPredict...) }},
	message.BentoML:           {bentoml.Codec{}, bentoml.Path},
	message.OpenAI:            {openai.Codec{}, openai.Path},
}

// peekModel returns the model's name and version in a body whose dialect names them there.
func peekModel(d message.Dialect, b *body.Body) (name, version string, err error) {
	switch d {
	case message.TFServingGRPC:
		return tfserving.PeekModel(b)
	case message.OpenAI:
		name, _, err = openai.PeekModel(b)
		return name, "", err
	}
	return oip.PeekModel(b)
}

// renameModel returns a body with another model's name and version, in the dialects that have them in the body; for others
// it is b itself. The caller's reference to b becomes one to the result.
func renameModel(d message.Dialect, b *body.Body, t *message.Target, budget *body.Budget) (*body.Body, error) {
	var out *body.Body
	var err error
	switch d {
	case message.OpenInferenceGRPC:
		out, err = oip.RenameModel(b, t.Model, t.Version, budget)
	case message.TFServingGRPC:
		out, err = tfserving.RenameModel(b, t.Model, t.Version, budget)
	case message.OpenAI:
		out, err = openai.RenameModel(b, t.Model, budget)
	default:
		return b, nil
	}
	b.Release()
	return out, err
}

// newID returns a random UUID (version 4).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	out := make([]byte, 0, 36)
	for i, n := range []int{4, 2, 2, 2, 6} {
		if i > 0 {
			out = append(out, '-')
		}
		at := [...]int{0, 4, 6, 8, 10}[i]
		out = hex.AppendEncode(out, b[at:at+n])
	}
	return string(out)
}
