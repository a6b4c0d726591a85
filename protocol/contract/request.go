package contract

import (
	"bytes"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// Request maps a caller's request to the server's: names, datatypes, shapes, fixed parameters and defaults. Every field of
// the request must be one of the contract; what is wrong is a *message.Failure that blames the request. A request whose
// tensors carry the server's names already is passed as it is, but for numbers without a datatype. The result shares memory
// with in, which stays unchanged.
func (c *Contract) Request(in *message.Content) (*message.Content, error) {
	out, unused, err := c.RequestFrom(in)
	if err != nil || len(unused) == 0 {
		return out, err
	}
	return nil, unknown("field", unused[0], c.Inputs)
}

// RequestFrom is Request for a value of a graph: what the contract does not name is left out, and its names returned, because
// what one part answers need not all be for the next one. In a merge a field is `part.output`, a part's name (its answer), or
// an output that only one part has.
func (c *Contract) RequestFrom(in *message.Content) (out *message.Content, unused []string, err error) {
	if c == nil || len(c.Inputs) == 0 {
		return in, nil, nil
	}
	if c.servers(in) {
		out, err := c.resolved(in)
		return out, nil, err
	}
	var src source
	if err := src.gather(in, c); err != nil {
		return nil, nil, err
	}
	mapped := *in
	mapped.Parts, mapped.Errors, mapped.JSON, mapped.Names, mapped.Answer = nil, nil, nil, nil, ""
	mapped.Parameters = under(in.Parameters, c.Parameters)
	mapped.Asked = c.asked(in.Asked)
	mapped.Tensors = make([]tensor.Tensor, 0, len(c.Inputs))
	rows, rowsOf := int64(-1), ""
	for i := range c.Inputs {
		f := &c.Inputs[i]
		t := src.take(f.Name)
		if t == nil {
			if f.Default == nil && !f.Optional {
				return nil, nil, c.missing(f, &src)
			}
			continue
		}
		if err := f.toServer(t, &mapped); err != nil {
			return nil, nil, err
		}
		if n := mapped.Tensors[len(mapped.Tensors)-1].Shape; f.Rows() && len(n) > 0 {
			if rows >= 0 && n[0] != rows {
				return nil, nil, message.Invalid(CodeShape, "field %q has %d rows and field %q has %d: one request has the same number in all", rowsOf, rows, f.Name, n[0])
			}
			rows, rowsOf = n[0], f.Name
		}
	}
	if err := c.defaults(&mapped, &src, rows); err != nil {
		return nil, nil, err
	}
	return &mapped, src.unused(), nil
}

// servers tells whether the tensors of in are named as the server names them, and not as callers do.
func (c *Contract) servers(in *message.Content) bool {
	if len(in.Tensors) == 0 {
		return false
	}
	renamed := false
	for i := range in.Tensors {
		f := byTensor(c.Inputs, in.Tensors[i].Name)
		if f == nil {
			return false
		}
		renamed = renamed || f.Name != in.Tensors[i].Name
	}
	if !renamed {
		return false
	}
	for i := range c.Inputs {
		if f := &c.Inputs[i]; !f.Optional && f.Default == nil && in.Tensor(f.ServerName()) == nil {
			return false
		}
	}
	return true
}

// resolved gives untyped tensors in the server's names their declared datatypes; a request without any is returned as it is.
func (c *Contract) resolved(in *message.Content) (*message.Content, error) {
	out := in
	for i := range in.Tensors {
		t := in.Tensors[i]
		f := byTensor(c.Inputs, t.Name)
		if t.Datatype != tensor.Untyped || f.Type == tensor.Untyped {
			continue
		}
		if err := convert(&t, f.Type); err != nil {
			return nil, message.Invalid(CodeDatatype, "%v", err)
		}
		if out == in {
			copied := *in
			copied.Tensors = append([]tensor.Tensor(nil), in.Tensors...)
			out = &copied
		}
		out.Tensors[i] = t
	}
	return out, nil
}

// ServerName returns the server's name for the field.
func (f *Field) ServerName() string {
	if f.Tensor != "" {
		return f.Tensor
	}
	return f.Name
}

func byTensor(fields []Field, name string) *Field {
	for i := range fields {
		if fields[i].ServerName() == name {
			return &fields[i]
		}
	}
	return nil
}

func byName(fields []Field, name string) *Field {
	for i := range fields {
		if fields[i].Name == name {
			return &fields[i]
		}
	}
	return nil
}

// toServer appends t to out as the server takes it.
func (f *Field) toServer(t *tensor.Tensor, out *message.Content) error {
	s := *t
	s.Name = f.Name
	if err := convert(&s, f.Type); err != nil {
		return message.Invalid(CodeDatatype, "%v", err)
	}
	s.Name = f.ServerName()
	shape, ok := fit(s.Shape, f.Shape)
	if !ok {
		return message.Invalid(CodeShape, "field %q: expected shape %s, found %s", f.Name, formatDims(f.Shape), formatShape(t.Shape))
	}
	s.Shape = shape
	s.Parameters = under(t.Parameters, f.Parameters)
	out.Tensors = append(out.Tensors, s)
	return nil
}

// under returns p with the contract's own beneath it. Both are immutable, so that one alone is shared.
func under(p, fixed tensor.Parameters) tensor.Parameters {
	if len(p) == 0 {
		return fixed[:len(fixed):len(fixed)]
	}
	return p.Under(fixed)
}

// convert makes t one of the declared datatype, exactly, or says why it cannot be. Untyped declares nothing.
func convert(t *tensor.Tensor, to tensor.Datatype) error {
	if to == tensor.Untyped || t.Datatype == to {
		return nil
	}
	if t.Datatype == tensor.Untyped && len(t.Data) == 0 {
		t.Datatype = to // no elements are of any datatype
		return nil
	}
	name := t.Name
	var err error
	if t.Datatype == tensor.Untyped {
		*t, err = tensor.Resolve(t, to)
	} else {
		*t, err = tensor.Cast(t, to)
	}
	t.Name = name
	return err
}

// maxRepeated bounds the bytes of a default that is repeated in every row, because a shape without elements may declare any
// number of rows.
const maxRepeated = 1 << 26

// defaults adds the optional fields that the request left out and that have a default, in the rows of the request.
func (c *Contract) defaults(out *message.Content, src *source, rows int64) error {
	for i := range c.Inputs {
		f := &c.Inputs[i]
		if f.Default == nil || src.find(f.Name) >= 0 {
			continue
		}
		t := *f.Default
		t.Name = f.ServerName()
		if convert(&t, f.Type) != nil {
			continue // Check refuses such a contract
		}
		if shape, ok := fit(t.Shape, f.Shape); ok {
			t.Shape = shape
		}
		if f.Rows() && rows > 1 && len(t.Shape) > 0 && t.Shape[0] == 1 {
			if rows > maxRepeated/int64(max(len(t.Data), 1)) {
				return message.Invalid(CodeShape, "field %q: its default does not fit %d rows", f.Name, rows)
			}
			t.Shape = append([]int64{rows}, t.Shape[1:]...)
			t.Data = bytes.Repeat(t.Data, int(rows))
		}
		t.Parameters = under(t.Parameters, f.Parameters)
		out.Tensors = append(out.Tensors, t)
	}
	return nil
}

// asked maps the outputs that a request asks for to the server's names; one that is not in the contract stays.
func (c *Contract) asked(fields []message.Asked) []message.Asked {
	if len(fields) == 0 {
		return nil
	}
	mapped := make([]message.Asked, len(fields))
	for i, a := range fields {
		mapped[i] = a
		if f := byName(c.Outputs, a.Name); f != nil {
			mapped[i].Name = f.ServerName()
		}
	}
	return mapped
}

func names(fields []Field) []string {
	all := make([]string, len(fields))
	for i := range fields {
		all[i] = fields[i].Name
	}
	return all
}

func unknown(what, name string, fields []Field) *message.Failure {
	f := message.Invalid(CodeUnknownField, "unknown %s %q", what, name)
	f.Remedy = Suggest(name, names(fields))
	return f
}

// missing says which field is not there, what it is, and what was found in its place.
func (c *Contract) missing(f *Field, src *source) *message.Failure {
	fail := message.Invalid(CodeMissingField, "field %q is missing: expected %s", f.Name, f.describe())
	found := src.names()
	if len(found) > 0 {
		fail.Detail += ", found " + quoted(found, ", ")
	} else {
		fail.Detail += ", found no fields"
	}
	if near := Near(f.Name, found); len(near) > 0 {
		fail.Remedy = "rename " + quoted(near[:1], "") + " to " + quoted([]string{f.Name}, "")
	}
	return fail
}

// describe returns what a field is, for people: its datatype and shape where they are declared.
func (f *Field) describe() string {
	switch {
	case f.Type == tensor.Untyped && f.Shape == nil:
		return "a value"
	case f.Shape == nil:
		return f.Type.String()
	case f.Type == tensor.Untyped:
		return "shape " + formatDims(f.Shape)
	}
	return f.Type.String() + " " + formatDims(f.Shape)
}
