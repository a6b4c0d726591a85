package message

import "github.com/millrace/millrace/protocol/tensor"

// Target says for whom a request is rendered.
type Target struct {
	Model, Version string // the server's names; empty version: the server's choice
	Method         Method
	// Parameters are fixed by the contract and added to the request's (the request's win).
	Parameters tensor.Parameters
	// Binary says that the server takes the binary tensor extension (Open Inference REST).
	Binary bool
	// Path is a plain service's path; codecs that have paths of their own ignore it.
	Path string
}

// Asking says for whom a reply is rendered: how the client asked.
type Asking struct {
	Model, Version, ID string // as the client named them
	Request            *Content
	// Wire is the client's request, for what mirrors it (nested or flat, binary or JSON, Seldon's data form).
	Wire *Wire
	// Full asks for every output where a dialect would show only the answer (/ask?full=1).
	Full bool
}

// Codec is one dialect: pure functions between bytes and content. Codecs are stateless values, safe for concurrent use.
//
// Decoded content may hold views of the wire's body. Encoded wires have a body of their own (one reference, the caller's).
// Errors of the request are *Failure with Kind InvalidArgument and name the tensor or field, what was expected and what was
// found; the inference filter turns them to BadReply where a server's reply is at fault.
type Codec interface {
	Dialect() Dialect
	DecodeRequest(w *Wire) (*Content, error)
	DecodeReply(w *Wire) (*Content, error)
	// EncodeRequest renders in for a server. Only Aggregate takes more than one message.
	EncodeRequest(in []*Message, t *Target) (*Wire, error)
	EncodeReply(m *Message, a *Asking) (*Wire, error)
	// EncodeFailure renders f as the protocol renders its errors: a REST wire with HTTP status and body, or a gRPC wire
	// with code and no body (its message is f.Error() without the code's place, see Failure).
	EncodeFailure(f *Failure, a *Asking) *Wire
}

// Path returns the method, path and content type with which a REST dialect's request for t is sent.
type Path func(dst []byte, t *Target) []byte
