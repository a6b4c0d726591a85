package seldon

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/message"
)

// GRPC is the codec of SeldonMessages over gRPC. A wire's body is one message, decompressed, without the 5-byte prefix.
type GRPC struct{}

var _ message.Codec = GRPC{}

// Dialect returns message.SeldonGRPC.
func (GRPC) Dialect() message.Dialect { return message.SeldonGRPC }

// DecodeRequest reads a SeldonMessage. Its tensor has no name. The values of data.tensor and of data.tftensor, and binary data, are
// views of w's body where they stand in one piece.
func (GRPC) DecodeRequest(w *message.Wire) (*message.Content, error) {
	var d grpcDecoder
	if err := d.decode(w.Body.Bytes()); err != nil {
		return nil, err
	}
	return &d.c, nil
}

// DecodeReply reads a SeldonMessage as DecodeRequest does. One that says FAILURE and has no payload is a failure of the server.
func (GRPC) DecodeReply(w *message.Wire) (*message.Content, error) {
	var d grpcDecoder
	if err := d.decode(w.Body.Bytes()); err != nil {
		return nil, err
	}
	if d.status.failed && d.payload.Number == 0 {
		return nil, d.status.failure()
	}
	return &d.c, nil
}

// EncodeRequest renders a message for a node's method, as Codec does: a SeldonMessage that no contract has to map passes as its bytes, and
// stands as such in the SeldonMessageList of Aggregate. Explain has no method over gRPC.
func (GRPC) EncodeRequest(in []*message.Message, t *message.Target) (*message.Wire, error) {
	switch t.Method {
	case message.Aggregate:
		return aggregateGRPC(in, t)
	case message.Explain:
		return nil, &message.Failure{Code: jsontensor.CodeNoForm, Kind: message.Unimplemented, Detail: "Seldon's explainers have no gRPC method", Remedy: "give the explainer a REST url"}
	}
	if len(in) != 1 {
		return nil, oneMessage(t)
	}
	if t.Method == message.Feedback {
		return feedbackFor(in[0], message.SeldonGRPC)
	}
	b, err := bodyOfGRPC(in[0], t)
	if err != nil {
		return nil, err
	}
	return &message.Wire{Dialect: message.SeldonGRPC, Body: b, JSONLength: -1}, nil
}

// bodyOfGRPC returns m as a SeldonMessage; the caller owns the reference.
func bodyOfGRPC(m *message.Message, t *message.Target) (*body.Body, error) {
	if w := m.Wire(); w != nil && w.Dialect == message.SeldonGRPC && unmapped(w) && len(t.Parameters) == 0 {
		return w.Body.Retain(), nil
	}
	c, err := m.Content()
	if err != nil {
		return nil, err
	}
	e := grpcEncoder{buf: make([]byte, 0, sizeOf(c)), extent: extentOf(c), form: wishOf(m, c)}
	if err := e.message(c, c.ID, c.Parameters.Under(t.Parameters)); err != nil {
		return nil, err
	}
	return body.Of(e.buf), nil
}

func aggregateGRPC(in []*message.Message, t *message.Target) (*message.Wire, error) {
	var w body.Writer
	var prefix [16]byte
	for _, m := range in {
		b, err := bodyOfGRPC(m, t)
		if err != nil {
			w.Discard()
			return nil, err
		}
		p := protowire.AppendVarint(protowire.AppendTag(prefix[:0], 1, protowire.BytesType), uint64(b.Len()))
		if _, err = w.Write(p); err == nil {
			err = w.Append(b)
		}
		b.Release()
		if err != nil {
			w.Discard()
			return nil, err
		}
	}
	all, err := w.Body()
	if err != nil {
		return nil, err
	}
	return &message.Wire{Dialect: message.SeldonGRPC, Body: all, JSONLength: -1}, nil
}

// EncodeReply renders m for a client, in the form in which it asked where that holds the value. A SeldonMessage that no contract has to
// map passes as its bytes.
func (GRPC) EncodeReply(m *message.Message, a *message.Asking) (*message.Wire, error) {
	if w := m.Wire(); w != nil && w.Dialect == message.SeldonGRPC && unmapped(w) {
		return &message.Wire{Dialect: message.SeldonGRPC, Body: w.Body.Retain(), JSONLength: -1}, nil
	}
	c, err := m.Content()
	if err != nil {
		return nil, err
	}
	e := grpcEncoder{buf: make([]byte, 0, sizeOf(c)), form: formOf(a.Wire), extent: jsontensor.ExtentFor(a)}
	id := a.ID
	if id == "" {
		id = c.ID
	}
	if err := e.message(c, id, c.Parameters); err != nil {
		return nil, err
	}
	return &message.Wire{Dialect: message.SeldonGRPC, Body: body.Of(e.buf), JSONLength: -1}, nil
}

// EncodeFailure gives the kind's gRPC code, or the server's own; the status message is f.Error().
func (GRPC) EncodeFailure(f *message.Failure, _ *message.Asking) *message.Wire {
	return &message.Wire{Dialect: message.SeldonGRPC, Status: grpcStatus(f), JSONLength: -1}
}
