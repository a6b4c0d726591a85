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

// Path appends the target's own path, or that of chat completions where it has none.
func Path(dst []byte, t *message.Target) []byte {
	if t.Path != "" {
		return append(dst, t.Path...)
	}
	return append(append(dst, "/v1/"...), operationPaths[Chat]...)
}

var _ message.Path = Path
