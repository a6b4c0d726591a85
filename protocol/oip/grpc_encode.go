package oip

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/protobuf"
	"github.com/millrace/millrace/protocol/tensor"
)

// EncodeRequest renders a ModelInferRequest with raw contents, which all servers take.
func (GRPC) EncodeRequest(in []*message.Message, t *message.Target) (*message.Wire, error) {
	f, c, err := flattenAll(in, request)
	if err != nil {
		return nil, err
	}
	f.parameters = f.parameters.Under(t.Parameters)
	dst := make([]byte, 0, f.size(c.Asked)+len(t.Model)+len(t.Version)+len(c.ID))
	dst = protobuf.AppendText(dst, 1, t.Model)
	dst = protobuf.AppendText(dst, 2, t.Version)
	dst = protobuf.AppendText(dst, 3, c.ID)
	dst = f.appendGRPC(dst, request, c.Asked, false)
	return &message.Wire{Dialect: message.OpenInferenceGRPC, Body: body.Of(dst), JSONLength: -1}, nil
}

// EncodeReply renders a ModelInferResponse: with typed contents where the client sent such, raw otherwise (and where a
// datatype has no typed form).
func (GRPC) EncodeReply(m *message.Message, a *message.Asking) (*message.Wire, error) {
	c, err := m.Content()
	if err != nil {
		return nil, err
	}
	f, err := flatten(c, reply)
	if err != nil {
		return nil, err
	}
	typed := false
	if a.Wire != nil && a.Wire.Dialect == message.OpenInferenceGRPC {
		typed = sentTyped(a.Wire.Body.Bytes())
	}
	asked, err := askedOf(a)
	if err == nil {
		err = f.choose(asked, a.Model)
	}
	if err != nil {
		return nil, err
	}
	for i := range f.tensors {
		typed = typed && contentsField(f.tensors[i].Datatype) != 0
	}
	version := a.Version
	if version == "" {
		version = c.Version
	}
	dst := make([]byte, 0, f.size(nil)+len(a.Model)+len(version)+len(a.ID))
	dst = protobuf.AppendText(dst, 1, a.Model)
	dst = protobuf.AppendText(dst, 2, version)
	dst = protobuf.AppendText(dst, 3, a.ID)
	dst = f.appendGRPC(dst, reply, nil, typed)
	return &message.Wire{Dialect: message.OpenInferenceGRPC, Body: body.Of(dst), JSONLength: -1}, nil
}

// askedOf returns the outputs that the client asked for, without decoding its tensors.
func askedOf(a *message.Asking) ([]message.Asked, error) {
	switch {
	case a.Request != nil:
		return a.Request.Asked, nil
	case a.Wire == nil:
		return nil, nil
	case a.Wire.Dialect == message.OpenInferenceREST:
		wanted, err := wantedOf(a.Wire)
		return wanted.asked, err
	case a.Wire.Dialect != message.OpenInferenceGRPC:
		return nil, nil
	}
	var out []message.Asked
	for b := a.Wire.Body.Bytes(); len(b) > 0; {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return nil, protobuf.Truncated("the body")
		}
		b = rest
		if f.Is(request.asked, protowire.BytesType) && len(out) < maxTensors {
			one, err := decodeAsked(f.Bytes)
			if err != nil {
				return nil, err
			}
			out = append(out, one)
		}
	}
	return out, nil
}

// sentTyped tells whether a request has typed contents: then its client reads them too.
func sentTyped(b []byte) bool {
	typed := false
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok || f.Is(request.raw, protowire.BytesType) {
			return false
		}
		b = rest
		if !f.Is(5, protowire.BytesType) {
			continue
		}
		for t := f.Bytes; len(t) > 0; {
			inner, rest, ok := protobuf.Next(t)
			if !ok {
				return false
			}
			t = rest
			typed = typed || inner.Is(5, protowire.BytesType) && len(inner.Bytes) > 0
		}
	}
	return typed
}

// size estimates the bytes of f, so that the message is built in one piece of memory.
func (f *flat) size(asked []message.Asked) int {
	n := 64
	for i := range f.tensors {
		t := &f.tensors[i]
		n += len(t.Data) + len(t.Name) + 10*len(t.Shape) + 48 + parametersSize(t.Parameters)
	}
	for i := range asked {
		n += len(asked[i].Name) + 16 + parametersSize(asked[i].Parameters)
	}
	return n + parametersSize(f.parameters)
}

func parametersSize(ps tensor.Parameters) int {
	n := 0
	for i := range ps {
		n += len(ps[i].Name) + len(ps[i].Value.String) + 32
	}
	return n
}

func (f *flat) appendGRPC(dst []byte, s *side, asked []message.Asked, typed bool) []byte {
	dst = appendParameters(dst, 4, f.parameters)
	for i := range f.tensors {
		t := &f.tensors[i]
		at := 0
		dst, at = protobuf.Open(dst, 5)
		dst = protobuf.AppendText(dst, 1, t.Name)
		dst = protobuf.AppendText(dst, 2, t.Datatype.String())
		dst = appendShape(dst, 3, t.Shape)
		dst = appendParameters(dst, 4, t.Parameters)
		if typed {
			inner := 0
			dst, inner = protobuf.Open(dst, 5)
			dst = appendTyped(dst, t)
			dst = protobuf.Seal(dst, inner)
		}
		dst = protobuf.Seal(dst, at)
	}
	for i := range asked {
		at := 0
		dst, at = protobuf.Open(dst, 6)
		dst = protobuf.AppendText(dst, 1, asked[i].Name)
		dst = appendParameters(dst, 2, asked[i].Parameters)
		dst = protobuf.Seal(dst, at)
	}
	if !typed {
		for i := range f.tensors {
			dst = protowire.AppendTag(dst, protowire.Number(s.raw), protowire.BytesType)
			dst = protowire.AppendBytes(dst, f.tensors[i].Data)
		}
	}
	return dst
}

func appendShape(dst []byte, number protowire.Number, shape []int64) []byte {
	if len(shape) == 0 {
		return dst
	}
	dst, at := protobuf.Open(dst, number)
	for _, n := range shape {
		dst = protowire.AppendVarint(dst, uint64(n))
	}
	return protobuf.Seal(dst, at)
}

// appendParameters appends a map<string, InferParameter>. Values of other shapes than it has become strings of JSON.
func appendParameters(dst []byte, number protowire.Number, ps tensor.Parameters) []byte {
	for i := range ps {
		entry, value := 0, 0
		dst, entry = protobuf.Open(dst, number)
		dst = protobuf.AppendText(dst, 1, ps[i].Name)
		dst, value = protobuf.Open(dst, 2)
		switch v := ps[i].Value; v.Kind {
		case tensor.BoolValue:
			dst = protobuf.AppendVarint(dst, 1, protowire.EncodeBool(v.Bool))
		case tensor.Int64Value:
			dst = protobuf.AppendVarint(dst, 2, uint64(v.Int))
		case tensor.StringValue, tensor.JSONValue:
			dst = protobuf.AppendBytes(dst, 3, v.String)
		case tensor.DoubleValue:
			dst = protowire.AppendFixed64(protowire.AppendTag(dst, 4, protowire.Fixed64Type), math.Float64bits(v.Double))
		case tensor.Uint64Value:
			dst = protobuf.AppendVarint(dst, 5, v.Uint)
		}
		dst = protobuf.Seal(dst, value)
		dst = protobuf.Seal(dst, entry)
	}
	return dst
}
