package oip

import (
	"strconv"

	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/tensor"
)

// Metadata is what a server says about a model: GET /v2/models/{model}, ModelMetadata.
type Metadata struct {
	Name            string
	Versions        []string
	Platform        string
	Inputs, Outputs []TensorMetadata
}

// TensorMetadata describes a tensor of a model. Of Shape, -1 is an axis of any size. Datatype is Untyped where the server named
// one that the protocol does not have. Parameters are MLServer's, in REST only.
type TensorMetadata struct {
	Name       string
	Datatype   tensor.Datatype
	Shape      []int64
	Parameters tensor.Parameters
}

// ServerMetadata is what a server says about itself: GET /v2, ServerMetadata.
type ServerMetadata struct {
	Name, Version string
	Extensions    []string
}

// IndexEntry is a model in a repository index.
type IndexEntry struct {
	Name, Version, State, Reason string
}

// ParseMetadata reads the JSON of a model's metadata.
func ParseMetadata(text []byte) (*Metadata, error) {
	m := &Metadata{}
	s := jsontext.NewScanner(text)
	for s.Object(); s.NextKey(); {
		switch string(s.Key()) {
		case "name":
			m.Name = optionalText(&s)
		case "versions":
			m.Versions = readTexts(&s)
		case "platform":
			m.Platform = optionalText(&s)
		case "inputs":
			m.Inputs = readTensorMetadata(&s)
		case "outputs":
			m.Outputs = readTensorMetadata(&s)
		default:
			s.Skip()
		}
	}
	if err := s.End(); err != nil {
		return nil, malformed("model metadata: %v", err)
	}
	return m, nil
}

func readTexts(s *jsontext.Scanner) []string {
	var out []string
	if s.TryNull() {
		return nil
	}
	for s.Array(); s.NextElement(); {
		out = append(out, optionalText(s))
	}
	return out
}

func readTensorMetadata(s *jsontext.Scanner) []TensorMetadata {
	var out []TensorMetadata
	if s.TryNull() {
		return nil
	}
	for s.Array(); s.NextElement(); {
		if len(out) == maxTensors {
			s.Fail("expected at most %d tensors, got more", maxTensors)
			break
		}
		var t TensorMetadata
		for s.Object(); s.NextKey(); {
			switch string(s.Key()) {
			case "name":
				t.Name = s.Text()
			case "datatype":
				t.Datatype, _ = tensor.ParseDatatype(s.Bytes())
			case "shape":
				for s.Array(); s.NextElement(); {
					v := tensor.ReadValue(s)
					if v.Kind != tensor.Int64Value {
						s.Fail("expected an integer in the shape of tensor '%s'", t.Name)
					}
					t.Shape = append(t.Shape, v.Int)
				}
			case "parameters":
				t.Parameters = readParameters(s)
			default:
				s.Skip()
			}
		}
		out = append(out, t)
	}
	return out
}

// AppendJSON appends the metadata as REST has it.
func (m *Metadata) AppendJSON(dst []byte) ([]byte, error) {
	dst = jsontext.AppendString(append(dst, `{"name":`...), m.Name)
	dst = appendTexts(append(dst, `,"versions":`...), m.Versions)
	dst = jsontext.AppendString(append(dst, `,"platform":`...), m.Platform)
	var err error
	if dst, err = appendTensorMetadata(append(dst, `,"inputs":`...), m.Inputs); err != nil {
		return dst, err
	}
	dst, err = appendTensorMetadata(append(dst, `,"outputs":`...), m.Outputs)
	return append(dst, '}'), err
}

func appendTexts(dst []byte, texts []string) []byte {
	dst = append(dst, '[')
	for i, text := range texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsontext.AppendString(dst, text)
	}
	return append(dst, ']')
}

func appendTensorMetadata(dst []byte, ts []TensorMetadata) ([]byte, error) {
	dst = append(dst, '[')
	for i := range ts {
		t := &ts[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsontext.AppendString(append(dst, `{"name":`...), t.Name)
		dst = jsontext.AppendString(append(dst, `,"datatype":`...), t.datatype())
		dst = append(dst, `,"shape":[`...)
		for axis, n := range t.Shape {
			if axis > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendInt(dst, n, 10)
		}
		dst = append(dst, ']')
		var err error
		if dst, err = appendJSONParameters(dst, t.Parameters); err != nil {
			return dst, noForm("metadata of tensor '%s': %v", t.Name, err)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']'), nil
}

// datatype returns the name to publish: numbers without a declared type are FP64.
func (t *TensorMetadata) datatype() string {
	if t.Datatype == tensor.Untyped {
		return tensor.FP64.String()
	}
	return t.Datatype.String()
}

// ParseServerMetadata reads the JSON of GET /v2.
func ParseServerMetadata(text []byte) (*ServerMetadata, error) {
	m := &ServerMetadata{}
	s := jsontext.NewScanner(text)
	for s.Object(); s.NextKey(); {
		switch string(s.Key()) {
		case "name":
			m.Name = optionalText(&s)
		case "version":
			m.Version = optionalText(&s)
		case "extensions":
			m.Extensions = readTexts(&s)
		default:
			s.Skip()
		}
	}
	if err := s.End(); err != nil {
		return nil, malformed("server metadata: %v", err)
	}
	return m, nil
}

// AppendJSON appends the metadata as GET /v2 has it.
func (m *ServerMetadata) AppendJSON(dst []byte) []byte {
	dst = jsontext.AppendString(append(dst, `{"name":`...), m.Name)
	dst = jsontext.AppendString(append(dst, `,"version":`...), m.Version)
	return append(appendTexts(append(dst, `,"extensions":`...), m.Extensions), '}')
}

// AppendReady appends the body of GET /v2/models/{model}/ready.
func AppendReady(dst []byte, model string, ready bool) []byte {
	dst = jsontext.AppendString(append(dst, `{"name":`...), model)
	return append(strconv.AppendBool(append(dst, `,"ready":`...), ready), '}')
}

// ParseIndex reads the JSON of POST /v2/repository/index.
func ParseIndex(text []byte) ([]IndexEntry, error) {
	var out []IndexEntry
	s := jsontext.NewScanner(text)
	for s.Array(); s.NextElement(); {
		var e IndexEntry
		for s.Object(); s.NextKey(); {
			switch string(s.Key()) {
			case "name":
				e.Name = optionalText(&s)
			case "version":
				e.Version = optionalText(&s)
			case "state":
				e.State = optionalText(&s)
			case "reason":
				e.Reason = optionalText(&s)
			default:
				s.Skip()
			}
		}
		out = append(out, e)
	}
	if err := s.End(); err != nil {
		return nil, malformed("repository index: %v", err)
	}
	return out, nil
}

// AppendIndex appends the body of a repository index.
func AppendIndex(dst []byte, entries []IndexEntry) []byte {
	dst = append(dst, '[')
	for i, e := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsontext.AppendString(append(dst, `{"name":`...), e.Name)
		if e.Version != "" {
			dst = jsontext.AppendString(append(dst, `,"version":`...), e.Version)
		}
		dst = jsontext.AppendString(append(dst, `,"state":`...), e.State)
		dst = append(jsontext.AppendString(append(dst, `,"reason":`...), e.Reason), '}')
	}
	return append(dst, ']')
}
