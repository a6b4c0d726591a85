package plan

import (
	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
)

// Compile checks g, links it with what r finds and compiles it. The plan is nil where the findings have an error; findings
// with Warming set mean that g may be right once another object is there.
func Compile(g *ast.Graph, r Resolver) (*Plan, []Diagnostic) {
	l := &linker{r: r, origin: g.Origin, p: &Plan{Namespace: g.Namespace, Name: g.Name, Rules: g.Rules, Origin: g.Origin, Askable: g.Askable}}
	root, ok := l.graph(g, "")
	if !ok {
		return nil, l.found
	}
	p := l.p
	p.Root = prune(root, &l.found, g.Name)
	t := checkTypes(p, g)
	l.found = append(l.found, t.found...)
	checkRows(p, &l.found)
	if failed(l.found) {
		return nil, l.found
	}
	typeAnswers(t.answers)
	p.Inputs, p.Outputs, p.Answer = t.inputs(g), t.outputs(g), t.answer()
	markDecoding(p)
	share(p)
	p.Need = need(p.Root)
	p.Calls = calls(p.Root)
	if c, ok := p.Root.(*Call); ok && !c.HasPolicies() && !c.Tolerate {
		p.Single = c
	}
	return p, l.found
}

// failed tells whether a finding stands against the plan, be it only for now.
func failed(ds []Diagnostic) bool {
	for i := range ds {
		if ds[i].Severity == diagnostic.Error {
			return true
		}
	}
	return false
}

// calls lists all calls in the order of the graph.
func calls(n Node) []*Call {
	var all []*Call
	walk(n, func(n Node) {
		if c, ok := n.(*Call); ok {
			all = append(all, c)
		}
	})
	return all
}

// walk calls f with n and every node below it, in order, once each.
func walk(n Node, f func(Node)) {
	f(n)
	for _, c := range children(n) {
		walk(c, f)
	}
}

// children are the nodes right below n, in the order in which they stand.
func children(n Node) []Node {
	var out []Node
	add := func(ns ...Node) {
		for _, c := range ns {
			if c != nil {
				out = append(out, c)
			}
		}
	}
	switch n := n.(type) {
	case *Graph:
		add(n.Root)
	case *Chain:
		add(n.Parts...)
	case *Steps:
		for i := range n.Steps {
			add(n.Steps[i].Part)
		}
	case *Parallel:
		add(n.Parts...)
		if n.Combine.Server != nil {
			add(n.Combine.Server)
		}
	case *Choose:
		if n.Router != nil {
			add(n.Router)
		}
		for i := range n.With {
			if i == n.source(i) {
				add(n.With[i].Part)
			}
		}
		for i := range n.Arms {
			add(n.Arms[i].Part)
		}
		add(n.Else)
	case *Cascade:
		for i := range n.Tries {
			add(n.Tries[i].Part)
		}
		add(n.Else)
	case *Guard:
		add(n.Then, n.Else)
	case *Original:
		add(n.Part)
	case *Scope:
		add(n.Part)
	case *Tap:
		add(n.Part)
		for i := range n.Shadows {
			add(n.Shadows[i].To)
		}
	}
	return out
}

// source returns the first value of the `with` that has the same part as value i.
func (n *Choose) source(i int) int {
	for j := range n.With {
		if n.With[j].Part == n.With[i].Part {
			return j
		}
	}
	return i
}
