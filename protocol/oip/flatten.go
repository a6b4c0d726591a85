package oip

import (
	"strconv"

	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// flat is content as the protocol can say it: one list of typed, named tensors and one of parameters.
type flat struct {
	tensors    []tensor.Tensor
	parameters tensor.Parameters
	errors     []byte // members of a JSON object
}

// flatten brings c to that form. It shares c's memory where nothing changes.
func flatten(c *message.Content, s *side) (*flat, error) {
	out := &flat{parameters: c.Parameters}
	if len(c.Parts) > 0 {
		out.parameters = append(make(tensor.Parameters, 0, len(c.Parameters)), c.Parameters...)
	} else {
		out.tensors = make([]tensor.Tensor, 0, len(c.Tensors))
	}
	if err := out.add(c, "", s); err != nil {
		return nil, err
	}
	out.parameters = out.parameters.Under(c.Tags)
	if len(out.errors) > 0 {
		text := "{" + string(out.errors) + "}"
		out.parameters = out.parameters.With("errors", tensor.StringOf(text))
	}
	return out, nil
}

// flattenAll is flatten for the messages of a request: one, or those that a combiner server gets, which are parts named by
// their place.
func flattenAll(in []*message.Message, s *side) (*flat, *message.Content, error) {
	if len(in) == 1 {
		c, err := in[0].Content()
		if err != nil {
			return nil, nil, err
		}
		out, err := flatten(c, s)
		return out, c, err
	}
	all := &message.Content{}
	for i, m := range in {
		c, err := m.Content()
		if err != nil {
			return nil, nil, err
		}
		if all.ID == "" {
			all.ID = c.ID
		}
		all.Parts = append(all.Parts, message.Part{Name: strconv.Itoa(i), Message: m})
	}
	out, err := flatten(all, s)
	return out, all, err
}

func (f *flat) add(c *message.Content, prefix string, s *side) error {
	if c.JSON != nil && len(c.Tensors) == 0 {
		place := ""
		if prefix != "" {
			place = " of part " + prefix[:len(prefix)-1]
		}
		failure := noForm("the %s%s is a JSON value, which has no form as tensors", s.what, place)
		failure.Remedy = "declare the model's " + s.what + "s in its contract"
		return failure
	}
	for _, e := range c.Errors {
		if len(f.errors) > 0 {
			f.errors = append(f.errors, ',')
		}
		f.errors = append(jsontext.AppendString(f.errors, prefix+e.Part), ':')
		f.errors = jsontext.AppendString(f.errors, e.Failure.Error())
	}
	for i := range c.Tensors {
		t := c.Tensors[i]
		if t.Name == "" {
			t.Name = s.what + "-" + strconv.Itoa(i)
		}
		t.Name = prefix + t.Name
		if t.Shape == nil {
			t.Shape = one
		}
		if t.Datatype == tensor.Untyped {
			typed, err := tensor.Resolve(&t, tensor.FP64)
			if err != nil {
				return noForm("%s '%s': %v", s.what, t.Name, err)
			}
			t = typed
		}
		f.tensors = append(f.tensors, t)
	}
	for _, p := range c.Parts {
		inner, err := p.Message.Content()
		if err != nil {
			return err
		}
		below := prefix + p.Name + "."
		for _, parameter := range inner.Parameters {
			f.parameters = append(f.parameters, tensor.Parameter{Name: below + parameter.Name, Value: parameter.Value})
		}
		if err := f.add(inner, below, s); err != nil {
			return err
		}
	}
	return nil
}

var one = []int64{1} // the shape of a scalar; never written

// choose keeps the outputs that the client asked for, in its order. In a partial answer one may be missing.
func (f *flat) choose(asked []message.Asked, model string) error {
	if len(asked) == 0 {
		return nil
	}
	place := make(map[string]int, len(f.tensors))
	for i := range f.tensors {
		place[f.tensors[i].Name] = i
	}
	chosen := make([]tensor.Tensor, 0, len(asked))
	for _, a := range asked {
		i, ok := place[a.Name]
		switch {
		case ok:
			chosen = append(chosen, f.tensors[i])
		case len(f.errors) == 0:
			failure := malformed("unexpected inference output '%s' for model '%s'", a.Name, model)
			failure.Remedy = "its outputs are " + f.names()
			return failure
		}
	}
	f.tensors = chosen
	return nil
}

func (f *flat) names() string {
	var b []byte
	for i := range f.tensors {
		if i > 0 {
			b = append(b, ", "...)
		}
		if i == 10 {
			return string(append(b, "…"...))
		}
		b = append(b, f.tensors[i].Name...)
	}
	return string(b)
}
