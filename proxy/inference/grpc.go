package inference

import (
	"encoding/binary"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
)

// prefixBytes is the length of a gRPC message's prefix: a flag and a big-endian length.
const prefixBytes = 5

// unframe returns the one message of a unary gRPC body, without its prefix. The result shares b's memory, unless it was
// compressed; the caller owns its reference.
func unframe(b *body.Body, encoding []byte, budget *body.Budget, limit int64) (*body.Body, error) {
	if b.Len() < prefixBytes {
		return nil, message.Invalid(CodeFraming, "the gRPC message has %d bytes; its prefix alone has %d", b.Len(), prefixBytes)
	}
	prefix := b.Slice(0, prefixBytes)
	var p [prefixBytes]byte
	prefix.AppendTo(p[:0])
	prefix.Release()
	n := int64(binary.BigEndian.Uint32(p[1:]))
	switch {
	case n > int64(b.Len()-prefixBytes):
		return nil, message.Invalid(CodeFraming, "the gRPC message declares %d bytes and has %d", n, b.Len()-prefixBytes)
	case n < int64(b.Len()-prefixBytes):
		return nil, message.Invalid(CodeFraming, "a unary call carries one message, and %d bytes follow it", int64(b.Len()-prefixBytes)-n)
	}
	payload := b.Slice(prefixBytes, b.Len())
	if p[0] == 0 {
		return payload, nil
	}
	defer payload.Release()
	switch e := encodingOf(encoding); e {
	case gzipped, deflated:
		return unpack(payload, e, budget, limit)
	case identity:
		return nil, message.Invalid(CodeFraming, "the gRPC message is said to be compressed, and grpc-encoding does not say how")
	}
	return nil, &message.Failure{Code: CodeFraming, Kind: message.Unimplemented, Detail: "the message is compressed by " + printable(encoding), Remedy: "use gzip, deflate or no compression"}
}

// frame returns payload with a prefix, sharing its memory.
func frame(payload *body.Body, budget *body.Budget) (*body.Body, error) {
	var p [prefixBytes]byte
	binary.BigEndian.PutUint32(p[1:], uint32(payload.Len()))
	prefix, err := body.Copy(budget, p[:])
	if err != nil {
		return nil, err
	}
	framed := body.Join(prefix, payload)
	prefix.Release()
	return framed, nil
}
