package tfserving

import (
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

const typeJSON = "application/json"

// EncodeRequest renders a prediction's request: in rows where the contract declares rows everywhere, else in columns, which have a
// place for every tensor. A request that has the form already passes as its bytes where no contract has to map it.
func (k REST) EncodeRequest(in []*message.Message, t *message.Target) (*message.Wire, error) {
	m, err := only(in)
	if err != nil {
		return nil, err
	}
	if w := m.Wire(); w != nil && w.Dialect == message.TFServingREST && !w.Reply && k.contract == nil {
		return &message.Wire{Dialect: message.TFServingREST, Body: w.Body.Retain(), ContentType: w.ContentType, JSONLength: -1}, nil
	}
	c, err := m.Content()
	if err != nil {
		return nil, err
	}
	fixed := t.Parameters
	if k.contract != nil {
		fixed = fixed.Under(k.contract.Parameters)
	}
	f, dst, err := start(c, request)
	if err != nil {
		return nil, err
	}
	if signature := signatureOf(c.Parameters, fixed); signature != "" {
		dst = append(jsontext.AppendString(append(dst, `"signature_name":`...), signature), ',')
	}
	switch {
	case f == nil:
		dst = append(append(dst, key(c.JSON, "instances", "inputs")...), c.JSON...)
	case k.rows:
		dst, err = f.appendRows(append(dst, `"instances":`...), k.bare)
	default:
		dst, err = f.appendColumns(append(dst, `"inputs":`...), k.bare)
	}
	if err == nil {
		dst, err = jsontensor.AppendMembers(append(dst, '}'), fixed.Without(signatureName), c.Parameters)
	}
	if err != nil {
		return nil, err
	}
	return &message.Wire{Dialect: message.TFServingREST, Body: body.Of(dst), ContentType: typeJSON, JSONLength: -1}, nil
}

// EncodeReply renders predictions or outputs, as the client asked with instances or inputs. A server's reply of that form passes as
// its bytes where no contract has to map it.
func (REST) EncodeReply(m *message.Message, a *message.Asking) (*message.Wire, error) {
	wanted := neither
	if a != nil && a.Wire != nil && a.Wire.Dialect == message.TFServingREST {
		wanted = formOf(a.Wire.Body.Bytes())
	}
	if w := m.Wire(); w != nil && w.Dialect == message.TFServingREST && w.Native && w.Reply {
		if got := formOf(w.Body.Bytes()); got == wanted || got == neither || wanted == neither {
			return &message.Wire{Dialect: message.TFServingREST, Body: w.Body.Retain(), ContentType: w.ContentType, JSONLength: -1, Status: w.Status, Reply: true}, nil
		}
	}
	c, err := m.Content()
	if err != nil {
		return nil, err
	}
	f, dst, err := start(c, reply)
	if err != nil {
		return nil, err
	}
	bare := f != nil && len(f.tensors) == 1
	switch {
	case f == nil && wanted == inRows:
		dst = append(append(dst, `"predictions":`...), c.JSON...)
	case f == nil:
		dst = append(append(dst, `"outputs":`...), c.JSON...)
	case wanted == inRows:
		dst, err = f.appendRows(append(dst, `"predictions":`...), bare)
	default:
		dst, err = f.appendColumns(append(dst, `"outputs":`...), bare)
	}
	if err != nil {
		return nil, err
	}
	if f != nil && len(f.errors) > 0 {
		dst = append(append(append(dst, `,"errors":{`...), f.errors...), '}')
	}
	return &message.Wire{Dialect: message.TFServingREST, Body: body.Of(append(dst, '}')), ContentType: typeJSON, JSONLength: -1, Status: 200, Reply: true}, nil
}

// start returns the tensors of c, or nil where it is a JSON value that tensors do not hold, and memory for its text, which begins an object.
func start(c *message.Content, s *side) (f *flat, dst []byte, err error) {
	size := 64 + len(c.JSON)
	if c.JSON == nil || len(c.Parts) > 0 {
		if f, err = flatten(c, s); err != nil {
			return nil, nil, err
		}
		for i := range f.tensors {
			t := &f.tensors[i]
			size += len(t.Data) + len(t.Name) + 16
			if t.Datatype.Size() > 0 { // an FP32 takes some nine digits
				size += 2 * len(t.Data)
			}
		}
	}
	return f, append(make([]byte, 0, size), '{'), nil
}

// key returns the start of the member for a JSON value: rows for an array, columns for anything else.
func key(text []byte, rows, columns string) string {
	s := scanner(text)
	if s.Kind() == jsontext.Array {
		return `"` + rows + `":`
	}
	return `"` + columns + `":`
}

// isBare tells whether the tensors are written as one bare value: a sole one without a name, where bare allows it, or where its
// name would be read as bytes.
func (f *flat) isBare(bare bool) bool {
	return len(f.tensors) == 1 && (bare || f.tensors[0].Name == "" || f.tensors[0].Name == "b64")
}

func (f *flat) appendColumns(dst []byte, bare bool) ([]byte, error) {
	if f.isBare(bare) {
		return f.appendValue(dst, &f.tensors[0])
	}
	dst = append(dst, '{')
	for i := range f.tensors {
		t := &f.tensors[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = f.appendValue(append(jsontext.AppendString(dst, t.Name), ':'), t); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func (f *flat) appendValue(dst []byte, t *tensor.Tensor) ([]byte, error) {
	binary, err := check(t)
	if err == nil {
		dst, err = appendNested(dst, t, binary)
	}
	if err != nil {
		return dst, f.noForm(t, err)
	}
	return dst, nil
}

func (f *flat) noForm(t *tensor.Tensor, err error) error {
	failure := noForm("%s '%s': %v", f.side.what, t.Name, err)
	failure.Cause = err
	return failure
}

func (f *flat) appendRows(dst []byte, bare bool) ([]byte, error) {
	n := int64(0)
	rows := make([]rowsOf, len(f.tensors))
	for i := range f.tensors {
		t := &f.tensors[i]
		if len(t.Shape) == 0 {
			t.Shape = oneRow
		}
		if i > 0 && t.Shape[0] != n {
			failure := noForm("tensor name: %s has inconsistent batch size: %d expecting: %d", t.Name, t.Shape[0], n)
			failure.Remedy = "ask with inputs in place of instances"
			return dst, failure
		}
		n = t.Shape[0]
		if f.isBare(bare) {
			return f.appendValue(dst, t)
		}
		binary, err := check(t)
		if err != nil {
			return dst, f.noForm(t, err)
		}
		rows[i] = newRows(t, binary)
		rows[i].key = append(jsontext.AppendString(nil, t.Name), ':')
	}
	dst = append(dst, '[')
	for row := range n {
		if row > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '{')
		for i := range rows {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = rows[i].appendNext(append(dst, rows[i].key...)); err != nil {
				return dst, f.noForm(&f.tensors[i], err)
			}
		}
		dst = append(dst, '}')
	}
	return append(dst, ']'), nil
}

var oneRow = []int64{1} // the shape of a scalar among rows; never written
