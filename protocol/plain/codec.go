package plain

import (
	"fmt"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// Codec is the codec of one plain service, or, as its zero value, of any without a contract. It is immutable and safe for
// concurrent use.
type Codec struct {
	contract *contract.Contract
	template *jsontensor.Template
	root     bool // a field stands at $, so that parameters have no place
}

var _ message.Codec = Codec{}

// New returns the codec of a service with this contract; nil is none. The error names a path that is none or contradicts
// another one.
func New(c *contract.Contract) (Codec, error) {
	if c == nil || len(c.Inputs) == 0 {
		return Codec{contract: c}, nil
	}
	paths := make([]string, len(c.Inputs))
	root := false
	for i := range c.Inputs {
		paths[i] = c.Inputs[i].ServerName()
		root = root || paths[i][:min(1, len(paths[i]))] == "$"
	}
	t, err := jsontensor.NewTemplate(paths)
	if err != nil {
		return Codec{}, fmt.Errorf("build requests of a plain service: %w", err)
	}
	return Codec{contract: c, template: t, root: root}, nil
}

// Dialect returns message.Plain.
func (Codec) Dialect() message.Dialect { return message.Plain }

// DecodeRequest reads a client's body. Where it has no form as tensors the content is its JSON, a view of the body.
func (Codec) DecodeRequest(w *message.Wire) (*message.Content, error) {
	text, err := jsontensor.Document(w)
	if err != nil {
		return nil, err
	}
	c := new(message.Content)
	s := jsontext.NewScanner(text)
	if s.Kind() != jsontext.Object {
		var t tensor.Tensor
		if jsontensor.Parse(text, &t) != nil {
			return &message.Content{JSON: text}, nil
		}
		c.Tensors, c.Scalar = []tensor.Tensor{t}, t.Shape == nil
		return c, nil
	}
	for s.Object(); s.NextKey(); {
		t := tensor.Tensor{Name: string(s.Key())}
		raw := s.Skip()
		if t.Name == "" || len(c.Tensors) == jsontensor.MaxNames || c.Tensor(t.Name) != nil || jsontensor.Parse(raw, &t) != nil {
			return &message.Content{JSON: text, Scalar: c.Scalar}, nil
		}
		c.Tensors = append(c.Tensors, t)
		c.Scalar = c.Scalar || t.Shape == nil
	}
	if len(c.Tensors) == 0 {
		c.JSON = text
	}
	return c, nil
}

// DecodeReply takes a server's body as JSON, a view of it.
func (Codec) DecodeReply(w *message.Wire) (*message.Content, error) {
	text, err := jsontensor.Document(w)
	if err != nil {
		return nil, err
	}
	return &message.Content{JSON: text}, nil
}

// EncodeRequest renders the body for a service. A plain body passes as its bytes where no contract has to map it.
func (p Codec) EncodeRequest(in []*message.Message, t *message.Target) (*message.Wire, error) {
	if len(in) != 1 {
		return nil, &message.Failure{Code: jsontensor.CodeNoForm, Kind: message.Internal, Detail: "a plain service takes one message"}
	}
	if w := in[0].Wire(); w != nil && w.Dialect == message.Plain && unmapped(w) && p.contract == nil {
		return &message.Wire{Dialect: message.Plain, Body: w.Body.Retain(), ContentType: w.ContentType, JSONLength: -1}, nil
	}
	c, err := in[0].Content()
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 0, 256)
	if p.template == nil || len(c.Tensors) == 0 {
		buf, err = jsontensor.AppendContent(buf, c, jsontensor.Whole)
	} else {
		buf, err = p.template.AppendJSON(buf, p.tensors(c))
	}
	if err != nil {
		return nil, err
	}
	if buf, err = p.parameters(buf, c, t); err != nil {
		return nil, err
	}
	return &message.Wire{Dialect: message.Plain, Body: body.Of(buf), ContentType: "application/json", JSONLength: -1}, nil
}

// unmapped tells whether the bytes say what the content does: a client's own, or a reply without a contract in between.
func unmapped(w *message.Wire) bool { return !w.Reply || w.Native }

// tensors returns the tensor of each of the contract's inputs, nil where there is none, in the shape in which it is written.
func (p Codec) tensors(c *message.Content) []*tensor.Tensor {
	found := make([]*tensor.Tensor, len(p.contract.Inputs))
	for i := range found {
		f := &p.contract.Inputs[i]
		t := c.Tensor(f.ServerName())
		if t != nil && f.Shape == nil && len(t.Shape) == 1 && t.Shape[0] == 1 {
			scalar := *t
			scalar.Shape = nil
			t = &scalar
		}
		found[i] = t
	}
	return found
}

// parameters adds those that the contract fixes, with the caller's values, to the object that buf is.
func (p Codec) parameters(buf []byte, c *message.Content, t *message.Target) ([]byte, error) {
	fixed := t.Parameters
	if p.contract != nil {
		fixed = fixed.Under(p.contract.Parameters)
	}
	if p.root {
		return buf, nil
	}
	return jsontensor.AppendMembers(buf, fixed, c.Parameters)
}

// EncodeReply renders m for a client: JSON as it is, outputs as an object, a merge as an object of parts. A plain body
// that no contract has to map passes as its bytes.
func (Codec) EncodeReply(m *message.Message, a *message.Asking) (*message.Wire, error) {
	if w := m.Wire(); w != nil && w.Dialect == message.Plain && unmapped(w) {
		return w.Again(), nil
	}
	c, err := m.Content()
	if err != nil {
		return nil, err
	}
	buf, err := jsontensor.AppendContent(make([]byte, 0, 256), c, jsontensor.ExtentFor(a))
	if err != nil {
		return nil, err
	}
	return &message.Wire{Dialect: message.Plain, Body: body.Of(buf), ContentType: "application/json", JSONLength: -1, Status: 200}, nil
}

// Path appends the service's path.
func Path(dst []byte, t *message.Target) []byte {
	if t.Path == "" {
		return append(dst, '/')
	}
	return append(dst, t.Path...)
}

var _ message.Path = Path
