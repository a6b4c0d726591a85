package oip

import (
	"strconv"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

const (
	typeJSON   = "application/json"
	typeBinary = "application/octet-stream"
)

// EncodeRequest renders an inference request: with all tensors binary, and asking for binary outputs, where the server takes
// that; else with flat JSON data.
func (REST) EncodeRequest(in []*message.Message, t *message.Target) (*message.Wire, error) {
	f, c, err := flattenAll(in, request)
	if err != nil {
		return nil, err
	}
	f.parameters = f.parameters.Under(t.Parameters)
	if t.Binary {
		f.parameters = f.parameters.With("binary_data_output", tensor.BoolOf(true))
	}
	dst := append(make([]byte, 0, f.jsonSize(t.Binary)), '{')
	if c.ID != "" {
		dst = append(jsontext.AppendString(append(dst, `"id":`...), c.ID), ',')
	}
	dst, err = f.appendREST(dst, request, func(string) bool { return t.Binary })
	if err != nil {
		return nil, err
	}
	if len(c.Asked) > 0 {
		dst = append(dst, `,"outputs":[`...)
		for i := range c.Asked {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = jsontext.AppendString(append(dst, `{"name":`...), c.Asked[i].Name)
			if dst, err = appendJSONParameters(dst, c.Asked[i].Parameters); err != nil {
				return nil, noForm("output '%s': %v", c.Asked[i].Name, err)
			}
			dst = append(dst, '}')
		}
		dst = append(dst, ']')
	}
	return f.restWire(append(dst, '}'), func(string) bool { return t.Binary }), nil
}

// EncodeReply renders an inference response: flat JSON data, and binary for the outputs that the client asked for so.
func (REST) EncodeReply(m *message.Message, a *message.Asking) (*message.Wire, error) {
	c, err := m.Content()
	if err != nil {
		return nil, err
	}
	f, err := flatten(c, reply)
	if err != nil {
		return nil, err
	}
	var want wanted
	if a.Wire != nil && a.Wire.Dialect == message.OpenInferenceREST {
		if want, err = wantedOf(a.Wire); err != nil {
			return nil, err
		}
	}
	asked, err := askedOf(a)
	if err == nil {
		err = f.choose(asked, a.Model)
	}
	if err != nil {
		return nil, err
	}
	version := a.Version
	if version == "" {
		version = c.Version
	}
	dst := make([]byte, 0, f.jsonSize(want.all)+len(a.Model)+len(a.ID))
	dst = jsontext.AppendString(append(dst, `{"model_name":`...), a.Model)
	if version != "" {
		dst = jsontext.AppendString(append(dst, `,"model_version":`...), version)
	}
	if a.ID != "" {
		dst = jsontext.AppendString(append(dst, `,"id":`...), a.ID)
	}
	if dst, err = f.appendREST(append(dst, ','), reply, want.of); err != nil {
		return nil, err
	}
	w := f.restWire(append(dst, '}'), want.of)
	w.Status = 200
	return w, nil
}

// jsonSize estimates the bytes of f.
func (f *flat) jsonSize(binary bool) int {
	n := f.size(nil)
	if binary {
		return n + 64*len(f.tensors)
	}
	for i := range f.tensors {
		if t := &f.tensors[i]; t.Datatype.Size() > 0 { // an FP32 takes some nine digits
			n += 2 * len(t.Data)
		}
	}
	return n
}

// appendREST appends parameters and tensors as members of an object. The data of binary tensors goes behind it, by restWire.
func (f *flat) appendREST(dst []byte, s *side, binary func(name string) bool) ([]byte, error) {
	if len(f.parameters) > 0 {
		var err error
		if dst, err = f.parameters.AppendJSON(append(dst, `"parameters":`...)); err != nil {
			return dst, noForm("%v", err)
		}
		dst = append(dst, ',')
	}
	dst = append(append(append(dst, '"'), s.list...), `":[`...)
	for i := range f.tensors {
		t := &f.tensors[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsontext.AppendString(append(dst, `{"name":`...), t.Name)
		dst = append(append(dst, `,"datatype":"`...), t.Datatype.String()...)
		dst = append(dst, `","shape":[`...)
		for axis, n := range t.Shape {
			if axis > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendInt(dst, n, 10)
		}
		dst = append(dst, ']')
		parameters := t.Parameters
		isBinary := binary(t.Name)
		if isBinary {
			parameters = parameters.With("binary_data_size", tensor.Int64Of(int64(len(t.Data))))
		}
		var err error
		if dst, err = appendJSONParameters(dst, parameters); err == nil && !isBinary {
			dst, err = tensor.AppendJSON(append(dst, `,"data":`...), t, tensor.Flat)
		}
		if err != nil {
			return dst, noForm("%s '%s': %v", s.what, t.Name, err)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']'), nil
}

func appendJSONParameters(dst []byte, ps tensor.Parameters) ([]byte, error) {
	if len(ps) == 0 {
		return dst, nil
	}
	return ps.AppendJSON(append(dst, `,"parameters":`...))
}

// restWire puts the binary data behind the JSON and says what came of it.
func (f *flat) restWire(text []byte, binary func(name string) bool) *message.Wire {
	w := &message.Wire{Dialect: message.OpenInferenceREST, ContentType: typeJSON, JSONLength: -1}
	n := len(text)
	for i := range f.tensors {
		if t := &f.tensors[i]; binary(t.Name) {
			w.ContentType, w.JSONLength = typeBinary, n
			text = append(text, t.Data...)
		}
	}
	w.Body = body.Of(text)
	return w
}
