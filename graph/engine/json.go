package engine

import (
	"bytes"
	"time"

	"github.com/tidwall/gjson"

	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
)

// jsonObject joins the parts' bodies to one object by name, byte for byte and without copying them. As in KServe's
// router every body must be a JSON object, and keys are sorted.
func (r *Run) jsonObject(f *frame, n *plan.Parallel) (*message.Message, error) {
	pieces := make([]*body.Body, 0, 2*len(n.Parts)+1)
	own := make([]*body.Body, 0, len(n.Parts)+1)
	defer func() {
		for _, b := range own {
			b.Release()
		}
	}()
	text := func(s []byte) {
		b := body.Of(s)
		own, pieces = append(own, b), append(pieces, b)
	}
	open := []byte{'{'}
	for _, i := range n.Combine.Order {
		if !f.results[i].good() {
			continue
		}
		info := n.Parts[i].Base()
		w := f.results[i].msg.Wire()
		if w == nil {
			return nil, fail(info, CodeCombine, message.Internal, "the part's reply has no JSON body that could stand in an object")
		}
		if b := bytes.TrimSpace(w.Body.Bytes()); len(b) == 0 || b[0] != '{' || !gjson.ValidBytes(b) {
			return nil, fail(info, CodeCombine, message.Internal, "the part's reply is not a JSON object")
		}
		text(append(jsontext.AppendString(open, info.Name), ':'))
		pieces = append(pieces, w.Body)
		open = []byte{','}
	}
	if len(pieces) == 0 {
		text([]byte("{}"))
	} else {
		text([]byte{'}'})
	}
	wire := jsonWire(nil, 200)
	wire.Body = body.Join(pieces...)
	return r.keep(message.FromWire(wire, nil)), nil
}

// tolerated makes a value of a failure: the server's own answer with its status, or, where there is none, an object that
// says what happened, as KServe's router would (DESIGN: its Soft dependency covers transport errors here too).
func (r *Run) tolerated(res result) result {
	f := res.err
	switch {
	case f.Kind == message.Canceled, !r.Deadline.IsZero() && !time.Now().Before(r.Deadline):
		return res // it is the whole request that has ended
	case f.Reply != nil:
		return result{msg: f.Reply}
	}
	text := append(jsontext.AppendString([]byte(`{"error":"Failed to process request","cause":`), f.Error()), '}')
	return result{msg: r.keep(message.FromWire(jsonWire(text, f.Kind.HTTP()), nil))}
}

// jsonWire is a JSON reply that was made here.
func jsonWire(text []byte, status int) *message.Wire {
	w := &message.Wire{Dialect: message.Opaque, ContentType: "application/json", JSONLength: -1, Status: status, Reply: true, Native: true}
	if text != nil {
		w.Body = body.Of(text)
	}
	return w
}
