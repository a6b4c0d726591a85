package mlflow

import (
	"fmt"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// Codec is the codec of one model, or, as its zero value, of any without a contract. It is immutable and safe for concurrent
// use.
type Codec struct {
	contract *contract.Contract
	template *jsontensor.Template // nil: a dataframe_split
}

var _ message.Codec = Codec{}

// New returns the codec of a model with this contract; nil is none. The error names a path that is none or contradicts
// another one.
func New(c *contract.Contract) (Codec, error) {
	if c == nil || columnar(c) {
		return Codec{contract: c}, nil
	}
	paths := make([]string, len(c.Inputs))
	for i := range c.Inputs {
		switch name := c.Inputs[i].ServerName(); {
		case len(c.Inputs) == 1 && c.Inputs[i].Tensor == "":
			paths[i] = "inputs"
		case name[:1] == "$":
			paths[i] = "inputs" + name[1:]
		case name[:1] == "[":
			paths[i] = "inputs" + name
		default:
			paths[i] = "inputs." + name
		}
	}
	t, err := jsontensor.NewTemplate(paths)
	if err != nil {
		return Codec{}, fmt.Errorf("build inputs: %w", err)
	}
	return Codec{contract: c, template: t}, nil
}

// columnar tells whether every input is a column by its name.
func columnar(c *contract.Contract) bool {
	for i := range c.Inputs {
		f := &c.Inputs[i]
		if name := f.ServerName(); name == "" || name[0] == '$' {
			return false
		}
		for axis, d := range f.Shape {
			if axis == 0 && !d.Rows || axis > 0 && d.Size != 1 {
				return false
			}
		}
	}
	return true
}

// Dialect returns message.MLflow.
func (Codec) Dialect() message.Dialect { return message.MLflow }

// DecodeReply reads a server's predictions. A reply without them stays JSON.
func (Codec) DecodeReply(w *message.Wire) (*message.Content, error) {
	text, err := jsontensor.Document(w)
	if err != nil {
		return nil, err
	}
	if raw, ok := jsontensor.Member(text, "predictions"); ok {
		return jsontensor.DecodeValue(raw), nil
	}
	return &message.Content{JSON: text}, nil
}

// EncodeRequest renders an invocation. A client's own passes as its bytes where no contract has to map it, and so does the JSON of a chat or
// a completion in another dialect.
func (f Codec) EncodeRequest(in []*message.Message, t *message.Target) (*message.Wire, error) {
	if len(in) != 1 {
		return nil, &message.Failure{Code: jsontensor.CodeNoForm, Kind: message.Internal, Detail: "an MLflow server takes one message"}
	}
	if w := in[0].Wire(); w != nil && w.Dialect == message.MLflow && !w.Reply && f.contract == nil {
		return &message.Wire{Dialect: message.MLflow, Body: w.Body.Retain(), ContentType: w.ContentType, JSONLength: -1}, nil
	}
	c, err := in[0].Content()
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 0, 256)
	switch {
	case f.contract == nil && len(c.Parts) == 0 && unwrappedJSON(c.JSON):
		return &message.Wire{Dialect: message.MLflow, Body: body.Of(append(buf, c.JSON...)), ContentType: "application/json", JSONLength: -1}, nil
	case len(c.Parts) > 0 || len(c.Tensors) == 0:
		return nil, message.Invalid(jsontensor.CodeNoForm, "a merge or JSON has no form in MLflow's invocations: expected tensors")
	case f.template != nil:
		buf, err = f.template.AppendJSON(buf, f.tensors(c))
	default:
		buf, err = appendSplit(buf, c.Tensors)
	}
	if err != nil {
		return nil, err
	}
	fixed := t.Parameters
	if f.contract != nil {
		fixed = fixed.Under(f.contract.Parameters)
	}
	if buf, err = appendParams(buf, fixed, c.Parameters); err != nil {
		return nil, err
	}
	return &message.Wire{Dialect: message.MLflow, Body: body.Of(buf), ContentType: "application/json", JSONLength: -1}, nil
}

func (f Codec) tensors(c *message.Content) []*tensor.Tensor {
	found := make([]*tensor.Tensor, len(f.contract.Inputs))
	for i := range found {
		found[i] = c.Tensor(f.contract.Inputs[i].ServerName())
	}
	return found
}

// appendParams adds the member params to the object in which dst ends.
func appendParams(dst []byte, fixed, caller tensor.Parameters) ([]byte, error) {
	if len(fixed) == 0 {
		return dst, nil
	}
	dst = append(dst[:len(dst)-1], `,"params":{}`...)
	dst, err := jsontensor.AppendMembers(dst, fixed, caller)
	return append(dst, '}'), err
}
