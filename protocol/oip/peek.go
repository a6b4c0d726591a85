package oip

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
)

// span is a field of a message that lies in the segments of a body: [from, to) with its tag, the value from data on.
type span struct {
	number         int32
	bytes          bool
	from, data, to int
}

// walk goes over the fields of a message without joining the body's segments and without touching the bytes of values.
type walk struct {
	b        *body.Body
	seg      int
	off      int // in the segment
	pos, end int // in the body
}

func fieldsOf(b *body.Body) walk { return walk{b: b, end: b.Len()} }

func (w *walk) readByte() (byte, bool) {
	for w.pos < w.end {
		if s := w.b.Segment(w.seg); w.off < len(s) {
			c := s[w.off]
			w.off++
			w.pos++
			return c, true
		}
		w.seg, w.off = w.seg+1, 0
	}
	return 0, false
}

func (w *walk) skip(n uint64) bool {
	if n > uint64(w.end-w.pos) {
		return false
	}
	left := int(n)
	w.pos += left
	for left > 0 {
		here := min(len(w.b.Segment(w.seg))-w.off, left)
		w.off += here
		if left -= here; left > 0 {
			w.seg, w.off = w.seg+1, 0
		}
	}
	return true
}

func (w *walk) varint() (uint64, bool) {
	var v uint64
	for shift := 0; shift < 70; shift += 7 {
		c, ok := w.readByte()
		if !ok {
			return 0, false
		}
		if shift == 63 && c > 1 {
			return 0, false
		}
		v |= uint64(c&0x7F) << shift
		if c < 0x80 {
			return v, true
		}
	}
	return 0, false
}

// next moves over one field. It is false at the end; err says whether that is a whole message's.
func (w *walk) next() (s span, ok bool, err error) {
	if w.pos == w.end {
		return s, false, nil
	}
	if s, ok = w.field(); !ok {
		return s, false, truncated("the body")
	}
	return s, true, nil
}

func (w *walk) field() (s span, ok bool) {
	s.from = w.pos
	tag, ok := w.varint()
	number := tag >> 3
	if !ok || number == 0 || number > uint64(protowire.MaxValidNumber) {
		return s, false
	}
	s.number = int32(number)
	s.data = w.pos
	switch protowire.Type(tag & 7) {
	case protowire.VarintType:
		_, ok = w.varint()
	case protowire.Fixed32Type:
		ok = w.skip(4)
	case protowire.Fixed64Type:
		ok = w.skip(8)
	case protowire.BytesType:
		var n uint64
		if n, ok = w.varint(); ok {
			s.bytes, s.data = true, w.pos
			ok = w.skip(n)
		}
	default: // groups were never part of this protocol
		return s, false
	}
	s.to = w.pos
	return s, ok
}

func (w *walk) text(s *span) string {
	if !s.bytes {
		return ""
	}
	piece := w.b.Slice(s.data, s.to)
	defer piece.Release()
	return string(piece.AppendTo(nil))
}

// PeekModel returns model_name and model_version of a ModelInferRequest, a ModelReadyRequest or a ModelMetadataRequest: the last ones, as
// protobuf has it, wherever they stand. It passes over tensors without reading or joining them; its cost grows with the number of fields.
func PeekModel(b *body.Body) (name, version string, err error) {
	w := fieldsOf(b)
	var at [3]span
	for {
		s, ok, err := w.next()
		if err != nil {
			return "", "", err
		}
		if !ok {
			return w.text(&at[1]), w.text(&at[2]), nil
		}
		if s.bytes && s.number <= 2 {
			at[s.number] = s
		}
	}
}

// RenameModel returns b with another model_name and model_version (none where empty), and everything else, unknown fields too, as it is:
// the same memory, shared. Only the new names take memory, charged to budget. The caller owns the result's reference and keeps its own of b.
func RenameModel(b *body.Body, name, version string, budget *body.Budget) (*body.Body, error) {
	head, err := body.Copy(budget, appendText(appendText(nil, 1, name), 2, version))
	if err != nil {
		return nil, err
	}
	pieces := make([]*body.Body, 1, 4)
	pieces[0] = head
	defer func() {
		for _, p := range pieces {
			p.Release()
		}
	}()
	w, from := fieldsOf(b), 0
	for {
		s, ok, err := w.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if s.bytes && s.number <= 2 {
			if s.from > from {
				pieces = append(pieces, b.Slice(from, s.from))
			}
			from = s.to
		}
		if len(pieces) > maxTensors {
			return nil, malformed("model_name stands in the message more than %d times", maxTensors)
		}
	}
	if from < b.Len() {
		pieces = append(pieces, b.Slice(from, b.Len()))
	}
	return body.Join(pieces...), nil
}

// AppendInputNames appends the names of a request's inputs, of either form, without decoding their data.
func AppendInputNames(dst []string, w *message.Wire) ([]string, error) {
	if w.Dialect == message.OpenInferenceGRPC {
		return appendNamesGRPC(dst, w.Body)
	}
	text, _, err := split(w)
	if err != nil {
		return dst, err
	}
	s := jsontext.NewScanner(text)
	s.NonFinite = true
	for s.Object(); s.NextKey(); {
		if string(s.Key()) != "inputs" || s.Kind() != jsontext.Array {
			s.Skip()
			continue
		}
		for s.Array(); s.NextElement(); {
			for s.Object(); s.NextKey(); {
				if string(s.Key()) == "name" {
					dst = append(dst, s.Text())
				} else {
					s.Skip()
				}
			}
		}
	}
	if err := s.End(); err != nil {
		return dst, malformed("%v", err)
	}
	return dst, nil
}

func appendNamesGRPC(dst []string, b *body.Body) ([]string, error) {
	w := fieldsOf(b)
	for {
		s, ok, err := w.next()
		if err != nil || !ok {
			return dst, err
		}
		if s.number != 5 || !s.bytes {
			continue
		}
		inner := b.Slice(s.data, s.to)
		name, _, err := PeekModel(inner) // an input's name is its first field, as a request's model is
		inner.Release()
		if err != nil {
			return dst, err
		}
		dst = append(dst, name)
	}
}
