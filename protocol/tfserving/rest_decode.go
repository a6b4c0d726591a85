package tfserving

import (
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// form is in which of its two forms a body has its tensors.
type form uint8

const (
	neither form = iota
	inRows
	inColumns
)

// members are the keys that have tensors, of requests and of replies.
var members = map[string]form{"instances": inRows, "inputs": inColumns, "predictions": inRows, "outputs": inColumns}

// formOf tells in which form a body is, by the first key that says so; it reads no further.
func formOf(text []byte) form {
	s := scanner(text)
	if s.Kind() != jsontext.Object {
		return neither
	}
	for s.Object(); s.NextKey(); s.Skip() {
		if f := members[string(s.Key())]; f != neither {
			return f
		}
	}
	return neither
}

func scanner(text []byte) jsontext.Scanner {
	s := jsontext.NewScanner(text)
	s.NonFinite = true
	return s
}

// DecodeRequest reads a client's instances or inputs. The signature's name is a parameter of the content.
func (REST) DecodeRequest(w *message.Wire) (*message.Content, error) {
	s := scanner(w.Body.Bytes())
	c := &message.Content{}
	found := ""
	if s.Kind() != jsontext.Object {
		s.Fail("expected an object with instances or inputs, found %s", s.Kind())
	}
	for s.Object(); s.NextKey(); {
		switch key := string(s.Key()); key {
		case signatureName:
			if s.Kind() != jsontext.String {
				s.Fail("'signature_name' key must be a string value")
			}
			c.Parameters.Set(signatureName, tensor.StringOf(s.Text()))
		case "instances", "inputs":
			if found != "" {
				return nil, malformed("not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
			}
			found = key
			var err error
			if c.Tensors, err = readTensors(&s, key); err != nil {
				return nil, err
			}
		case "examples":
			f := malformed("classify and regress requests have no form as tensors")
			f.Remedy = "send the features by :predict, in instances or inputs"
			return nil, f
		default:
			s.Skip()
		}
	}
	if err := s.End(); err != nil {
		return nil, jsontensor.Malformed(err)
	}
	if found == "" {
		f := malformed("missing 'inputs' or 'instances' key")
		f.Remedy = `write {"instances": [ … ]} or {"inputs": … }`
		return nil, f
	}
	return c, nil
}

func readTensors(s *jsontext.Scanner, key string) ([]tensor.Tensor, error) {
	if members[key] == inRows {
		return readRows(s, key)
	}
	return readColumns(s, key)
}

// DecodeReply reads a server's predictions, outputs or results. What has no form as tensors stays JSON.
func (REST) DecodeReply(w *message.Wire) (*message.Content, error) {
	s := scanner(w.Body.Bytes())
	var at jsontext.Scanner // where the value stands
	found := ""
	var raw []byte
	if s.Kind() == jsontext.Object {
		for s.Object(); s.NextKey(); {
			here, key := s, string(s.Key())
			value := s.Skip()
			if members[key] != neither || key == "results" {
				at, found, raw = here, key, value
			}
		}
	} else {
		raw = s.Skip()
	}
	if err := s.End(); err != nil {
		return nil, jsontensor.Malformed(err)
	}
	switch found {
	case "":
		return asJSON(w.Body.Bytes(), nil)
	case "results":
		if ts := readResults(&at); ts != nil {
			return &message.Content{Tensors: ts}, nil
		}
		return asJSON(raw, nil)
	}
	ts, err := readTensors(&at, found)
	if err != nil {
		return asJSON(raw, err)
	}
	return &message.Content{Tensors: ts}, nil
}

// asJSON returns a value that has no form as tensors, because of why. With NaN or Infinity in it, it is no JSON to others.
func asJSON(raw []byte, why error) (*message.Content, error) {
	s := jsontext.NewScanner(raw)
	text := s.Skip()
	if err := s.End(); err != nil {
		if why != nil {
			return nil, why
		}
		return nil, jsontensor.Malformed(err)
	}
	return jsontensor.DecodeValue(text), nil
}

// readResults reads what classify and regress answer; nil where it has no form as tensors.
func readResults(s *jsontext.Scanner) []tensor.Tensor {
	probe := *s
	if probe.Kind() != jsontext.Array || !probe.Array() || !probe.NextElement() {
		return nil
	}
	if probe.Kind() == jsontext.Number {
		t := readTensor(s)
		t.Name = "outputs"
		if s.Err() != nil || len(t.Shape) != 1 {
			return nil
		}
		return []tensor.Tensor{t}
	}
	classes := tensor.Tensor{Name: "classes", Datatype: tensor.Bytes}
	scores := append(make([]byte, 0, 64), '[')
	rows, width := int64(0), int64(-1)
	for s.Array(); s.NextElement(); rows++ {
		n := int64(0)
		for s.Array(); s.NextElement(); n++ {
			if len(scores) > 1 {
				scores = append(scores, ',')
			}
			s.Array()
			s.NextElement()
			label := s.Bytes()
			s.NextElement()
			scores = append(scores, s.Number()...)
			if s.NextElement() || s.Err() != nil {
				return nil
			}
			classes.Data = tensor.AppendBytes(classes.Data, label)
		}
		if s.Err() != nil || width >= 0 && n != width {
			return nil
		}
		width = n
	}
	inner := scanner(append(scores, ']'))
	t := readTensor(&inner)
	if inner.End() != nil || s.Err() != nil {
		return nil
	}
	classes.Shape = []int64{rows, width}
	t.Name, t.Shape = "scores", classes.Shape
	return []tensor.Tensor{classes, t}
}
