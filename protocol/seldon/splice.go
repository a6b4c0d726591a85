package seldon

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/protobuf"
)

// ReadMeta reads the meta of a SeldonMessage of either transport without decoding what else it holds. A form (multipart) has
// its meta in a part of its own, which is not read.
func ReadMeta(w *message.Wire) (m Meta, err error) {
	switch {
	case w.Dialect == message.SeldonGRPC:
		for b := w.Body.Bytes(); len(b) > 0; {
			f, rest, ok := protobuf.Next(b)
			if !ok {
				return m, protobuf.Truncated("the body")
			}
			if b = rest; f.Is(2, protowire.BytesType) {
				if err := m.readGRPC(f.Bytes); err != nil {
					return m, err
				}
			}
		}
	case w.Dialect == message.SeldonREST && !isForm(w):
		s := jsontext.NewScanner(w.Body.Bytes())
		for s.Object(); s.NextKey(); {
			if string(s.Key()) == "meta" {
				m = Meta{} // of a member that stands twice the last counts
				m.readJSON(&s)
			} else {
				s.Skip()
			}
		}
		if err := s.End(); err != nil {
			return m, jsontensor.Malformed(err)
		}
	}
	return m, nil
}

// MergeMetaWire returns w with the meta of the SeldonMessages before it, oldest first, merged with its own as [Meta.Add] says. The bytes around
// the meta are w's, shared. The result is the caller's, with a body of its own; w and before stay theirs.
func MergeMetaWire(w *message.Wire, before ...*message.Wire) (*message.Wire, error) {
	var all Meta
	for _, one := range append(before[:len(before):len(before)], w) {
		m, err := ReadMeta(one)
		if err != nil {
			return nil, err
		}
		all.Add(&m)
	}
	return WithMeta(w, &all)
}

// WithMeta returns w, a SeldonMessage of either transport but no form, with another meta. The bytes around it are w's, shared. The
// result is the caller's, with a body of its own.
func WithMeta(w *message.Wire, m *Meta) (*message.Wire, error) {
	out := *w
	var err error
	switch {
	case m.empty():
		out.Body = w.Body.Retain()
	case w.Dialect == message.SeldonGRPC:
		out.Body, err = spliceGRPC(w.Body, m)
	case w.Dialect == message.SeldonREST && !isForm(w):
		out.Body, err = spliceREST(w.Body, m)
	default:
		return nil, noForm("meta cannot be put into a message of %s that is no SeldonMessage", w.Dialect)
	}
	if err != nil {
		return nil, err
	}
	return &out, nil
}

func spliceGRPC(whole *body.Body, m *Meta) (*body.Body, error) {
	meta, at := protobuf.Open(nil, 2)
	meta, err := m.appendGRPC(meta)
	if err != nil {
		return nil, err
	}
	meta = protobuf.Seal(meta, at)
	all := whole.Bytes()
	var parts []*body.Body
	from := 0
	keep := func(to int) {
		if to > from {
			parts = append(parts, whole.Slice(from, to))
		}
	}
	for b := all; len(b) > 0; {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			release(parts)
			return nil, protobuf.Truncated("the body")
		}
		if f.Number == 2 {
			keep(len(all) - len(b))
			from = len(all) - len(rest)
		}
		b = rest
	}
	keep(len(all))
	parts = append(parts, body.Of(meta))
	defer release(parts)
	return body.Join(parts...), nil
}

func spliceREST(whole *body.Body, m *Meta) (*body.Body, error) {
	s := jsontext.NewScanner(whole.Bytes())
	from, to, members := -1, -1, 0
	s.Object()
	first := s.Offset()
	for ; s.NextKey(); members++ {
		meta := string(s.Key()) == "meta"
		raw := s.Skip()
		if meta {
			from, to = s.Offset()-len(raw), s.Offset()
		}
	}
	if err := s.End(); err != nil {
		return nil, jsontensor.Malformed(err)
	}
	var text []byte
	if from < 0 {
		from, to, text = first, first, append(text, `"meta":`...)
	}
	text, err := m.appendJSON(text)
	if err != nil {
		return nil, err
	}
	if from == first && members > 0 {
		text = append(text, ',')
	}
	parts := []*body.Body{whole.Slice(0, from), body.Of(text), whole.Slice(to, whole.Len())}
	defer release(parts)
	return body.Join(parts...), nil
}

func release(parts []*body.Body) {
	for _, p := range parts {
		p.Release()
	}
}
