package openai

import (
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
)

const (
	// maxModel bounds the bytes of a model's name, which may be an expression.
	maxModel = 4096
	// maxTwice bounds how often a body may name its model.
	maxTwice = 16
)

// PeekModel returns the model that a request names, the last one where it names several, as JSON parsers have it, wherever it
// stands, and whether it asks for a stream. A request that names none, or null, has the empty model. Streaming is what the
// literal true says and nothing else.
//
// Segments are not joined and values are passed over unread, so the cost is one look at each byte. The error is a *message.Failure: the
// body is no JSON object, or its model is no string.
func PeekModel(b *body.Body) (model string, stream bool, err error) {
	m := membersOf(b)
	var v, name, streaming member
	for m.next(&v) {
		switch v.key {
		case "model":
			name = v
		case "stream":
			streaming = v
		}
	}
	if err := m.failure(); err != nil {
		return "", false, err
	}
	stream = streaming.kind == 't' && streaming.to-streaming.from == len("true")
	model, err = nameAt(b, &name)
	return model, stream, err
}

func nameAt(b *body.Body, v *member) (string, error) {
	if v.to == 0 || v.kind == 'n' && v.to-v.from == len("null") {
		return "", nil
	}
	if size := v.to - v.from; size > maxModel {
		return "", message.Invalid(jsontensor.CodeMalformed, "model: expected a name of at most %d bytes, found %d", maxModel, size)
	}
	piece := b.Slice(v.from, v.to)
	defer piece.Release()
	s := jsontext.NewScanner(piece.Bytes())
	if kind := s.Kind(); kind != jsontext.String {
		f := message.Invalid(jsontensor.CodeMalformed, "model: expected a string, found %s", kind)
		f.Remedy = `write {"model": "name"}`
		return "", f
	}
	name := s.Text()
	if err := s.End(); err != nil {
		return "", message.Invalid(jsontensor.CodeMalformed, "model: %v", err)
	}
	return name, nil
}

// RenameModel returns b with another model, in every place where it names one, or as the first member where it names none;
// everything else is as it is: the same memory, shared. Only the new name takes memory, charged to budget. The caller owns the
// result's reference and keeps its own of b.
func RenameModel(b *body.Body, model string, budget *body.Budget) (*body.Body, error) {
	var places [maxTwice]member
	found := 0
	m := membersOf(b)
	start := m.base + m.off // behind the brace
	var v member
	for m.next(&v) {
		if v.key != "model" {
			continue
		}
		if found == maxTwice {
			return nil, message.Invalid(jsontensor.CodeMalformed, "model stands in the request more than %d times", maxTwice)
		}
		places[found] = v
		found++
	}
	if err := m.failure(); err != nil {
		return nil, err
	}
	text := make([]byte, 0, len(model)+16)
	if found == 0 {
		text = append(text, `"model":`...)
	}
	text = jsontext.AppendString(text, model)
	if found == 0 {
		places[0], found = member{from: start, to: start}, 1
		if v.to > 0 {
			text = append(text, ',')
		}
	}
	name, err := body.Copy(budget, text)
	if err != nil {
		return nil, err
	}
	defer name.Release()
	var pieces [2*maxTwice + 1]*body.Body
	n, from := 0, 0
	for _, p := range places[:found] {
		pieces[n], pieces[n+1] = b.Slice(from, p.from), name.Retain()
		n, from = n+2, p.to
	}
	pieces[n] = b.Slice(from, b.Len())
	renamed := body.Join(pieces[:n+1]...)
	for _, p := range pieces[:n+1] {
		p.Release()
	}
	return renamed, nil
}
