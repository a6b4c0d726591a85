package openai

import (
	"strings"

	"github.com/millrace/millrace/protocol/message"
)

// Operation is what a path of the API asks for.
type Operation uint8

// The operations. Other is any path below /openai/v1 that is none of the rest; its body may name a model too.
const (
	NoOperation Operation = iota
	Chat
	Completions
	Embeddings
	Models // GET: the list
	Model  // GET: one model
	Other
)

var operationPaths = [...]string{Chat: "chat/completions", Completions: "completions", Embeddings: "embeddings", Models: "models"}

// PathOf returns the operation that a path without its query asks for, and, of Model, the model's name as it stands in the
// path, still escaped. Below /v1 only what the other dialects do not have is OpenAI's: chat/completions, completions and
// embeddings; its models and all other paths are so below /openai/v1.
func PathOf(path string) (op Operation, model string) {
	rest, own := strings.CutPrefix(path, "/openai/v1/")
	if !own {
		var ok bool
		if rest, ok = strings.CutPrefix(path, "/v1/"); !ok {
			return NoOperation, ""
		}
	}
	for op := Chat; op <= Embeddings; op++ {
		if rest == operationPaths[op] {
			return op, ""
		}
	}
	switch name, one := strings.CutPrefix(rest, "models/"); {
	case !own:
		return NoOperation, ""
	case rest == operationPaths[Models]:
		return Models, ""
	case one && name != "":
		return Model, name
	}
	return Other, ""
}

// Streams tells whether replies of the operation may be streams of events.
func (op Operation) Streams() bool { return op == Chat || op == Completions || op == Other }

// SplitPath cuts the path of a server's address into what stands before the API and the operation that it names: NoOperation
// where all of it stands before the API.
func SplitPath(path string) (prefix string, op Operation) {
	for op := Chat; op <= Embeddings; op++ {
		if prefix, ok := strings.CutSuffix(path, "/"+operationPaths[op]); ok {
			return strings.TrimSuffix(prefix, "/v1"), op
		}
	}
	if prefix, own, ok := strings.Cut(path, "/v1/"); ok && own != "" {
		return prefix, Other
	}
	return path, NoOperation
}

// Path appends the target's own path, with that of chat completions behind it where it names no operation.
func Path(dst []byte, t *message.Target) []byte {
	dst = append(dst, t.Path...)
	if _, op := SplitPath(t.Path); op != NoOperation {
		return dst
	}
	return append(append(dst, "/v1/"...), operationPaths[Chat]...)
}

var _ message.Path = Path
