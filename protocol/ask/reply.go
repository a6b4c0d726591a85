package ask

import (
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// EncodeReply renders m as an object keyed by part, or by a.Model where there is only one.
func (Codec) EncodeReply(m *message.Message, a *message.Asking) (*message.Wire, error) {
	c, err := m.Content()
	if err != nil {
		return nil, err
	}
	e := encoder{full: a.Full, extent: jsontensor.ExtentFor(a), buf: make([]byte, 0, 256)}
	e.buf = append(e.buf, '{')
	if len(c.Parts) > 0 {
		err = e.parts(c)
	} else {
		e.key(a.Model)
		err = e.value(c)
	}
	if err != nil {
		return nil, err
	}
	e.errors(c)
	e.buf = append(e.buf, '}', '\n')
	return &message.Wire{Dialect: message.Ask, Body: body.Of(e.buf), JSONLength: -1, Status: 200}, nil
}

type encoder struct {
	buf    []byte
	full   bool
	extent jsontensor.Extent
}

// key starts a member of an object.
func (e *encoder) key(name string) {
	if last := e.buf[len(e.buf)-1]; last != '{' {
		e.buf = append(e.buf, ", "...)
	}
	e.buf = append(jsontext.AppendString(e.buf, name), ": "...)
}

func (e *encoder) parts(c *message.Content) error {
	for _, p := range c.Parts {
		content, err := p.Message.Content()
		if err != nil {
			return err
		}
		e.key(p.Name)
		if err := e.value(content); err != nil {
			return err
		}
	}
	return nil
}

// value appends what one part answers.
func (e *encoder) value(c *message.Content) error {
	switch {
	case len(c.Parts) > 0:
		e.buf = append(e.buf, '{')
		if err := e.parts(c); err != nil {
			return err
		}
		e.errors(c)
		e.buf = append(e.buf, '}')
		return nil
	case len(c.Tensors) == 0 && len(c.JSON) > 0:
		e.buf = append(e.buf, c.JSON...)
		return nil
	case len(c.Tensors) == 0:
		e.buf = append(e.buf, "null"...)
		return nil
	case !e.full:
		t := c.Tensor(c.Answer)
		if t == nil {
			t = &c.Tensors[0]
		}
		return e.tensor(t)
	}
	e.buf = append(e.buf, '{')
	for i := range c.Tensors {
		t := &c.Tensors[i]
		name := t.Name
		if name == "" {
			name = "output"
		}
		e.key(name)
		if err := e.tensor(t); err != nil {
			return err
		}
	}
	e.buf = append(e.buf, '}')
	return nil
}

// tensor appends an output.
func (e *encoder) tensor(t *tensor.Tensor) (err error) {
	e.buf, err = jsontensor.AppendExtent(e.buf, t, e.extent)
	return err
}

func (e *encoder) errors(c *message.Content) {
	if len(c.Errors) == 0 {
		return
	}
	e.key("errors")
	e.buf = append(e.buf, '{')
	for i := range c.Errors {
		e.key(c.Errors[i].Part)
		e.buf = jsontext.AppendString(e.buf, c.Errors[i].Failure.Error())
	}
	e.buf = append(e.buf, '}')
}

// EncodeFailure renders f as {"error": {…}} with the failure's status.
func (Codec) EncodeFailure(f *message.Failure, a *message.Asking) *message.Wire {
	e := encoder{buf: append(make([]byte, 0, 256), `{"error": {`...)}
	e.text("code", string(f.Code))
	e.key("message")
	e.buf = jsontext.AppendString(e.buf, f.Detail)
	e.text("graph", f.Graph)
	e.text("part", f.Part)
	e.text("remedy", f.Remedy)
	if a != nil {
		e.text("id", a.ID)
	}
	e.buf = append(e.buf, "}}\n"...)
	return &message.Wire{Dialect: message.Ask, Body: body.Of(e.buf), JSONLength: -1, Status: f.HTTPStatus()}
}

// text appends a member unless its value is empty.
func (e *encoder) text(name, value string) {
	if value != "" {
		e.key(name)
		e.buf = jsontext.AppendString(e.buf, value)
	}
}
