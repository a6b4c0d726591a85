package plan

import (
	"slices"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/tensor"
)

func (t *typeChecker) parallel(n *Parallel, in, original *fields) *fields {
	all := make([]*fields, len(n.Parts))
	for i, p := range n.Parts {
		all[i] = t.flow(p, in, original)
	}
	switch n.Combine.By {
	case ast.Merge:
		out := &fields{}
		for i, p := range n.Parts {
			out.parts = append(out.parts, partFields{p.Base().Name, all[i]})
		}
		return out
	case ast.ByServer:
		return outputsOf(n.Combine.Server.Model.Contract)
	case ast.JSONObject:
		return nil
	case ast.First, ast.FirstIn:
		return alike(all)
	case ast.Vote, ast.Mean:
		return t.combined(n, all)
	}
	return all[0]
}

// combined checks that all parts give the field that is voted on or averaged.
func (t *typeChecker) combined(n *Parallel, all []*fields) *fields {
	field := n.Combine.Field
	if field == "" {
		return all[0]
	}
	out := &fields{list: []contract.Field{{Name: field}}, answer: field}
	for i, f := range all {
		got, known := f.find(field)
		switch {
		case known && got == nil:
			t.report(CodeNoOutput, n.Parts[i].Base(), f.names(), "part %s gives no field %q to combine", n.Parts[i].Base().Name, field)
		case got != nil && n.Combine.By == ast.Vote:
			out.list[0] = *got
		case got != nil:
			out.list[0] = *got
			out.list[0].Type = tensor.FP64
		}
	}
	return out
}

func (t *typeChecker) steps(n *Steps, in, original *fields) *fields {
	replies := make([]*fields, len(n.Steps))
	source := func(from int) *fields {
		if from == Request {
			return in
		}
		return replies[from]
	}
	for i := range n.Steps {
		s := &n.Steps[i]
		if s.When != nil {
			values := map[string]*fields{}
			for _, a := range s.After {
				values[n.Steps[a].Name] = replies[a]
			}
			t.reads(s.When, s.Part.Base(), in, nil, values)
		}
		taken := in
		if len(s.In) > 0 {
			taken = t.bound(s.In, source, s.Part.Base(), n)
		}
		replies[i] = t.flow(s.Part, taken, original)
	}
	if len(n.Out) > 0 {
		return t.bound(n.Out, source, &n.Info, n)
	}
	return replies[len(replies)-1]
}

// bound is what bindings make.
func (t *typeChecker) bound(bindings []Binding, source func(int) *fields, at *Info, n *Steps) *fields {
	out, known := &fields{}, true
	for _, b := range bindings {
		f := source(b.From)
		switch {
		case b.Field == "" && b.Output == "":
			if len(bindings) == 1 {
				return f
			}
			if f == nil || f.open {
				known = false
			} else {
				out.list = append(out.list, f.list...)
			}
			continue
		case b.Output == "":
			x := contract.Field{Name: b.Field}
			if f != nil && !f.open {
				if a, _ := f.find(f.answer); a != nil {
					x = *a
				}
			}
			x.Name = b.Field
			out.list = append(out.list, x)
			continue
		}
		x := contract.Field{}
		got, sure := f.find(b.Output)
		if got != nil {
			x = *got
		} else if sure {
			from := "request"
			if b.From != Request {
				from = n.Steps[b.From].Name
			}
			t.report(CodeNoOutput, at, f.names(), "field %q takes %s.%s, which no contract gives", b.Field, from, b.Output)
		}
		x.Name = b.Field
		if b.Field == "" {
			x.Name = b.Output
		}
		out.list = append(out.list, x)
	}
	if !known {
		return nil
	}
	return out
}

func (t *typeChecker) choose(n *Choose, in, original *fields) *fields {
	values := map[string]*fields{}
	for i := range n.With {
		w := &n.With[i]
		f := t.flow(w.Part, in, original)
		if w.Output != "" {
			if got, known := f.find(w.Output); known && got == nil {
				t.report(CodeNoOutput, w.Part.Base(), f.names(), "`with` %s takes %s, which no contract gives", w.Name, w.Output)
			}
			f = nil // a scalar: nothing is read of it by name
		}
		values[w.Name] = f
	}
	t.reads(n.Sticky, &n.Info, in, nil, values)
	if n.Router != nil {
		t.flow(n.Router, in, original)
	}
	var all []*fields
	for i := range n.Arms {
		t.reads(n.Arms[i].When, &n.Info, in, nil, values)
		all = append(all, t.flow(n.Arms[i].Part, in, original))
		t.beside(n.Arms[i].Part, all)
	}
	if n.Else != nil {
		all = append(all, t.flow(n.Else, in, original))
		t.beside(n.Else, all)
	}
	return alike(all)
}

