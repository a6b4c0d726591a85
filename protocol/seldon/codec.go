package seldon

import (
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// Codec is the codec of SeldonMessages over REST.
type Codec struct{}

var _ message.Codec = Codec{}

// Dialect returns message.SeldonREST.
func (Codec) Dialect() message.Dialect { return message.SeldonREST }

// DecodeRequest reads a SeldonMessage. Its tensor has no name. JSON and texts without escapes are views of w's body.
func (Codec) DecodeRequest(w *message.Wire) (*message.Content, error) {
	var d decoder
	if err := d.decode(w); err != nil {
		return nil, err
	}
	return d.c, nil
}

// DecodeReply reads a SeldonMessage as DecodeRequest does. One that says FAILURE and has no payload is a failure of the server.
func (Codec) DecodeReply(w *message.Wire) (*message.Content, error) {
	var d decoder
	if err := d.decode(w); err != nil {
		return nil, err
	}
	if d.status.failed && d.form == none {
		return nil, d.status.failure()
	}
	return d.c, nil
}

// EncodeRequest renders a message for a node's method. A SeldonMessage that no contract has to map passes as its bytes; for Aggregate the
// messages become one array, such ones byte for byte.
func (Codec) EncodeRequest(in []*message.Message, t *message.Target) (*message.Wire, error) {
	if t.Method == message.Aggregate {
		return aggregate(in, t)
	}
	if len(in) != 1 {
		return nil, oneMessage(t)
	}
	if t.Method == message.Feedback {
		return feedbackFor(in[0], message.SeldonREST)
	}
	if w := in[0].Wire(); w != nil && isForm(w) && passes(w, t) {
		return &message.Wire{Dialect: message.SeldonREST, Body: w.Body.Retain(), ContentType: w.ContentType, JSONLength: -1}, nil
	}
	b, err := bodyOf(in[0], t)
	if err != nil {
		return nil, err
	}
	return &message.Wire{Dialect: message.SeldonREST, Body: b, JSONLength: -1}, nil
}

func oneMessage(t *message.Target) *message.Failure {
	return &message.Failure{Code: jsontensor.CodeNoForm, Kind: message.Internal, Detail: "method " + t.Method.String() + " takes one message"}
}

// unmapped tells whether the bytes say what the content does: a client's own, or a reply without a contract in between.
func unmapped(w *message.Wire) bool { return !w.Reply || w.Native }

// passes tells whether w can be sent to a server as it is.
func passes(w *message.Wire, t *message.Target) bool {
	return w.Dialect == message.SeldonREST && unmapped(w) && len(t.Parameters) == 0
}

// bodyOf returns m as a SeldonMessage of JSON; the caller owns the reference.
func bodyOf(m *message.Message, t *message.Target) (*body.Body, error) {
	if w := m.Wire(); w != nil && passes(w, t) && !isForm(w) {
		return w.Body.Retain(), nil
	}
	c, err := m.Content()
	if err != nil {
		return nil, err
	}
	e := encoder{buf: make([]byte, 0, 256), extent: extentOf(c), form: wishOf(m, c)}
	if err := e.message(c, c.ID, c.Parameters.Under(t.Parameters)); err != nil {
		return nil, err
	}
	return body.Of(e.buf), nil
}

// extentOf says how much of a tensor is written in jsonData: a question about one row has no array.
func extentOf(c *message.Content) jsontensor.Extent {
	if c.Scalar {
		return jsontensor.OneRow
	}
	return jsontensor.Whole
}

// wishOf returns the form in which a server gets m: the one that a contract chose by the tensor's name, else the one in which it came
// over the other transport, else strData for a text by itself.
func wishOf(m *message.Message, c *message.Content) form {
	if len(c.Tensors) != 1 {
		return none
	}
	t := &c.Tensors[0]
	if f := formNamed(t.Name); f != none {
		return f
	}
	if w := m.Wire(); w != nil && unmapped(w) {
		if f := formOf(w); f != none {
			return f
		}
	}
	if c.Scalar && t.Name == "" && t.Datatype == tensor.Bytes {
		return strData
	}
	return none
}

func aggregate(in []*message.Message, t *message.Target) (*message.Wire, error) {
	var w body.Writer
	fail := func(err error) (*message.Wire, error) {
		w.Discard()
		return nil, err
	}
	for i, m := range in {
		b, err := bodyOf(m, t)
		if err != nil {
			return fail(err)
		}
		s := jsontext.NewScanner(b.Bytes())
		s.Skip()
		if err := s.End(); err != nil {
			b.Release()
			return fail(&message.Failure{Code: jsontensor.CodeMalformed, Kind: message.BadReply, Detail: "a part's reply cannot be aggregated: data is not JSON: " + err.Error()})
		}
		separator := ","
		if i == 0 {
			separator = "["
		}
		_, err = w.Write([]byte(separator))
		if err == nil {
			err = w.Append(b)
		}
		b.Release()
		if err != nil {
			return fail(err)
		}
	}
	end := "]"
	if len(in) == 0 {
		end = "[]"
	}
	if _, err := w.Write([]byte(end)); err != nil {
		return fail(err)
	}
	all, err := w.Body()
	if err != nil {
		return nil, err
	}
	return &message.Wire{Dialect: message.SeldonREST, Body: all, JSONLength: -1}, nil
}

// EncodeReply renders m for a client, in the form in which it asked where that holds the value. A SeldonMessage that
// no contract has to map passes as its bytes.
func (Codec) EncodeReply(m *message.Message, a *message.Asking) (*message.Wire, error) {
	if w := m.Wire(); w != nil && w.Dialect == message.SeldonREST && unmapped(w) && !isForm(w) {
		return w.Again(), nil
	}
	c, err := m.Content()
	if err != nil {
		return nil, err
	}
	e := encoder{buf: make([]byte, 0, 256), form: formOf(a.Wire), extent: jsontensor.ExtentFor(a)}
	id := a.ID
	if id == "" {
		id = c.ID
	}
	if err := e.message(c, id, c.Parameters); err != nil {
		return nil, err
	}
	return &message.Wire{Dialect: message.SeldonREST, Body: body.Of(e.buf), JSONLength: -1, Status: 200}, nil
}
