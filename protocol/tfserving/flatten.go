package tfserving

import (
	"strconv"

	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// flat is content as the protocol can say it: one list of named tensors, of which a sole one may have no name.
type flat struct {
	tensors []tensor.Tensor
	errors  []byte // members of a JSON object
	side    *side
}

// flatten brings c to that form. It shares c's memory where nothing changes.
func flatten(c *message.Content, s *side) (*flat, error) {
	f := &flat{side: s}
	if len(c.Parts) == 0 {
		f.tensors = make([]tensor.Tensor, 0, len(c.Tensors))
	}
	if err := f.add(c, ""); err != nil {
		return nil, err
	}
	if len(f.tensors) > 1 {
		f.name()
	}
	return f, nil
}

// name gives names to the tensors without.
func (f *flat) name() {
	for i := range f.tensors {
		if f.tensors[i].Name == "" {
			f.tensors[i].Name = f.side.what + "-" + strconv.Itoa(i)
		}
	}
}

func (f *flat) add(c *message.Content, prefix string) error {
	if c.JSON != nil && len(c.Tensors) == 0 {
		place := ""
		if prefix != "" {
			place = " of part " + prefix[:len(prefix)-1]
		}
		failure := noForm("the %s%s is a JSON value, which has no form as tensors", f.side.what, place)
		failure.Remedy = "declare the model's " + f.side.what + "s in its contract"
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
		if prefix != "" {
			if t.Name == "" {
				t.Name = f.side.what + "-" + strconv.Itoa(i)
			}
			t.Name = prefix + t.Name
		}
		f.tensors = append(f.tensors, t)
	}
	for _, p := range c.Parts {
		inner, err := p.Message.Content()
		if err != nil {
			return err
		}
		if err := f.add(inner, prefix+p.Name+"."); err != nil {
			return err
		}
	}
	return nil
}

// resolve makes untyped numbers FP64 and gives every tensor a name, as gRPC needs it.
func (f *flat) resolve() error {
	f.name()
	for i := range f.tensors {
		t := &f.tensors[i]
		typed, err := tensor.Resolve(t, tensor.FP64)
		if err == nil {
			err = typed.Check()
		}
		if err != nil {
			return noForm("%s '%s': %v", f.side.what, t.Name, err)
		}
		*t = typed
	}
	return nil
}

// choose keeps the outputs that the client asked for, in its order. In a partial answer one may be missing.
func (f *flat) choose(asked []message.Asked) error {
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
		case ok && i >= 0:
			chosen = append(chosen, f.tensors[i])
			place[a.Name] = -1 // a map has each output once
		case !ok && len(f.errors) == 0:
			return malformed("output tensor alias not found in signature: %s Outputs expected to be in the set {%s}.", a.Name, f.names())
		}
	}
	f.tensors = chosen
	return nil
}

func (f *flat) names() string {
	var b []byte
	for i := range f.tensors {
		if i > 0 {
			b = append(b, ',')
		}
		if i == 10 {
			return string(append(b, "…"...))
		}
		b = append(b, f.tensors[i].Name...)
	}
	return string(b)
}

// signatureOf returns the signature that a request asks for: the caller's, else the one that the contract fixes.
func signatureOf(ps ...tensor.Parameters) string {
	for _, p := range ps {
		if v, ok := p.Get(signatureName); ok && v.Kind == tensor.StringValue {
			return v.String
		}
	}
	return ""
}
