package seldon

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/message"
)

// field is one field of a protobuf message: varint or fixed in num, or bytes, a view of the message.
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
		f.bytes = f.bytes[:len(f.bytes):len(f.bytes)] // whoever appends gets memory of its own
	default:
		n = protowire.ConsumeFieldValue(number, kind, b)
	}
	if n < 0 {
		return f, nil, false
	}
	return f, b[n:], true
}

// is tells whether the field has that number and type; one of another type than declared is unknown, as protobuf has it.
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

// choice is the member of a oneof that is set: the last one, and of a message that came in pieces all of them.
type choice struct{ field }

func (c *choice) scalar(f field) { c.field = f }

func (c *choice) message(f field) {
	if c.number == f.number {
		f.bytes = append(c.bytes, f.bytes...)
	}
	c.field = f
}

func malformed(format string, args ...any) *message.Failure {
	return message.Invalid(jsontensor.CodeMalformed, format, args...)
}

func noForm(format string, args ...any) *message.Failure {
	return message.Invalid(jsontensor.CodeNoForm, format, args...)
}

func truncated(what string) error {
	return malformed("%s is not a protobuf message: it is cut or garbled", what)
}

// open starts a message within a message; seal, with the place that open returned, writes its length before it.
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

func appendText[T string | []byte](dst []byte, number protowire.Number, text T) []byte {
	dst = protowire.AppendTag(dst, number, protowire.BytesType)
	return append(protowire.AppendVarint(dst, uint64(len(text))), text...)
}

func appendVarint(dst []byte, number protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(dst, number, protowire.VarintType), v)
}

// detail returns what a failure says without its code, to stand within another.
func detail(err error) string {
	if f, ok := err.(*message.Failure); ok {
		return f.Detail
	}
	return err.Error()
}
