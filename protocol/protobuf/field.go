package protobuf

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/message"
)

// Field is one field of a message: a varint or fixed number in Num, or Bytes, a view of the message. The view has no room behind it, so
// that whoever appends to it gets memory of their own.
type Field struct {
	Number int32
	Kind   protowire.Type
	Num    uint64
	Bytes  []byte
}

// Next reads the first field of b and returns what is behind it; ok is false where b does not start with a whole field. Groups come
// without their content, to be passed over.
func Next(b []byte) (f Field, rest []byte, ok bool) {
	number, kind, n := protowire.ConsumeTag(b)
	if n < 0 || number > protowire.MaxValidNumber {
		return f, nil, false
	}
	b = b[n:]
	f.Number, f.Kind = int32(number), kind
	switch kind {
	case protowire.VarintType:
		f.Num, n = protowire.ConsumeVarint(b)
	case protowire.Fixed32Type:
		var v uint32
		v, n = protowire.ConsumeFixed32(b)
		f.Num = uint64(v)
	case protowire.Fixed64Type:
		f.Num, n = protowire.ConsumeFixed64(b)
	case protowire.BytesType:
		f.Bytes, n = protowire.ConsumeBytes(b)
		f.Bytes = f.Bytes[:len(f.Bytes):len(f.Bytes)]
	default:
		n = protowire.ConsumeFieldValue(number, kind, b)
	}
	if n < 0 {
		return f, nil, false
	}
	return f, b[n:], true
}

// Each calls visit for every field of b, until it returns an error. what names b where it cannot be read.
func Each(b []byte, what string, visit func(f *Field) error) error {
	for len(b) > 0 {
		f, rest, ok := Next(b)
		if !ok {
			return Truncated(what)
		}
		b = rest
		if err := visit(&f); err != nil {
			return err
		}
	}
	return nil
}

// Is tells whether the field has that number and type; one of another type than declared is unknown.
func (f *Field) Is(number int32, kind protowire.Type) bool {
	return f.Number == number && f.Kind == kind
}

// Text returns a string field's value as a copy, or a failure that says by name that it is not UTF-8.
func (f *Field) Text(name string) (string, error) {
	if !utf8.Valid(f.Bytes) {
		return "", malformed("%s is not UTF-8", name)
	}
	return string(f.Bytes), nil
}

// Truncated returns the failure of a message, or a part of it, that what names and that cannot be read.
func Truncated(what string) *message.Failure {
	return malformed("%s is not a protobuf message: it is cut or garbled", what)
}

func malformed(format string, args ...any) *message.Failure {
	return message.Invalid(message.CodeMalformed, format, args...)
}
