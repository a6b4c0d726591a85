package kservev1

import (
	"fmt"
	"strconv"

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
	template *jsontensor.Template
}

var _ message.Codec = Codec{}

// New returns the codec of a model with this contract; nil is none. The error names a path that is none or contradicts
// another one.
func New(c *contract.Contract) (Codec, error) {
	if c == nil || len(c.Inputs) == 0 {
		return Codec{contract: c}, nil
	}
	paths := make([]string, len(c.Inputs))
	for i := range c.Inputs {
		f := &c.Inputs[i]
		switch name := f.ServerName(); {
		case len(c.Inputs) == 1 && f.Tensor == "":
			paths[i] = "instances[*]"
		default:
			paths[i] = under(name)
		}
	}
	t, err := jsontensor.NewTemplate(paths)
	if err != nil {
		return Codec{}, fmt.Errorf("build instances: %w", err)
	}
	return Codec{contract: c, template: t}, nil
}

// under returns the path of a name inside an instance.
func under(name string) string {
	switch {
	case name != "" && name[0] == '$':
		return "instances[*]" + name[1:]
	case name != "" && name[0] == '[':
		return "instances[*]" + name
	}
	return "instances[*]." + name
}

// Dialect returns message.KServeV1.
func (Codec) Dialect() message.Dialect { return message.KServeV1 }

// DecodeRequest reads a client's instances (or inputs).
func (Codec) DecodeRequest(w *message.Wire) (*message.Content, error) {
	text, err := jsontensor.Document(w)
	if err != nil {
		return nil, err
	}
	for _, key := range [...]string{"instances", "inputs"} {
		if raw, ok := jsontensor.Member(text, key); ok {
			return jsontensor.DecodeValue(raw), nil
		}
	}
	f := message.Invalid(jsontensor.CodeMalformed, "expected an object with instances")
	f.Remedy = `write {"instances": [ … ]}`
	return nil, f
}

// DecodeReply reads a server's predictions (or explanations). A reply without them stays JSON.
func (Codec) DecodeReply(w *message.Wire) (*message.Content, error) {
	text, err := jsontensor.Document(w)
	if err != nil {
		return nil, err
	}
	for _, key := range [...]string{"predictions", "explanations"} {
		if raw, ok := jsontensor.Member(text, key); ok {
			return jsontensor.DecodeValue(raw), nil
		}
	}
	return &message.Content{JSON: text}, nil
}

// EncodeRequest renders instances for a server. A request that has the form already passes as its bytes where no contract
// has to map it.
func (k Codec) EncodeRequest(in []*message.Message, t *message.Target) (*message.Wire, error) {
	if len(in) != 1 {
		return nil, &message.Failure{Code: jsontensor.CodeNoForm, Kind: message.Internal, Detail: "a KServe V1 server takes one message"}
	}
	if w := in[0].Wire(); w != nil && w.Dialect == message.KServeV1 && !w.Reply && k.contract == nil {
		return &message.Wire{Dialect: message.KServeV1, Body: w.Body.Retain(), ContentType: w.ContentType, JSONLength: -1}, nil
	}
	c, err := in[0].Content()
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 0, 256)
	switch {
	case len(c.Parts) > 0 || len(c.Tensors) == 0:
		buf, err = instance(buf, c)
	case k.template == nil:
		buf, err = appendRows(buf, "instances", c.Tensors)
	default:
		buf, err = k.template.AppendJSON(buf, k.rows(c))
	}
	if err != nil {
		return nil, err
	}
	fixed := t.Parameters
	if k.contract != nil {
		fixed = fixed.Under(k.contract.Parameters)
	}
	if buf, err = jsontensor.AppendMembers(buf, fixed, c.Parameters); err != nil {
		return nil, err
	}
	return &message.Wire{Dialect: message.KServeV1, Body: body.Of(buf), JSONLength: -1}, nil
}

// instance renders what has no form as tensors: an array is the instances, anything else is one.
func instance(dst []byte, c *message.Content) ([]byte, error) {
	text, err := jsontensor.AppendContent(nil, c, jsontensor.Whole)
	if err != nil {
		return nil, err
	}
	dst = append(dst, `{"instances":`...)
	if text[0] == '[' {
		return append(append(dst, text...), '}'), nil
	}
	return append(append(append(dst, '['), text...), `]}`...), nil
}

// rows returns the tensor of each of the contract's inputs, nil where there is none, with rows as its first axis.
func (k Codec) rows(c *message.Content) []*tensor.Tensor {
	found := make([]*tensor.Tensor, len(k.contract.Inputs))
	for i := range found {
		f := &k.contract.Inputs[i]
		t := c.Tensor(f.ServerName())
		if t != nil && (len(t.Shape) == 0 || f.Shape != nil && !f.Rows()) {
			row := *t
			row.Shape = append([]int64{1}, t.Shape...)
			t = &row
		}
		found[i] = t
	}
	return found
}

// appendRows appends {"key": rows} of tensors: bare values of one, objects of several.
func appendRows(dst []byte, key string, tensors []tensor.Tensor) ([]byte, error) {
	paths := make([]string, len(tensors))
	rows := make([]*tensor.Tensor, len(tensors))
	for i := range tensors {
		paths[i] = key + "[*]"
		if len(tensors) > 1 {
			paths[i] += "[" + strconv.Quote(tensors[i].Name) + "]"
		}
		t := tensors[i]
		if len(t.Shape) == 0 {
			t.Shape = []int64{1}
		}
		rows[i] = &t
	}
	t, err := jsontensor.NewTemplate(paths)
	if err != nil {
		return nil, message.Invalid(jsontensor.CodeNoForm, "%v", err)
	}
	return t.AppendJSON(dst, rows)
}

// EncodeReply renders m for a client as predictions. Predictions pass as their
// bytes where no contract has to map them.
func (Codec) EncodeReply(m *message.Message, _ *message.Asking) (*message.Wire, error) {
	if w := m.Wire(); w != nil && w.Dialect == message.KServeV1 && w.Native && w.Reply {
		return w.Again(), nil
	}
	c, err := m.Content()
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 0, 256)
	if len(c.Parts) > 0 || len(c.Tensors) == 0 {
		buf, err = jsontensor.AppendContent(append(buf, `{"predictions":`...), c, jsontensor.Whole)
		buf = append(buf, '}')
	} else {
		buf, err = appendRows(buf, "predictions", c.Tensors)
	}
	if err != nil {
		return nil, err
	}
	return &message.Wire{Dialect: message.KServeV1, Body: body.Of(buf), JSONLength: -1, Status: 200}, nil
}
