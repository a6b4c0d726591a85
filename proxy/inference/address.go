package inference

import (
	"bytes"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/oip"
	"github.com/millrace/millrace/protocol/openai"
	"github.com/millrace/millrace/protocol/seldon"
	"github.com/millrace/millrace/protocol/tfserving"
	"github.com/millrace/millrace/proxy/inference/catalog"
	"github.com/millrace/millrace/proxy/stream"
)

// action is what a request asks for.
type action uint8

const (
	none action = iota // not addressed to inference
	infer
	ready
	metadata
	own      // what only the model's server can say: its configuration, its statistics
	generate // text for a prompt, whole or in events
	converse // many requests and answers on one stream
	live
	serverReady
	serverMetadata
	list
	index
	unsupported
)

// world is where a name is looked up.
type world uint8

const (
	byName world = iota
	bySeldon
	byKServe
	inBody // gRPC: the message names the model
)

// address is what path, host and headers say. Its bytes are views of the request's head.
type address struct {
	action    action
	dialect   message.Dialect
	world     world
	method    message.Method
	name      []byte
	namespace []byte
	version   []byte
	rest      []byte // the server's own path, below /serving/{namespace}/{name} or the model's own
}

// events tells whether the answer comes as a stream of events.
func (a *address) events() bool { return string(a.rest) == "/generate_stream" }

// parse finds out what a request asks for; s tells which host names address KServe objects.
func parse(h *stream.RequestHead, s *catalog.Snapshot) address {
	path, _ := h.SplitPath()
	if len(path) > 1 {
		switch path[1] {
		case 'a':
			if rest, ok := bytes.CutPrefix(path, []byte("/ask/")); ok && len(rest) > 0 {
				return address{action: infer, dialect: message.Ask, name: rest}
			}
		case 'i':
			if rest, ok := bytes.CutPrefix(path, []byte("/"+oip.Service+"/")); ok {
				return grpcAddress(rest)
			}
		case 't':
			if a := tensorFlow(path); a.action != none {
				return a
			}
		case 'o':
			if a := openAI(path); a.action != none {
				return a
			}
		case 's':
			if m, ok := seldon.ParseGRPCPath(string(path)); ok {
				return seldonGRPC(h, m)
			}
			if rest, ok := bytes.CutPrefix(path, []byte("/seldon/")); ok {
				return seldonAddress(rest)
			}
			if rest, ok := bytes.CutPrefix(path, []byte("/serving/")); ok {
				return servingAddress(rest)
			}
		case 'v':
			if a := versioned(path); a.action != none {
				return a
			}
		}
	}
	if s.HasKServe() {
		return hostAddress(h.Authority, s)
	}
	return address{}
}

func versioned(path []byte) address {
	if rest, ok := bytes.CutPrefix(path, []byte("/v2")); ok {
		return openInference(rest)
	}
	if rest, ok := bytes.CutPrefix(path, []byte("/v1/models")); ok {
		return kserveV1(path, rest)
	}
	return openAI(path)
}

// openAI reads the paths of OpenAI's API; the body names the model.
func openAI(path []byte) address {
	op, model := openai.PathOf(string(path))
	a := address{dialect: message.OpenAI, world: inBody, action: infer, rest: path}
	switch op {
	case openai.NoOperation:
		return address{}
	case openai.Models:
		a.action = list
	case openai.Model:
		a.action, a.world, a.name = ready, byName, []byte(model)
	}
	return a
}

// tensorFlow reads TensorFlow Serving's gRPC methods.
func tensorFlow(path []byte) address {
	a := address{dialect: message.TFServingGRPC, world: inBody}
	switch string(path) {
	case tfserving.MethodPredict:
		a.action = infer
	case tfserving.MethodModelStatus:
		a.action = ready
	case tfserving.MethodModelMetadata, tfserving.MethodClassify, tfserving.MethodRegress, tfserving.MethodMultiInference, tfserving.MethodReloadConfig:
		a.action = unsupported
	}
	return a
}

// seldonGRPC reads a method of Seldon's services; the metadata name the deployment.
func seldonGRPC(h *stream.RequestHead, m message.Method) address {
	a := address{dialect: message.SeldonGRPC, world: bySeldon, action: unsupported, method: m}
	a.name, a.namespace = h.Header.Get("seldon"), h.Header.Get("namespace")
	if len(a.namespace) == 0 {
		a.namespace = []byte("default")
	}
	if m == message.Predict {
		a.action = infer
	}
	return a
}

