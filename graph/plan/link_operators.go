package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/condition"
	"github.com/millrace/millrace/graph/policy"
)

func (l *linker) parallel(p *ast.Parallel, info Info) Node {
	n := &Parallel{Info: info, Parts: l.parts(p.Parts, "parallel", info.Path), Need: p.Need, Rules: l.g.Rules}
	n.Combine = Combine{By: p.Combine.By, Field: p.Combine.Field, Tie: -1, Weights: make([]float64, len(p.Parts)), Order: make([]int, len(p.Parts))}
	names := make([]string, len(p.Parts))
	for i, part := range p.Parts {
		names[i] = partName(part)
		w, ok := p.Combine.Weights[names[i]]
		if !ok {
			w = 1
		}
		n.Combine.Weights[i], n.Combine.Order[i] = w, i
		if p.Combine.Tie != "" && names[i] == p.Combine.Tie {
			n.Combine.Tie = i
		}
	}
	slices.SortStableFunc(n.Combine.Order, func(a, b int) int { return strings.Compare(names[a], names[b]) })
	if s := p.Combine.Server; s != nil {
		node := l.part(s, below(info.Path, "combine", s))
		call, ok := node.(*Call)
		if !ok {
			l.report(Diagnostic{Code: CodeCombine, Path: info.Path, Message: fmt.Sprintf("%s: the combiner %q is no model", orRoot(info.Path), s.Model)}, s.Pos)
			call = &Call{Info: *node.Base(), Model: &Model{Name: s.Model}}
		}
		n.Combine.Server = call
	}
	return n
}

func (l *linker) steps(p *ast.Steps, info Info) Node {
	n := &Steps{Info: info}
	index := map[string]int{"request": Request}
	for i := range p.Steps {
		s := &p.Steps[i]
		step := Step{Name: s.Name, Part: l.part(s.Part, below(info.Path, "steps."+s.Name, s.Part)), In: bindings(s.In, index), When: l.conditions[s.When]}
		step.After = after(s, index)
		n.Steps = append(n.Steps, step)
		index[s.Name] = i
	}
	n.Out = bindings(p.Out, index)
	return n
}

func bindings(from []ast.Binding, index map[string]int) []Binding {
	var out []Binding
	for _, b := range from {
		out = append(out, Binding{Field: b.Field, Output: b.Output, From: index[b.From]})
	}
	return out
}

// after finds the steps that a step must wait for; all others run at once with it.
func after(s *ast.Step, index map[string]int) []int {
	var steps []int
	add := func(name string) {
		if i, ok := index[name]; ok && i != Request && !slices.Contains(steps, i) {
			steps = append(steps, i)
		}
	}
	for _, b := range s.In {
		add(b.From)
	}
	if s.When != nil {
		for _, name := range condition.FreeNames(s.When) {
			add(name)
		}
	}
	slices.Sort(steps)
	return steps
}

func (l *linker) choose(p *ast.Choose, info Info) Node {
	n := &Choose{Info: info, By: p.By, Sticky: l.conditions[p.Sticky], Wish: p.Wish, Rows: p.Rows, NoMatch: p.NoMatch}
	if p.Router != nil {
		router, ok := l.part(p.Router, below(info.Path, "router", p.Router)).(*Call)
		if !ok {
			l.report(Diagnostic{Code: CodeEmpty, Path: info.Path, Message: fmt.Sprintf("%s: the router %q is no model", orRoot(info.Path), p.Router.Model)}, p.Router.Pos)
			router = &Call{Info: info, Model: &Model{Name: p.Router.Model}}
		}
		n.Router = router
	}
	for i := range p.With {
		w := &p.With[i]
		part := l.sameWith(p, n, i)
		if part == nil {
			part = l.part(w.Part, below(info.Path, "with."+w.Name, w.Part))
		}
		n.With = append(n.With, With{Name: w.Name, Output: w.Output, Part: part})
	}
	for i, name := range armNames(p) {
		a := &p.Arms[i]
		n.Arms = append(n.Arms, Arm{Name: name, When: l.conditions[a.When], Part: l.part(a.Part, below(info.Path, "choose."+name, a.Part))})
		n.Weights = append(n.Weights, a.Weight)
		n.Hashes = append(n.Hashes, policy.Hash(name))
	}
	n.Else = l.part(p.Else, below(info.Path, "else", p.Else))
	return n
}

// sameWith returns the node of an earlier value that is taken from the same call, so that it is asked once: two values of
// one `with` are outputs of one reply.
func (l *linker) sameWith(p *ast.Choose, n *Choose, i int) Node {
	c, ok := p.With[i].Part.(*ast.Call)
	if !ok {
		return nil
	}
	for j := range n.With {
		other, ok := p.With[j].Part.(*ast.Call)
		if ok && (other == c || other.Model == c.Model && other.Version == c.Version && other.Method == c.Method &&
			slices.Equal(other.Parameters, c.Parameters) && other.Policies == c.Policies) {
			return n.With[j].Part
		}
	}
	return nil
}

func (l *linker) tap(p *ast.Tap, info Info) Node {
	n := &Tap{Info: info, Part: l.part(p.Part, below(info.Path, "run", p.Part))}
	for i := range p.Shadows {
		s := &p.Shadows[i]
		path := below(info.Path, fmt.Sprintf("shadow[%d]", i), s.To)
		n.Shadows = append(n.Shadows, Shadow{
			Key: fullName(l.p.Namespace, l.p.Name) + "#" + path, To: l.part(s.To, path), Percent: s.Percent, By: l.conditions[s.Key], InFlight: s.InFlight, Timeout: s.Timeout, Compare: s.Compare,
		})
	}
	return n
}
