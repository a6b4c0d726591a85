package contract

import (
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// Reply maps a server's reply to the contract's outputs, in their order: names, datatypes, canonical shapes, and the answer.
// It returns how many outputs were dropped because the contract does not name them. Outputs of a reply that is JSON are
// found by their path. Where only some outputs are there and nothing else, the others were not asked for; otherwise a
// missing output is a *message.Failure of kind BadReply. The result shares memory with out, which stays unchanged.
func (c *Contract) Reply(out *message.Content) (reply *message.Content, dropped int, err error) {
	if c == nil || len(c.Outputs) == 0 {
		return out, 0, nil
	}
	split, err := columns(out, func(name string) bool { return byTensor(c.Outputs, name) != nil })
	if err != nil {
		return nil, 0, err
	}
	if split != nil {
		named := *out
		named.Tensors = split
		out = &named
	}
	mapped := *out
	mapped.Answer = c.AnswerName()
	mapped.Tensors = make([]tensor.Tensor, 0, len(c.Outputs))
	mapped.JSON, mapped.Names = nil, nil
	var absent *Field
	for i := range c.Outputs {
		f := &c.Outputs[i]
		t, ok, err := c.output(out, f)
		if err != nil {
			return nil, 0, badReply(CodeMissingOutput, "output %q: %v", f.ServerName(), err)
		}
		if !ok {
			if absent == nil && !f.Optional {
				absent = f
			}
			continue
		}
		if err := f.toField(&t); err != nil {
			return nil, 0, err
		}
		mapped.Tensors = append(mapped.Tensors, t)
	}
	dropped = max(len(out.Tensors)-len(mapped.Tensors), 0)
	if absent != nil && (dropped > 0 || len(mapped.Tensors) == 0 || len(out.JSON) > 0) {
		return nil, 0, absent.notThere(out)
	}
	return &mapped, dropped, nil
}

// AnswerName returns the output that stands for the whole: Answer, or the first output; empty where there is none.
func (c *Contract) AnswerName() string {
	switch {
	case c == nil:
		return ""
	case c.Answer != "":
		return c.Answer
	case len(c.Outputs) > 0:
		return c.Outputs[0].Name
	}
	return ""
}

// output finds the server's output for a field.
func (c *Contract) output(out *message.Content, f *Field) (t tensor.Tensor, ok bool, err error) {
	name := f.ServerName()
	if found := out.Tensor(name); found != nil {
		return *found, true, nil
	}
	if len(out.Tensors) == 1 && out.Tensors[0].Name == "" && sole(c.Outputs) == f.Name {
		return out.Tensors[0], true, nil
	}
	if noRows(out) && f.Rows() {
		t.Shape = make([]int64, len(f.Shape))
		for i, d := range f.Shape[1:] {
			t.Shape[i+1] = max(d.Size, 0)
		}
		return t, true, nil
	}
	if len(out.JSON) > 0 {
		ok, err = jsontensor.FindIn(out.JSON, name, &t)
		return t, ok, err
	}
	return t, false, nil
}

// noRows tells whether out is an empty array, which is what a list of objects without any is: then no output has rows.
func noRows(out *message.Content) bool {
	return len(out.Tensors) == 1 && out.Tensors[0].Name == "" && len(out.Tensors[0].Shape) == 1 && out.Tensors[0].Shape[0] == 0
}

// toField makes t what callers see of f.
func (f *Field) toField(t *tensor.Tensor) error {
	t.Name = f.Name
	if err := convert(t, f.Type); err != nil {
		return badReply(CodeDatatype, "%v", err)
	}
	shape, ok := fit(t.Shape, f.Shape)
	if !ok {
		return badReply(CodeShape, "output %q: expected shape %s, found %s", f.ServerName(), formatDims(f.Shape), formatShape(t.Shape))
	}
	if f.Shape != nil {
		t.Shape = shape[:min(len(shape), canonical(f.Shape))]
		return nil
	}
	for len(shape) > 1 && shape[len(shape)-1] == 1 {
		shape = shape[:len(shape)-1]
	}
	t.Shape = shape
	return nil
}

func (f *Field) notThere(out *message.Content) *message.Failure {
	have := make([]string, 0, len(out.Tensors))
	for i := range out.Tensors {
		have = append(have, out.Tensors[i].Name)
	}
	fail := badReply(CodeMissingOutput, "the reply has no output %q (field %q)", f.ServerName(), f.Name)
	if len(have) > 0 {
		fail.Detail += ", it has " + quoted(have, ", ")
	}
	fail.Remedy = "name the server's output in the model's contract: outputs: {" + f.Name + ": {tensor: …}}"
	return fail
}

func badReply(code message.Code, format string, args ...any) *message.Failure {
	f := message.Invalid(code, format, args...)
	f.Kind = message.BadReply
	return f
}
