package tfserving

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
)

// field is one field of a message: varint or fixed in num, or bytes.
type field struct {
	number int32
	kind   protowire.Type
	num    uint64
	bytes  []byte
}

// next reads the first field of b and returns what is behind it. Groups come without their content, to be passed over.
func next(b []byte) (f field, rest []byte, ok bool) {
	number, kind, n := protowire.ConsumeTag(b)
	if n < 0 || number > protowire.MaxValidNumber {
		return f, nil, false
	}
	b = b[n:]
	f.number, f.kind = int32(number), kind
	switch kind {
	case protowire.VarintType:
		f.num, n = protowire.ConsumeVarint(b)
	case protowire.Fixed32Type:
		var v uint32
		v, n = protowire.ConsumeFixed32(b)
		f.num = uint64(v)
	case protowire.Fixed64Type:
		f.num, n = protowire.ConsumeFixed64(b)
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(b)
		f.bytes = f.bytes[:len(f.bytes):len(f.bytes)] // nobody appends into the body
	default:
		n = protowire.ConsumeFieldValue(number, kind, b)
	}
	if n < 0 {
		return f, nil, false
	}
	return f, b[n:], true
}

// is tells whether the field has that number and type; a field of another type than declared is unknown, as protobuf has it.
func (f *field) is(number int32, kind protowire.Type) bool {
	return f.number == number && f.kind == kind
}

// text returns a string field's value as a copy.
func (f *field) text(name string) (string, error) {
	if !utf8.Valid(f.bytes) {
		return "", malformed("%s is not UTF-8", name)
	}
	return string(f.bytes), nil
}

func truncated(what string) *message.Failure {
	return malformed("%s is not a protobuf message: it is cut or garbled", what)
}

// each calls visit for every field of b.
func each(b []byte, what string, visit func(f *field) error) error {
	for len(b) > 0 {
		f, rest, ok := next(b)
		if !ok {
			return truncated(what)
		}
		b = rest
		if err := visit(&f); err != nil {
			return err
		}
	}
	return nil
}

func appendText(dst []byte, number protowire.Number, text string) []byte {
	if text == "" {
		return dst
	}
	return protowire.AppendString(protowire.AppendTag(dst, number, protowire.BytesType), text)
}

// appendInt appends an integer or enumeration; none where it is 0, which is what its absence means.
func appendInt(dst []byte, number protowire.Number, v int64) []byte {
	if v == 0 {
		return dst
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, number, protowire.VarintType), uint64(v))
}

// open starts a message within a message; seal, with the place that open returned, writes its length before it. They are for short
// ones: the length may have to make room.
func open(dst []byte, number protowire.Number) ([]byte, int) {
	dst = append(protowire.AppendTag(dst, number, protowire.BytesType), 0)
	return dst, len(dst)
}

func seal(dst []byte, at int) []byte {
	n := len(dst) - at
	if n < 0x80 {
		dst[at-1] = byte(n)
		return dst
	}
	more := protowire.SizeVarint(uint64(n)) - 1
	var room [10]byte
	dst = append(dst, room[:more]...)
	copy(dst[at+more:], dst[at:at+n])
	protowire.AppendVarint(dst[:at-1], uint64(n))
	return dst
}

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
