package oip

import "github.com/millrace/millrace/protocol/message"

// The gRPC methods.
const (
	Service = "inference.GRPCInferenceService"

	MethodServerLive      = "/" + Service + "/ServerLive"
	MethodServerReady     = "/" + Service + "/ServerReady"
	MethodModelReady      = "/" + Service + "/ModelReady"
	MethodServerMetadata  = "/" + Service + "/ServerMetadata"
	MethodModelMetadata   = "/" + Service + "/ModelMetadata"
	MethodModelInfer      = "/" + Service + "/ModelInfer"
	MethodModelStream     = "/" + Service + "/ModelStreamInfer"
	MethodRepositoryIndex = "/" + Service + "/RepositoryIndex"
)

// HeaderLength is the header that carries a REST wire's JSONLength where that is not negative.
const HeaderLength = "Inference-Header-Content-Length"

var _ message.Path = Path

// Path appends the path of a REST inference request: /v2/models/{model}[/versions/{version}]/infer.
func Path(dst []byte, t *message.Target) []byte {
	return append(ModelPath(dst, t.Model, t.Version), "/infer"...)
}

// ModelPath appends /v2/models/{model}[/versions/{version}]: the path of its metadata, and, with /ready behind, of its readiness.
// Names are escaped.
func ModelPath(dst []byte, model, version string) []byte {
	dst = message.AppendSegment(append(dst, "/v2/models/"...), model)
	if version != "" {
		dst = message.AppendSegment(append(dst, "/versions/"...), version)
	}
	return dst
}
