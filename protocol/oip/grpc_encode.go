package oip

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
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
	dst = appendText(dst, 1, t.Model)
	dst = appendText(dst, 2, t.Version)
	dst = appendText(dst, 3, c.ID)
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
	dst = appendText(dst, 1, a.Model)
	dst = appendText(dst, 2, version)
	dst = appendText(dst, 3, a.ID)
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
		f, rest, ok := next(b)
		if !ok {
			return nil, truncated("the body")
		}
		b = rest
		if f.is(request.asked, protowire.BytesType) && len(out) < maxTensors {
			one, err := decodeAsked(f.bytes)
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
		f, rest, ok := next(b)
		if !ok || f.is(request.raw, protowire.BytesType) {
			return false
		}
		b = rest
		if !f.is(5, protowire.BytesType) {
			continue
		}
		for t := f.bytes; len(t) > 0; {
			inner, rest, ok := next(t)
			if !ok {
				return false
			}
			t = rest
			typed = typed || inner.is(5, protowire.BytesType) && len(inner.bytes) > 0
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
		dst, at = open(dst, 5)
		dst = appendText(dst, 1, t.Name)
		dst = appendText(dst, 2, t.Datatype.String())
		dst = appendShape(dst, 3, t.Shape)
		dst = appendParameters(dst, 4, t.Parameters)
		if typed {
			inner := 0
			dst, inner = open(dst, 5)
			dst = appendTyped(dst, t)
			dst = seal(dst, inner)
		}
		dst = seal(dst, at)
	}
	for i := range asked {
		at := 0
		dst, at = open(dst, 6)
		dst = appendText(dst, 1, asked[i].Name)
		dst = appendParameters(dst, 2, asked[i].Parameters)
		dst = seal(dst, at)
	}
	if !typed {
		for i := range f.tensors {
			dst = protowire.AppendTag(dst, protowire.Number(s.raw), protowire.BytesType)
			dst = protowire.AppendBytes(dst, f.tensors[i].Data)
		}
	}
	return dst
}

func appendText(dst []byte, number protowire.Number, text string) []byte {
	if text == "" {
		return dst
	}
	return protowire.AppendString(protowire.AppendTag(dst, number, protowire.BytesType), text)
}

func appendShape(dst []byte, number protowire.Number, shape []int64) []byte {
	if len(shape) == 0 {
		return dst
	}
	dst, at := open(dst, number)
	for _, n := range shape {
		dst = protowire.AppendVarint(dst, uint64(n))
	}
	return seal(dst, at)
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

// appendParameters appends a map<string, InferParameter>. Values of other shapes than it has become strings of JSON.
func appendParameters(dst []byte, number protowire.Number, ps tensor.Parameters) []byte {
	for i := range ps {
		entry, value := 0, 0
		dst, entry = open(dst, number)
		dst = appendText(dst, 1, ps[i].Name)
		dst, value = open(dst, 2)
		switch v := ps[i].Value; v.Kind {
		case tensor.BoolValue:
			dst = protowire.AppendVarint(protowire.AppendTag(dst, 1, protowire.VarintType), protowire.EncodeBool(v.Bool))
		case tensor.Int64Value:
			dst = protowire.AppendVarint(protowire.AppendTag(dst, 2, protowire.VarintType), uint64(v.Int))
		case tensor.StringValue, tensor.JSONValue:
			dst = protowire.AppendString(protowire.AppendTag(dst, 3, protowire.BytesType), v.String)
		case tensor.DoubleValue:
			dst = protowire.AppendFixed64(protowire.AppendTag(dst, 4, protowire.Fixed64Type), math.Float64bits(v.Double))
		case tensor.Uint64Value:
			dst = protowire.AppendVarint(protowire.AppendTag(dst, 5, protowire.VarintType), v.Uint)
		}
		dst = seal(dst, value)
		dst = seal(dst, entry)
	}
	return dst
}
