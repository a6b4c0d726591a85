package message

import (
	"sync/atomic"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/tensor"
)

// Head gives read access to the header fields that came with a wire form. Names compare without regard to case; results
// are valid while the message is.
type Head interface {
	Get(name string) []byte
}

// Wire is a message as bytes of one dialect.
type Wire struct {
	Dialect     Dialect
	Body        *body.Body // the message's reference
	ContentType string     // empty for the dialect's usual one
	// JSONLength is Open Inference's Inference-Header-Content-Length: the bytes of JSON before binary tensors, or -1 where the
	// whole body is JSON. Unused by other dialects.
	JSONLength int
	// Status is the HTTP status of a REST reply or the gRPC code of a gRPC reply; 0 in requests.
	Status int
	// Reply says that the wire is a reply; in some dialects requests and replies differ.
	Reply bool
	// Native says that no contract stands between the wire and the content: its tensors are the fields, so that the bytes may
	// go to the client, or on to another server, as they are.
	Native bool
	// Head has the fields that came with the message; nil for one that was made here.
	Head Head
}

// Content is a message in canonical form. It is immutable once it is part of a Message; strings and tensors may be views of
// the message's body and live as long as the Message.
type Content struct {
	// Model and Version are the names in the message, ID the client's id; all may be empty.
	Model, Version, ID string
	Parameters         tensor.Parameters
	Tensors            []tensor.Tensor
	// Asked are the outputs that a request asks for; none means all.
	Asked []Asked
	// Parts are the named replies of a merge, in order; Tensors is empty then. Tensor dialects call their outputs
	// part.output, dialects without tensor names answer an object keyed by part.
	Parts []Part
	// Errors are the parts that failed in a partial answer.
	Errors []PartError
	// Answer names the output that stands for the whole where one value is wanted; empty where there is none.
	Answer string
	// Scalar says that the client asked about one row and wrote no array; the reply follows.
	Scalar bool
	// Tags are Seldon's meta.tags and what other dialects carry in their place.
	Tags tensor.Parameters
	// Names are Seldon's column names of the only tensor.
	Names []string
	// JSON is a value that has no form as tensors (Seldon's jsonData, a plain service's reply without a contract), as its text.
	JSON []byte
}

// Asked is one output that a request asks for.
type Asked struct {
	Name       string
	Parameters tensor.Parameters
}

// Part is one named reply in a merge.
type Part struct {
	Name    string
	Message *Message
}

// PartError is a part that failed in a partial answer.
type PartError struct {
	Part    string
	Failure *Failure
}

// Tensor returns the tensor of that name, or nil.
func (c *Content) Tensor(name string) *tensor.Tensor {
	for i := range c.Tensors {
		if c.Tensors[i].Name == name {
			return &c.Tensors[i]
		}
	}
	return nil
}

// Decode turns a wire form into content. It is a codec's function, composed with a contract where there is one.
type Decode func(*Wire) (*Content, error)

// Message is a request or a reply. It has a wire form, or content, or both; content is decoded from the wire form on first
// use. A Message belongs to one run of a graph and is used by one goroutine at a time; whoever keeps it past the run takes
// a reference with Retain.
type Message struct {
	wire    *Wire
	content *Content
	decode  Decode
	err     error
	refs    atomic.Int32
}

// FromWire returns a message over w, which it takes over together with w's reference to the body. decode is called at most once.
func FromWire(w *Wire, decode Decode) *Message {
	m := &Message{wire: w, decode: decode}
	m.refs.Store(1)
	return m
}

// Reset makes m a message over w as FromWire does, for owners that keep their messages in memory of their own. Whoever may
// outlive the owner takes a Fork, never a reference.
func (m *Message) Reset(w *Wire, decode Decode) {
	m.wire, m.content, m.decode, m.err = w, nil, decode, nil
	m.refs.Store(1)
}

// FromContent returns a message that was made here.
func FromContent(c *Content) *Message {
	m := &Message{content: c}
	m.refs.Store(1)
	return m
}

// Retain takes a reference for a user that outlives the run, as a shadow does. That user must not call Content, which is
// not safe for concurrent use, unless Decoded said true before.
func (m *Message) Retain() *Message {
	m.refs.Add(1)
	return m
}

// Release gives a reference back; the last one gives back the body's and those of the parts.
func (m *Message) Release() {
	if m == nil || m.refs.Add(-1) != 0 {
		return
	}
	if m.wire != nil {
		m.wire.Body.Release()
		m.wire.Body = nil
	}
	if m.content != nil {
		for _, p := range m.content.Parts {
			p.Message.Release()
		}
	}
}

// Wire returns the bytes in which the message arrived, or nil for one that was made here.
func (m *Message) Wire() *Wire { return m.wire }

// Status returns the wire form's status, or 0.
func (m *Message) Status() int {
	if m.wire == nil {
		return 0
	}
	return m.wire.Status
}

// Decoded tells whether content is at hand without decoding.
func (m *Message) Decoded() bool { return m.content != nil }

// Content returns the canonical form, decoding it on first use. A failure to decode is final.
func (m *Message) Content() (*Content, error) {
	if m.content == nil && m.err == nil {
		switch {
		case m.decode != nil:
			m.content, m.err = m.decode(m.wire)
		case m.wire.Dialect == Opaque:
			m.content = &Content{JSON: m.wire.Body.Bytes()}
		default:
			m.err = &Failure{Code: CodeNotDecodable, Kind: Internal, Detail: "a message in " + m.wire.Dialect.String() + " cannot be read as tensors"}
		}
	}
	return m.content, m.err
}
