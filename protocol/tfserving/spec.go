package tfserving

import (
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/protobuf"
)

// spec is a ModelSpec: which model, which version, or which label of one, and which signature.
type spec struct {
	name, label, signature string
	number                 int64
	numbered               bool // the version is number, not label
}

// merge adds what b says to s: a message in pieces is merged, and of each field the last counts.
func (s *spec) merge(b []byte) error {
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return protobuf.Truncated("model_spec")
		}
		b = rest
		var err error
		switch {
		case f.Is(1, protowire.BytesType):
			s.name, err = f.Text("the name in model_spec")
		case f.Is(2, protowire.BytesType):
			err = s.mergeNumber(f.Bytes)
		case f.Is(3, protowire.BytesType):
			s.signature, err = f.Text("signature_name in model_spec")
		case f.Is(4, protowire.BytesType):
			s.numbered = false
			s.label, err = f.Text("version_label in model_spec")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mergeNumber adds an Int64Value: a version and a label exclude each other.
func (s *spec) mergeNumber(b []byte) error {
	if !s.numbered {
		s.numbered, s.number, s.label = true, 0, ""
	}
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			return protobuf.Truncated("the version in model_spec")
		}
		b = rest
		if f.Is(1, protowire.VarintType) {
			s.number = int64(f.Num)
		}
	}
	return nil
}

// version returns the version or the label as text. A label that is a number would be taken for a version and is refused.
func (s *spec) version() (string, error) {
	switch {
	case s.numbered:
		return strconv.FormatInt(s.number, 10), nil
	case isNumber(s.label):
		f := malformed("version_label '%s' of model '%s' is a number", s.label, s.name)
		f.Remedy = "send it as version, or give the version another label"
		return "", f
	}
	return s.label, nil
}

// appendSpec appends a ModelSpec as field number of a message.
func appendSpec(dst []byte, number protowire.Number, name, version, signature string) []byte {
	dst, at := protobuf.Open(dst, number)
	return protobuf.Seal(protobuf.AppendText(appendModel(dst, name, version), 3, signature), at)
}

// appendModel appends the fields of a ModelSpec that name a model and its version.
func appendModel(dst []byte, name, version string) []byte {
	dst = protobuf.AppendText(dst, 1, name)
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return protobuf.AppendText(dst, 4, version)
	}
	dst, at := protobuf.Open(dst, 2)
	return protobuf.Seal(protobuf.AppendInt(dst, 1, n), at)
}

// PeekModel returns the name in the model_spec of a PredictRequest, or of any other request of the protocol, and the version or its
// label: the last ones, as protobuf has it, wherever they stand. It passes over tensors without reading or joining them; its cost grows
// with the number of fields.
func PeekModel(b *body.Body) (name, version string, err error) {
	var s spec
	if err := peek(b, &s, nil); err != nil {
		return "", "", err
	}
	version, err = s.version()
	return s.name, version, err
}

// peek reads a request's model_spec to s and shows every field to visit where there is one.
func peek(b *body.Body, s *spec, visit func(f *protobuf.Span, spec []byte) error) error {
	w := protobuf.Over(b)
	read := 0
	for {
		f, ok, err := w.Next()
		if err != nil || !ok {
			return err
		}
		var text []byte
		if isSpec(f) {
			if read += f.To - f.From; read > maxSpec {
				return malformed("model_spec: expected at most %d bytes, got more", maxSpec)
			}
			text = w.AppendValue(nil, &f)
			if err := s.merge(text); err != nil {
				return err
			}
		}
		if visit != nil {
			if err := visit(&f, text); err != nil {
				return err
			}
		}
	}
}

// isSpec tells whether a field of a request is its model_spec, or a piece of it.
func isSpec(f protobuf.Span) bool { return f.Bytes && f.Number == request.spec }

// RenameModel returns b, a request of the protocol, with another name and version or label (none where empty) in its model_spec, and
// everything else, signature and unknown fields too, as it is: the same memory, shared. Only the new model_spec takes memory, charged to
// budget. The caller owns the result's reference and keeps its own of b.
func RenameModel(b *body.Body, name, version string, budget *body.Budget) (*body.Body, error) {
	spliced, at := protobuf.Open(nil, protowire.Number(request.spec))
	spliced = appendModel(spliced, name, version)
	var s spec
	err := peek(b, &s, func(_ *protobuf.Span, text []byte) error {
		spliced = appendRest(spliced, text)
		return nil
	})
	if err != nil {
		return nil, err
	}
	head, err := body.Copy(budget, protobuf.Seal(spliced, at))
	if err != nil {
		return nil, err
	}
	defer head.Release()
	return protobuf.Replace(b, head, "model_spec", isSpec)
}

// appendRest appends the fields of a ModelSpec, which has been read, that do not name a model and its version.
func appendRest(dst, b []byte) []byte {
	for len(b) > 0 {
		f, rest, ok := protobuf.Next(b)
		if !ok {
			break
		}
		if f.Number != 1 && f.Number != 2 && f.Number != 4 {
			dst = append(dst, b[:len(b)-len(rest)]...)
		}
		b = rest
	}
	return dst
}
