package tfserving

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
	"github.com/millrace/millrace/protocol/tensorproto"
)

// EncodeRequest renders a PredictRequest, with tensor_content for all but strings.
func (GRPC) EncodeRequest(in []*message.Message, t *message.Target) (*message.Wire, error) {
	m, err := only(in)
	if err != nil {
		return nil, err
	}
	c, err := m.Content()
	if err != nil {
		return nil, err
	}
	f, err := flatten(c, request)
	if err == nil {
		err = f.resolve()
	}
	if err != nil {
		return nil, err
	}
	signature := signatureOf(c.Parameters, t.Parameters)
	size := f.size() + len(t.Model) + len(t.Version) + len(signature)
	for i := range c.Asked {
		size += len(c.Asked[i].Name) + 8
	}
	dst := appendSpec(make([]byte, 0, size), 1, t.Model, t.Version, signature)
	dst = f.appendGRPC(dst)
	for i := range c.Asked {
		dst = protobuf.AppendBytes(dst, 3, c.Asked[i].Name)
	}
	return &message.Wire{Dialect: message.TFServingGRPC, Body: body.Of(dst), JSONLength: -1}, nil
}

// EncodeReply renders a PredictResponse with the outputs that the client asked for.
func (GRPC) EncodeReply(m *message.Message, a *message.Asking) (*message.Wire, error) {
	c, err := m.Content()
	if err != nil {
		return nil, err
	}
	f, err := flatten(c, reply)
	if err == nil {
		err = f.resolve()
	}
	if err != nil {
		return nil, err
	}
	signature, asked, err := wantedBy(a)
	if err == nil {
		err = f.choose(asked)
	}
	if err != nil {
		return nil, err
	}
	if len(f.errors) > 0 {
		text := append(append([]byte{'{'}, f.errors...), '}')
		f.tensors = append(f.tensors, tensor.Tensor{Name: "errors", Datatype: tensor.Bytes, Data: tensor.AppendBytes(nil, text)})
	}
	version := a.Version
	if version == "" {
		version = c.Version
	}
	dst := f.appendGRPC(make([]byte, 0, f.size()+len(a.Model)+len(version)+len(signature)))
	dst = appendSpec(dst, 2, a.Model, version, signature)
	return &message.Wire{Dialect: message.TFServingGRPC, Body: body.Of(dst), JSONLength: -1, Reply: true}, nil
}

// wantedBy returns the signature and the outputs that the client asked for, without decoding its tensors.
func wantedBy(a *message.Asking) (signature string, asked []message.Asked, err error) {
	switch {
	case a.Request != nil:
		return signatureOf(a.Request.Parameters), a.Request.Asked, nil
	case a.Wire == nil:
		return "", nil, nil
	case a.Wire.Dialect == message.TFServingREST:
		return signatureIn(a.Wire.Body.Bytes()), nil, nil
	case a.Wire.Dialect != message.TFServingGRPC:
		return "", nil, nil
	}
	var s spec
	b := a.Wire.Body
	err = peek(b, &s, func(f *protobuf.Span, _ []byte) error {
		if f.Bytes && f.Number == request.filter && len(asked) < maxTensors {
			piece := b.Slice(f.Data, f.To)
			asked = append(asked, message.Asked{Name: string(piece.AppendTo(nil))})
			piece.Release()
		}
		return nil
	})
	return s.signature, asked, err
}

// signatureIn returns the signature that a REST request names.
func signatureIn(text []byte) (name string) {
	s := scanner(text)
	if s.Kind() != jsontext.Object {
		return ""
	}
	for s.Object(); s.NextKey(); {
		if string(s.Key()) == signatureName && s.Kind() == jsontext.String {
			name = s.Text()
		} else {
			s.Skip()
		}
	}
	return name
}

// size returns the bytes that the message takes at most, but for what the caller adds, so that it is built in one piece of memory.
func (f *flat) size() int {
	n := 64
	for i := range f.tensors {
		n += entrySize(&f.tensors[i]) + 12
	}
	return n
}

// appendGRPC appends the tensors as entries of a map<string, TensorProto>.
func (f *flat) appendGRPC(dst []byte) []byte {
	for i := range f.tensors {
		t := &f.tensors[i]
		dst = protowire.AppendTag(dst, protowire.Number(f.side.tensors), protowire.BytesType)
		dst = protowire.AppendVarint(dst, uint64(entrySize(t)))
		dst = protobuf.AppendText(dst, 1, t.Name)
		dst = protowire.AppendTag(dst, 2, protowire.BytesType)
		dst = tensorproto.Append(protowire.AppendVarint(dst, uint64(tensorproto.Size(t))), t)
	}
	return dst
}

// entrySize is exact: it stands before what it measures, and tensors are too large to move.
func entrySize(t *tensor.Tensor) int {
	n := 1 + protowire.SizeBytes(tensorproto.Size(t))
	if t.Name != "" {
		n += 1 + protowire.SizeBytes(len(t.Name))
	}
	return n
}
