package message

// Fork returns a message over the same bytes for a user in another goroutine that may outlive m's owner, as a shadow is: it
// decodes for itself, with m's Decode, which must not depend on the owner either. It shares the body by a reference and the
// content where there is some, and has no Head, which ends with the request. Content that was made here (without a wire form)
// may view the bytes of other messages: whoever forks it keeps those. The caller owns the fork.
func (m *Message) Fork() *Message {
	out := &Message{content: m.content, decode: m.decode, err: m.err}
	out.refs.Store(1)
	if m.wire != nil {
		w := *m.wire
		w.Body.Retain()
		w.Head = nil
		out.wire = &w
	}
	if m.content != nil && len(m.content.Parts) > 0 {
		c := *m.content
		c.Parts = make([]Part, len(m.content.Parts))
		for i, p := range m.content.Parts {
			c.Parts[i] = Part{p.Name, p.Message.Fork()}
		}
		out.content = &c
	}
	return out
}

// WithStatus returns a message over the same bytes whose wire form has another status; a message that was made here has no
// wire form and is returned as it is. The caller owns a reference either way.
func (m *Message) WithStatus(status int) *Message {
	if m.wire == nil {
		return m.Retain()
	}
	w := *m.wire
	w.Body.Retain()
	w.Status = status
	return FromWire(&w, m.decode)
}
