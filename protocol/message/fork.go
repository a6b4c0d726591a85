package message

// Fork returns a message over the same bytes for a user in another goroutine, as a shadow is: it decodes for itself. It
// shares the body by a reference and has no Head, which ends with the request. The caller owns the fork.
func (m *Message) Fork() *Message {
	if m.content == nil {
		if m.wire == nil {
			return m.Retain()
		}
		w := *m.wire
		w.Body.Retain()
		w.Head = nil
		return FromWire(&w, m.decode)
	}
	if len(m.content.Parts) == 0 {
		return m.Retain()
	}
	c := *m.content
	c.Parts = make([]Part, len(m.content.Parts))
	for i, p := range m.content.Parts {
		c.Parts[i] = Part{p.Name, p.Message.Fork()}
	}
	return FromContent(&c)
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
