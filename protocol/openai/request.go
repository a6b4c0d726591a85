package openai

import (
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// request is what of a request's JSON its reply depends on.
type request struct {
	operation  Operation // by its members; NoOperation where it has none of them
	model      string
	stream     bool
	base64     bool          // embeddings are asked for as base64 of FP32
	text       tensor.Tensor // what it asks about; no datatype and no data where that is not text or numbers
	hasText    bool
	parameters tensor.Parameters
}

// readRequest reads all of a request. The error is of the scanner.
func readRequest(text []byte) (request, error) {
	var r request
	s := jsontext.NewScanner(text)
	for s.Object(); s.NextKey(); {
		switch key := s.Key(); string(key) {
		case "model":
			r.model = stringOr(&s)
		case "stream":
			r.stream = string(s.Skip()) == "true"
		case "encoding_format":
			r.base64 = stringOr(&s) == "base64"
		case "messages":
			r.operation = Chat
			r.text, r.hasText = lastMessage(s.Skip())
		case "prompt":
			r.operation = Completions
			r.hasText = jsontensor.Parse(s.Skip(), &r.text) == nil
		case "input":
			r.operation = Embeddings
			r.hasText = jsontensor.Parse(s.Skip(), &r.text) == nil
		default:
			if kind := s.Kind(); kind == jsontext.Object || kind == jsontext.Array || kind == jsontext.Null || len(r.parameters) == jsontensor.MaxNames {
				s.Skip()
				continue
			}
			name := string(key)
			r.parameters = append(r.parameters, tensor.Parameter{Name: name, Value: tensor.ReadValue(&s)})
		}
	}
	r.parameters = r.parameters.Unique()
	return r, s.End()
}

// stringOr reads a string, or passes over anything else as if it were empty.
func stringOr(s *jsontext.Scanner) string {
	if s.Kind() == jsontext.String {
		return s.Text()
	}
	s.Skip()
	return ""
}

// lastMessage returns the text of the last message that is the user's, or of the last one where none is.
func lastMessage(messages []byte) (text tensor.Tensor, ok bool) {
	s := jsontext.NewScanner(messages)
	if s.Kind() != jsontext.Array {
		return text, false
	}
	users := false
	var last []byte
	for s.Array(); s.NextElement(); {
		one := s.Skip()
		role, _ := jsontensor.Member(one, "role")
		if user := string(role) == `"user"`; user || !users {
			users = users || user
			last, _ = jsontensor.Member(one, "content")
		}
	}
	said, ok := appendSaid(nil, last)
	if !ok || s.Err() != nil {
		return text, false
	}
	return tensor.Tensor{Datatype: tensor.Bytes, Data: tensor.AppendBytes(nil, said)}, true
}

// appendSaid appends the text of a message's content: a string, or parts that are all text.
func appendSaid(dst, content []byte) (said []byte, ok bool) {
	s := jsontext.NewScanner(content)
	switch s.Kind() {
	case jsontext.String:
		return s.AppendString(dst), true
	case jsontext.Array:
		for s.Array(); s.NextElement(); {
			raw, ok := jsontensor.Member(s.Skip(), "text")
			part := jsontext.NewScanner(raw)
			if !ok || part.Kind() != jsontext.String {
				return dst, false
			}
			dst = part.AppendString(dst)
		}
		return dst, s.Err() == nil
	}
	return dst, false
}

// DecodeRequest reads a client's request: its JSON, a view of the body, and, where it asks about text or numbers, those as a
// tensor without a name, which stands for the one field that is due. Members that are scalars are parameters.
func (Codec) DecodeRequest(w *message.Wire) (*message.Content, error) {
	text := w.Body.Bytes()
	r, err := readRequest(text)
	if err != nil {
		return nil, jsontensor.Malformed(err)
	}
	c := &message.Content{Model: r.model, JSON: text, Parameters: r.parameters}
	if r.hasText {
		c.Tensors = []tensor.Tensor{r.text}
		c.Scalar = r.text.Shape == nil
	}
	return c, nil
}
