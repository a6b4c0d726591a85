package engine

import (
	"slices"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// mapped carries out a map's operations in order. Each sees what the ones before it made.
func (r *Run) mapped(n *plan.Map, in *message.Message) (*message.Message, error) {
	for i := range n.Operations {
		c, err := in.Content()
		if err != nil {
			return nil, err
		}
		out := *c
		out.Tensors = slices.Clone(c.Tensors)
		if err := r.operate(n, &n.Operations[i], in, &out); err != nil {
			return nil, err
		}
		if len(c.Parts) > 0 { // the parts live as long as each content that has them
			for _, p := range c.Parts {
				p.Message.Retain()
			}
		}
		in = r.make(&out)
	}
	return in, nil
}

func (r *Run) operate(n *plan.Map, op *plan.Operation, in *message.Message, c *message.Content) error {
	switch op.Op {
	case ast.Compute:
		r.values = r.values[:0]
		t, err := op.Value.Tensor(r.on(in, nil, -1), op.Field)
		if err != nil {
			return conditionFailure(&n.Info, err)
		}
		if op.Type != tensor.Untyped && op.Type != t.Datatype {
			if t, err = cast(&t, op.Type); err != nil {
				return fail(&n.Info, CodeMap, message.InvalidArgument, "%v", err)
			}
		}
		set(c, t)
		return nil
	case ast.SetParameter:
		c.Parameters = slices.Clone(c.Parameters)
		c.Parameters.Set(op.Field, op.Param)
		return nil
	case ast.Select:
		kept := make([]tensor.Tensor, 0, len(op.Fields))
		for _, name := range op.Fields {
			t := c.Tensor(name)
			if t == nil {
				return missing(n, name, c)
			}
			kept = append(kept, *t)
		}
		c.Tensors = kept
		return nil
	}
	t := c.Tensor(op.Field)
	if t == nil {
		return missing(n, op.Field, c)
	}
	switch op.Op {
	case ast.Rename:
		if c.Answer == t.Name {
			c.Answer = op.To
		}
		renamed := *t
		renamed.Name = op.To
		c.Tensors = slices.DeleteFunc(c.Tensors, func(other tensor.Tensor) bool { return other.Name == op.To })
		*c.Tensor(op.Field) = renamed
	case ast.Drop:
		c.Tensors = slices.DeleteFunc(c.Tensors, func(other tensor.Tensor) bool { return other.Name == op.Field })
	case ast.Cast:
		changed, err := cast(t, op.Type)
		if err != nil {
			return fail(&n.Info, CodeMap, message.InvalidArgument, "%v", err)
		}
		*t = changed
	case ast.Reshape:
		changed, err := t.Reshape(op.Shape)
		if err != nil {
			return fail(&n.Info, CodeMap, message.InvalidArgument, "%v", err)
		}
		*t = changed
	}
	return nil
}

func cast(t *tensor.Tensor, to tensor.Datatype) (tensor.Tensor, error) {
	if t.Datatype == tensor.Untyped {
		return tensor.Resolve(t, to)
	}
	return tensor.Cast(t, to)
}

// set replaces the tensor of that name or adds it.
func set(c *message.Content, t tensor.Tensor) {
	if old := c.Tensor(t.Name); old != nil {
		*old = t
		return
	}
	c.Tensors = append(c.Tensors, t)
}

func missing(n *plan.Map, field string, c *message.Content) *message.Failure {
	return fail(&n.Info, CodeMap, message.InvalidArgument, "the map needs field %q; there is %s", field, namesOf(c))
}
