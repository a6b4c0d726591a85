package engine

import (
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
)

// forked is a message for a shadow, which may outlive the run that it came up in.
type forked struct {
	*message.Message
	held []*body.Body // what the message's content may view
}

// fork returns m for a shadow. What was made in the run is made of views of other messages' bytes, so that the shadow holds
// all bodies of the run then.
func (r *Run) fork(m *message.Message) forked {
	f := forked{Message: m.Fork()}
	if madeHere(m) {
		f.held = r.bodies(nil)
	}
	return f
}

func (f *forked) release() {
	f.Message.Release()
	for _, b := range f.held {
		b.Release()
	}
	*f = forked{}
}

// madeHere tells whether m has no wire form.
func madeHere(m *message.Message) bool { return m.Wire() == nil }

// bodies appends all bodies of the run, with a reference of the caller's to each.
func (r *Run) bodies(dst []*body.Body) []*body.Body {
	dst = bodiesOf(bodiesOf(dst, r.asked), r.outer)
	for _, m := range r.made {
		dst = bodiesOf(dst, m)
	}
	for _, b := range r.held {
		dst = append(dst, b.Retain())
	}
	return dst
}

func bodiesOf(dst []*body.Body, m *message.Message) []*body.Body {
	if m == nil {
		return dst
	}
	if w := m.Wire(); w != nil {
		return append(dst, w.Body.Retain())
	}
	if !m.Decoded() {
		return dst
	}
	if c, err := m.Content(); err == nil {
		for _, p := range c.Parts {
			dst = bodiesOf(dst, p.Message)
		}
	}
	return dst
}
