package oip

import (
	"github.com/millrace/millrace/protocol/message"
)

// The codes of this package's failures.
const (
	CodeMalformed = message.CodeMalformed // a message is not what the protocol says
	CodeNoForm    = message.CodeNoForm    // content has no form in this protocol
)

// REST is the codec of Open Inference over HTTP.
type REST struct{}

// GRPC is the codec of Open Inference over gRPC. A wire's body is one message, decompressed, without the 5-byte prefix.
type GRPC struct{}

var (
	_ message.Codec = REST{}
	_ message.Codec = GRPC{}
)

// Dialect returns message.OpenInferenceREST.
func (REST) Dialect() message.Dialect { return message.OpenInferenceREST }

// Dialect returns message.OpenInferenceGRPC.
func (GRPC) Dialect() message.Dialect { return message.OpenInferenceGRPC }

// The limits below bound what a few bytes of a message can make us reserve. No model comes near them.
const (
	maxTensors    = 16384
	maxParameters = 4096 // of one message or tensor
	maxAxes       = 64
)

// side says how requests and replies differ, on the wire and in error texts.
type side struct {
	message string
	what    string // "input" or "output"
	list    string // of tensors in JSON
	asked   int32  // field of the outputs asked for; 0 in replies
	raw     int32  // field of the raw contents
	rawName string
}

var (
	request = &side{message: "request", what: "input", list: "inputs", asked: 6, raw: 7, rawName: "raw_input_contents"}
	reply   = &side{message: "response", what: "output", list: "outputs", raw: 6, rawName: "raw_output_contents"}
)

func malformed(format string, args ...any) *message.Failure {
	return message.Invalid(CodeMalformed, format, args...)
}

func noForm(format string, args ...any) *message.Failure {
	return message.Invalid(CodeNoForm, format, args...)
}

// checkTensors refuses what holds for both forms: names missing or given twice, and shared memory.
func checkTensors(c *message.Content, s *side) error {
	var seen map[string]bool
	if len(c.Tensors) > 8 {
		seen = make(map[string]bool, len(c.Tensors))
	}
	for i := range c.Tensors {
		name := c.Tensors[i].Name
		if name == "" {
			return malformed("%s %d has no name", s.what, i)
		}
		if _, ok := c.Tensors[i].Parameters.Get("shared_memory_region"); ok {
			f := malformed("%s '%s' is in shared memory, which does not reach through a proxy", s.what, name)
			f.Remedy = "send its data in the request"
			return f
		}
		twice := seen[name]
		if seen != nil {
			seen[name] = true
		} else {
			for j := range i {
				twice = twice || c.Tensors[j].Name == name
			}
		}
		if twice {
			return malformed("%s '%s' already exists in request", s.what, name)
		}
	}
	return nil
}
