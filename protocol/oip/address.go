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
	dst = appendSegment(append(dst, "/v2/models/"...), model)
	if version != "" {
		dst = appendSegment(append(dst, "/versions/"...), version)
	}
	return dst
}

// appendSegment escapes all but the unreserved characters of RFC 3986, section 2.3.
func appendSegment(dst []byte, text string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(text) {
		switch c := text[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.' && text != "." && text != "..", c == '_', c == '~':
			dst = append(dst, c)
		default:
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}