func (t *typeChecker) cascade(n *Cascade, in, original *fields) *fields {
	var all []*fields
	for i := range n.Tries {
		f := t.flow(n.Tries[i].Part, in, original)
		t.reads(n.Tries[i].Accept, n.Tries[i].Part.Base(), in, f, nil)
		all = append(all, f)
	}
	if n.Else != nil {
		all = append(all, t.flow(n.Else, in, original))
		t.beside(n.Else, all)
	}
	return alike(all)
}

func (t *typeChecker) mapped(n *Map, in *fields) *fields {
	if in == nil || in.open || len(in.parts) > 0 {
		return t.mappedUnknown(n, in)
	}
	out := &fields{list: slices.Clone(in.list), answer: in.answer}
	for i := range n.Operations {
		if op := &n.Operations[i]; op.Op == ast.Compute {
			t.reads(op.Value, &n.Info, out, nil, nil)
		}
		t.operation(n, &n.Operations[i], out)
	}
	return out
}

// mappedUnknown is a map of a value whose fields are not known: what it takes is noted, and only what it selects is known after it.
func (t *typeChecker) mappedUnknown(n *Map, in *fields) *fields {
	var made []string
	note := func(name string) {
		if name != "" && !slices.Contains(made, name) {
			in.find(name)
		}
	}
	for i := range n.Operations {
		op := &n.Operations[i]
		switch op.Op {
		case ast.Compute:
			for _, f := range op.Value.Reads.Fields {
				note(f.Name)
			}
			made = append(made, op.Field)
		case ast.Rename:
			note(op.Field)
			made = append(made, op.To)
		case ast.Select:
			out := &fields{}
			for _, name := range op.Fields {
				note(name)
				out.list = append(out.list, contract.Field{Name: name})
			}
			rest := *n
			rest.Operations = n.Operations[i+1:]
			return t.mapped(&rest, out)
		case ast.SetParameter:
		default:
			note(op.Field)
		}
	}
	return nil
}

func (t *typeChecker) operation(n *Map, op *Operation, out *fields) {
	index := func(name string) int {
		i := slices.IndexFunc(out.list, func(f contract.Field) bool { return f.Name == name })
		if i < 0 {
			t.report(CodeNoOutput, &n.Info, out.names(), "the map needs field %q, which no contract gives", name)
		}
		return i
	}
	switch op.Op {
	case ast.Compute:
		if i := slices.IndexFunc(out.list, func(f contract.Field) bool { return f.Name == op.Field }); i >= 0 {
			out.list[i] = contract.Field{Name: op.Field, Type: op.Type}
		} else {
			out.list = append(out.list, contract.Field{Name: op.Field, Type: op.Type})
		}
	case ast.Select:
		var kept []contract.Field
		for _, name := range op.Fields {
			if i := index(name); i >= 0 {
				kept = append(kept, out.list[i])
			}
		}
		out.list = kept
	case ast.Rename:
		if i := index(op.Field); i >= 0 {
			out.list[i].Name = op.To
			if out.answer == op.Field {
				out.answer = op.To
			}
		}
	case ast.Drop:
		if i := index(op.Field); i >= 0 {
			out.list = slices.Delete(out.list, i, i+1)
		}
	case ast.Cast:
		if i := index(op.Field); i >= 0 {
			out.list[i].Type = op.Type
		}
	case ast.Reshape:
		if i := index(op.Field); i >= 0 {
			out.list[i].Shape = nil
		}
	}
}

// inputs are the graph's fields as a whole: those declared, with what the contracts add to them, or those that the
// parts take from the request.
func (t *typeChecker) inputs(g *ast.Graph) []contract.Field {
	if len(g.Inputs) > 0 {
		return declared(g.Inputs).list
	}
	return t.request.list
}

// outputs are the reply's fields, as declared where they are; a merge's are part.output.
func (t *typeChecker) outputs(g *ast.Graph) []contract.Field {
	if len(g.Outputs) == 0 {
		return t.reply.flat("")
	}
	out := declared(g.Outputs).list
	for i := range out {
		if got, _ := t.reply.find(out[i].Name); got != nil && out[i].Type == tensor.Untyped {
			out[i].Type = got.Type
		}
	}
	return out
}

func (f *fields) flat(prefix string) []contract.Field {
	if f == nil || f.open {
		return nil
	}
	var out []contract.Field
	for _, x := range f.list {
		x.Name = prefix + x.Name
		x.Tensor = ""
		out = append(out, x)
	}
	for _, p := range f.parts {
		out = append(out, p.of.flat(prefix+p.name+".")...)
	}
	return out
}

func (t *typeChecker) answer() string {
	if t.reply == nil {
		return ""
	}
	return t.reply.answer
}