// openInference reads what stands after /v2.
func openInference(rest []byte) address {
	a := address{dialect: message.OpenInferenceREST}
	switch string(rest) {
	case "", "/":
		a.action = serverMetadata
		return a
	case "/health/live":
		a.action = live
		return a
	case "/health/ready":
		a.action = serverReady
		return a
	case "/repository/index":
		a.action = index
		return a
	case "/models":
		a.action = list
		return a
	}
	rest, ok := bytes.CutPrefix(rest, []byte("/models/"))
	if !ok {
		return address{}
	}
	a.name, a.rest = cutSegment(rest)
	if v, ok := bytes.CutPrefix(a.rest, []byte("/versions/")); ok {
		a.version, a.rest = cutSegment(v)
	}
	switch string(a.rest) {
	case "/infer":
		a.action = infer
	case "/ready":
		a.action = ready
	case "", "/":
		a.action, a.rest = metadata, nil
	case "/config", "/stats":
		a.action = own
	case "/generate", "/generate_stream":
		a.action = generate
	default:
		a.action = unsupported
	}
	return a
}

// cutSegment cuts the first segment off a path without a slash before it; the slash stays with the rest.
func cutSegment(path []byte) (segment, rest []byte) {
	if i := bytes.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, nil
}

// kserveV1 reads what stands after /v1/models: KServe's forms, and those that only TensorFlow Serving has.
func kserveV1(path, rest []byte) address {
	a := address{dialect: message.KServeV1}
	if t, ok := tfserving.ParseAddress(string(path)); ok && (t.Version != "" || t.Verb == tfserving.VerbClassify || t.Verb == tfserving.VerbRegress) {
		a = address{dialect: message.TFServingREST, action: infer, name: []byte(t.Model), version: []byte(t.Version)}
		switch t.Verb {
		case tfserving.VerbStatus:
			a.action = ready
		case tfserving.VerbPredict:
		default:
			a.action = unsupported
		}
		return a
	}
	if len(rest) == 0 || string(rest) == "/" {
		a.action = list
		return a
	}
	if rest[0] != '/' {
		return address{}
	}
	name, verb, asked := bytes.Cut(rest[1:], []byte(":"))
	a.name = name
	switch {
	case !asked:
		a.action = ready
	case string(verb) == "predict":
		a.action = infer
	default:
		a.action = unsupported
	}
	return a
}

var grpcActions = map[string]action{
	"ModelInfer": infer, "ModelReady": ready, "ModelMetadata": metadata, "ModelConfig": own, "ModelStatistics": own, "ModelStreamInfer": converse,
	"ServerLive": live, "ServerReady": serverReady,
	"ServerMetadata": serverMetadata, "RepositoryIndex": index,
}

func grpcAddress(method []byte) address {
	a := address{dialect: message.OpenInferenceGRPC, world: inBody, action: unsupported}
	if known, ok := grpcActions[string(method)]; ok {
		a.action = known
	}
	return a
}

// seldonAddress reads {namespace}/{deployment}/api/….
func seldonAddress(rest []byte) address {
	a := address{dialect: message.SeldonREST, world: bySeldon, action: unsupported}
	var ok bool
	if a.namespace, rest, ok = bytes.Cut(rest, []byte("/")); !ok {
		return address{}
	}
	a.name, rest, _ = bytes.Cut(rest, []byte("/"))
	switch string(rest) {
	case "api/v1.0/health/status", "api/v1.0/status", "ready", "live":
		a.action = ready
		return a
	}
	if m, ok := seldon.ParseExternalPath("/" + string(rest)); ok {
		if a.method = m; m == message.Predict {
			a.action = infer
		}
	}
	return a
}

// servingAddress reads {namespace}/{name}[/…].
func servingAddress(rest []byte) address {
	a := address{dialect: message.Opaque, world: byKServe, action: infer}
	var ok bool
	if a.namespace, rest, ok = bytes.Cut(rest, []byte("/")); !ok {
		return address{}
	}
	a.name = rest
	if i := bytes.IndexByte(rest, '/'); i >= 0 {
		a.name, a.rest = rest[:i], rest[i:]
	}
	return a
}

// hostAddress reads {name}.{namespace}.* and {name}-{namespace}.*.
func hostAddress(host []byte, s *catalog.Snapshot) address {
	name, rest, ok := bytes.Cut(host, []byte("."))
	if !ok {
		return address{}
	}
	namespace, _, _ := bytes.Cut(rest, []byte("."))
	if i := bytes.IndexByte(namespace, ':'); i >= 0 {
		namespace = namespace[:i]
	}
	a := address{dialect: message.Opaque, world: byKServe, action: infer, name: name, namespace: namespace}
	if s.KServe(namespace, name) != nil {
		return a
	}
	for i := len(name) - 1; i > 0; i-- {
		if name[i] == '-' && s.KServe(name[i+1:], name[:i]) != nil {
			a.namespace, a.name = name[i+1:], name[:i]
			return a
		}
	}
	return address{}
}
