package inference

import (
	"crypto/rand"
	"encoding/hex"

	"github.com/millrace/millrace/protocol/ask"
	"github.com/millrace/millrace/protocol/kservev1"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/mlflow"
	"github.com/millrace/millrace/protocol/oip"
	"github.com/millrace/millrace/protocol/plain"
	"github.com/millrace/millrace/protocol/seldon"
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
