package oip

import (
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/protobuf"
)

// PeekModel returns model_name and model_version of a ModelInferRequest, a ModelReadyRequest or a ModelMetadataRequest: the last ones, as
// protobuf has it, wherever they stand. It passes over tensors without reading or joining them; its cost grows with the number of fields.
func PeekModel(b *body.Body) (name, version string, err error) {
	w := protobuf.Over(b)
	var at [3]protobuf.Span
	for {
		s, ok, err := w.Next()
		if err != nil {
			return "", "", err
		}
		if !ok {
			return string(w.AppendValue(nil, &at[1])), string(w.AppendValue(nil, &at[2])), nil
		}
		if namesModel(s) {
			at[s.Number] = s
		}
	}
}

// namesModel tells whether a field is model_name or model_version.
func namesModel(s protobuf.Span) bool { return s.Bytes && s.Number <= 2 }

// RenameModel returns b with another model_name and model_version (none where empty), and everything else, unknown fields too, as it is:
// the same memory, shared. Only the new names take memory, charged to budget. The caller owns the result's reference and keeps its own of b.
func RenameModel(b *body.Body, name, version string, budget *body.Budget) (*body.Body, error) {
	head, err := body.Copy(budget, protobuf.AppendText(protobuf.AppendText(nil, 1, name), 2, version))
	if err != nil {
		return nil, err
	}
	defer head.Release()
	return protobuf.Replace(b, head, "model_name", namesModel)
}

// AppendInputNames appends the names of a request's inputs, of either form, without decoding their data.
func AppendInputNames(dst []string, w *message.Wire) ([]string, error) {
	if w.Dialect == message.OpenInferenceGRPC {
		return appendNamesGRPC(dst, w.Body)
	}
	text, _, err := split(w)
	if err != nil {
		return dst, err
	}
	s := jsontext.NewScanner(text)
	s.NonFinite = true
	for s.Object(); s.NextKey(); {
		if string(s.Key()) != "inputs" || s.Kind() != jsontext.Array {
			s.Skip()
			continue
		}
		for s.Array(); s.NextElement(); {
			for s.Object(); s.NextKey(); {
				if string(s.Key()) == "name" {
					dst = append(dst, s.Text())
				} else {
					s.Skip()
				}
			}
		}
	}
	if err := s.End(); err != nil {
		return dst, malformed("%v", err)
	}
	return dst, nil
}

func appendNamesGRPC(dst []string, b *body.Body) ([]string, error) {
	w := protobuf.Over(b)
	for {
		s, ok, err := w.Next()
		if err != nil || !ok {
			return dst, err
		}
		if s.Number != 5 || !s.Bytes {
			continue
		}
		inner := b.Slice(s.Data, s.To)
		name, _, err := PeekModel(inner) // an input's name is its first field, as a request's model is
		inner.Release()
		if err != nil {
			return dst, err
		}
		dst = append(dst, name)
	}
}
