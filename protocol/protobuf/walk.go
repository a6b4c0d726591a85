package protobuf

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/body"
)

// Span is a field of a message that lies in the segments of a body: [From, To) with its tag, the value from Data on.
type Span struct {
	Number         int32
	Bytes          bool // it is of the type of bytes, texts and messages
	From, Data, To int
}

// Walk goes over the fields of a message without joining the body's segments and without touching the bytes of values. Its caller holds
// a reference to the body.
type Walk struct {
	b        *body.Body
	seg      int
	off      int // in the segment
	pos, end int // in the body
}

// Over returns a walk over b's fields.
func Over(b *body.Body) Walk { return Walk{b: b, end: b.Len()} }

// Next moves over one field. It is false at the end; err says whether that is a whole message's.
func (w *Walk) Next() (s Span, ok bool, err error) {
	if w.pos == w.end {
		return s, false, nil
	}
	if s, ok = w.field(); !ok {
		return s, false, Truncated("the body")
	}
	return s, true, nil
}

// AppendValue appends the value of a span of this walk that is bytes; nothing of any other.
func (w *Walk) AppendValue(dst []byte, s *Span) []byte {
	if !s.Bytes {
		return dst
	}
	piece := w.b.Slice(s.Data, s.To)
	defer piece.Release()
	return piece.AppendTo(dst)
}

func (w *Walk) field() (s Span, ok bool) {
	s.From = w.pos
	tag, ok := w.varint()
	number := tag >> 3
	if !ok || number == 0 || number > uint64(protowire.MaxValidNumber) {
		return s, false
	}
	s.Number = int32(number)
	s.Data = w.pos
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
			s.Bytes, s.Data = true, w.pos
			ok = w.skip(n)
		}
	default: // groups were never part of these protocols
		return s, false
	}
	s.To = w.pos
	return s, ok
}

func (w *Walk) varint() (uint64, bool) {
	var v uint64
	for shift := 0; shift < 70; shift += 7 {
		c, ok := w.readByte()
		if !ok || shift == 63 && c > 1 {
			return 0, false
		}
		v |= uint64(c&0x7F) << shift
		if c < 0x80 {
			return v, true
		}
	}
	return 0, false
}

func (w *Walk) readByte() (byte, bool) {
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

func (w *Walk) skip(n uint64) bool {
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
