package tfserving

import (
	"fmt"

	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/message"
)

// REST is the codec of TensorFlow Serving over HTTP, for one model, or, as its zero value, for any without a contract. It is
// immutable and safe for concurrent use.
type REST struct {
	contract *contract.Contract
	rows     bool // the contract declares rows everywhere
	bare     bool // the contract leaves the name of the only input to the server
}

// GRPC is the codec of TensorFlow Serving over gRPC. A wire's body is one message, decompressed, without the 5-byte prefix.
type GRPC struct{}

var (
	_ message.Codec = REST{}
	_ message.Codec = GRPC{}
)

// New returns the REST codec of a model with this contract; nil is none. The error names two inputs that would be one. gRPC needs
// no codec of its own for a contract.
func New(c *contract.Contract) (REST, error) {
	if c == nil {
		return REST{}, nil
	}
	for i := range c.Inputs {
		for j := range i {
			if name := c.Inputs[i].ServerName(); c.Inputs[j].ServerName() == name {
				return REST{}, fmt.Errorf("build inputs: fields %q and %q are both the server's %q; give one another tensor", c.Inputs[j].Name, c.Inputs[i].Name, name)
			}
		}
	}
	bare := len(c.Inputs) == 1 && (c.Inputs[0].Tensor == "" || c.Inputs[0].Tensor == "$")
	return REST{contract: c, rows: c.Batched(), bare: bare}, nil
}

// Dialect returns message.TFServingREST.
func (REST) Dialect() message.Dialect { return message.TFServingREST }

// Dialect returns message.TFServingGRPC.
func (GRPC) Dialect() message.Dialect { return message.TFServingGRPC }

// signatureName is the parameter that names the model's signature.
const signatureName = "signature_name"

// The limits below bound what a few bytes of a message can make us reserve. No model comes near them.
const (
	maxTensors = 16384
	maxAxes    = 254 // TensorFlow's own
	maxSpec    = 1 << 16
	maxFilled  = 1 << 24 // bytes that repeated values take in one message
)

// side says how requests and replies differ, on the wire and in error texts.
type side struct {
	what    string // "input" or "output"
	tensors int32  // field of the map of tensors
	spec    int32  // field of the model's name
	filter  int32  // field of the outputs asked for; 0 in replies
}

var (
	request = &side{what: "input", tensors: 2, spec: 1, filter: 3}
	reply   = &side{what: "output", tensors: 1, spec: 2}
)

func malformed(format string, args ...any) *message.Failure {
	return message.Invalid(jsontensor.CodeMalformed, format, args...)
}

func noForm(format string, args ...any) *message.Failure {
	return message.Invalid(jsontensor.CodeNoForm, format, args...)
}

// only returns the message of a request: a TensorFlow server takes one.
func only(in []*message.Message) (*message.Message, error) {
	if len(in) != 1 {
		return nil, &message.Failure{Code: jsontensor.CodeNoForm, Kind: message.Internal, Detail: "a TensorFlow Serving server takes one message"}
	}
	return in[0], nil
}
