package tfserving

import (
	"strconv"

	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/tensor"
	"github.com/millrace/millrace/protocol/tensorproto"
)

// The signature and the method that a model has who says nothing else.
const (
	DefaultSignature = "serving_default"
	PredictMethod    = "tensorflow/serving/predict"
)

// ModelMetadata is what a server says about a model: GET /v1/models/{model}/metadata, GetModelMetadata.
type ModelMetadata struct {
	Name, Version string
	Signatures    []Signature
}

// Signature is one way in which a model can be asked.
type Signature struct {
	Name            string // as requests name it
	Method          string
	Inputs, Outputs []TensorInfo
}

// TensorInfo describes a tensor of a signature. Of Shape, -1 is an axis of any size. Datatype is Untyped where the server named one that
// has no counterpart.
type TensorInfo struct {
	Name        string // as requests and replies name it
	Tensor      string // in the model's own graph, as x:0; may be empty
	Datatype    tensor.Datatype
	Shape       []int64
	UnknownRank bool // then Shape is empty
}

// Signature returns the signature of that name, or nil. An empty name is the default.
func (m *ModelMetadata) Signature(name string) *Signature {
	if name == "" {
		name = DefaultSignature
	}
	for i := range m.Signatures {
		if m.Signatures[i].Name == name {
			return &m.Signatures[i]
		}
	}
	return nil
}

// ParseMetadata reads the JSON of a model's metadata.
func ParseMetadata(text []byte) (*ModelMetadata, error) {
	m := &ModelMetadata{}
	s := jsontext.NewScanner(text)
	for s.Object(); s.NextKey(); {
		switch string(s.Key()) {
		case "model_spec":
			m.readSpec(&s)
		case "metadata":
			for s.Object(); s.NextKey(); {
				if string(s.Key()) == "signature_def" {
					m.readSignatureMap(&s)
				} else {
					s.Skip()
				}
			}
		default:
			s.Skip()
		}
	}
	if err := s.End(); err != nil {
		return nil, malformed("model metadata: %v", err)
	}
	return m, nil
}

func (m *ModelMetadata) readSpec(s *jsontext.Scanner) {
	for s.Object(); s.NextKey(); {
		switch key := s.Key(); {
		case s.Kind() != jsontext.String:
			s.Skip()
		case string(key) == "name":
			m.Name = s.Text()
		case string(key) == "version", string(key) == "version_label":
			m.Version = s.Text()
		default:
			s.Skip()
		}
	}
}

// readSignatureMap reads a SignatureDefMap: its one field has the name of the member that it stands in.
func (m *ModelMetadata) readSignatureMap(s *jsontext.Scanner) {
	for s.Object(); s.NextKey(); {
		if string(s.Key()) != "signature_def" {
			s.Skip()
			continue
		}
		for s.Object(); s.NextKey(); {
			if len(m.Signatures) == maxTensors {
				s.Fail("expected at most %d signatures, got more", maxTensors)
				return
			}
			signature := Signature{Name: string(s.Key())}
			for s.Object(); s.NextKey(); {
				switch key := s.Key(); {
				case string(key) == "inputs":
					signature.Inputs = readTensorInfos(s)
				case string(key) == "outputs":
					signature.Outputs = readTensorInfos(s)
				case string(key) == "method_name" && s.Kind() == jsontext.String:
					signature.Method = s.Text()
				default:
					s.Skip()
				}
			}
			m.Signatures = append(m.Signatures, signature)
		}
	}
}

func readTensorInfos(s *jsontext.Scanner) []TensorInfo {
	var out []TensorInfo
	for s.Object(); s.NextKey(); {
		if len(out) == maxTensors {
			s.Fail("expected at most %d tensors, got more", maxTensors)
			break
		}
		t := TensorInfo{Name: string(s.Key())}
		for s.Object(); s.NextKey(); {
			switch key := s.Key(); {
			case string(key) == "dtype" && s.Kind() == jsontext.String:
				t.Datatype = datatypeOf(tensorproto.Named(s.Bytes()))
			case string(key) == "name" && s.Kind() == jsontext.String:
				t.Tensor = s.Text()
			case string(key) == "tensor_shape":
				t.readShape(s)
			default:
				s.Skip()
			}
		}
		out = append(out, t)
	}
	return out
}

func (t *TensorInfo) readShape(s *jsontext.Scanner) {
	for s.Object(); s.NextKey(); {
		switch string(s.Key()) {
		case "unknown_rank":
			t.UnknownRank = s.Bool()
		case "dim":
			for s.Array(); s.NextElement(); {
				size := int64(0)
				for s.Object(); s.NextKey(); {
					if string(s.Key()) == "size" {
						size = readInt64(s)
					} else {
						s.Skip()
					}
				}
				t.Shape = append(t.Shape, size)
			}
		default:
			s.Skip()
		}
	}
}

// AppendJSON appends the metadata as REST has it.
func (m *ModelMetadata) AppendJSON(dst []byte) []byte {
	dst = jsontext.AppendString(append(dst, `{"model_spec":{"name":`...), m.Name)
	dst = append(dst, `,"signature_name":"",`...)
	dst = append(dst, versionKey(m.Version)...)
	dst = jsontext.AppendString(dst, m.Version)
	dst = append(dst, `},"metadata":{"signature_def":{"signature_def":{`...)
	for i := range m.Signatures {
		s := &m.Signatures[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(jsontext.AppendString(dst, s.Name), ':')
		dst = appendTensorInfos(append(dst, `{"inputs":{`...), s.Inputs)
		dst = appendTensorInfos(append(dst, `},"outputs":{`...), s.Outputs)
		dst = append(jsontext.AppendString(append(dst, `},"method_name":`...), s.Method), '}')
	}
	return append(dst, `}}}}`...)
}

func versionKey(version string) string {
	if version == "" || isNumber(version) {
		return `"version":`
	}
	return `"version_label":`
}

func appendTensorInfos(dst []byte, ts []TensorInfo) []byte {
	for i := range ts {
		t := &ts[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(jsontext.AppendString(dst, t.Name), `:{"dtype":"`...)
		dst = append(append(dst, tensorproto.Of(published(t.Datatype)).Name...), `","tensor_shape":{"dim":[`...)
		for axis, n := range t.Shape {
			if axis > 0 {
				dst = append(dst, ',')
			}
			dst = append(strconv.AppendInt(append(dst, `{"size":"`...), n, 10), `","name":""}`...)
		}
		dst = strconv.AppendBool(append(dst, `],"unknown_rank":`...), t.UnknownRank)
		dst = append(jsontext.AppendString(append(dst, `},"name":`...), t.Tensor), '}')
	}
	return dst
}
