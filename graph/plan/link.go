package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/condition"
	"github.com/millrace/millrace/protocol/message"
)

// linker resolves the names of a graph and makes nodes of its parts. Nested graphs become part of the plan.
type linker struct {
	r      Resolver
	p      *Plan
	origin string
	found  []Diagnostic
	under  []string // the graphs being linked, outermost first

	g          *ast.Graph
	conditions map[*ast.Condition]*condition.Condition
	// prefix leads to the nested graph; keys of nodes begin with it.
	prefix string
}

// graph checks and links one graph. It is not ok where the graph cannot be linked at all.
func (l *linker) graph(g *ast.Graph, prefix string) (Node, bool) {
	c := newChecker(g)
	c.graph()
	if len(l.under) == 0 {
		l.found = append(l.found, c.found...)
	}
	if failed(c.found) {
		return nil, false
	}
	outer := *l
	l.g, l.conditions, l.prefix = g, c.conditions, prefix
	l.under = append(slices.Clip(l.under), fullName(g.Namespace, g.Name))
	root := l.part(g.Root, prefix+below("", "", g.Root))
	l.g, l.conditions, l.prefix, l.under = outer.g, outer.conditions, outer.prefix, outer.under
	return root, root != nil
}

func fullName(namespace, name string) string { return namespace + "/" + name }

func (l *linker) report(d Diagnostic, pos ast.Position) {
	if !pos.Known() {
		pos = l.g.Pos
	}
	d.Pos, d.Graph = pos, l.g.Name
	l.found = append(l.found, d)
}

// info makes what every node has.
func (l *linker) info(p ast.Part, path string) Info {
	b := p.Base()
	i := Info{
		ID: l.p.Nodes, Name: partName(p), Path: path, Key: fullName(l.p.Namespace, l.p.Name) + "#" + path, Graph: l.g.Name, Pos: b.Pos,
		Timeout: b.Policies.Timeout, Breaker: b.Policies.Breaker, Optional: b.Policies.Optional,
	}
	if r := b.Policies.Retry; r != nil && (r.Attempts > 1 || r.PerTryTimeout > 0) {
		on, _ := parseRetryOn(r.On)
		i.Retry = &Retry{Attempts: r.Attempts, PerTry: r.PerTryTimeout, On: on}
	}
	l.p.Nodes++
	return i
}

func (l *linker) parts(parts []ast.Part, operator, path string) []Node {
	nodes := make([]Node, len(parts))
	for i, p := range parts {
		nodes[i] = l.part(p, below(path, fmt.Sprintf("%s[%d]", operator, i), p))
	}
	return nodes
}

// part links one part. What cannot be resolved is reported, and stands as a call without a model, which no plan keeps.
func (l *linker) part(p ast.Part, path string) Node {
	if p == nil {
		return nil
	}
	if l.p.Nodes == maxNodes {
		l.report(Diagnostic{Code: CodeSize, Path: path, Message: fmt.Sprintf("the graph has more than %d parts with those of the graphs that it calls", maxNodes)}, p.Base().Pos)
	}
	info := l.info(p, path)
	if l.p.Nodes > maxNodes {
		return &Pass{Info: info}
	}
	switch p := p.(type) {
	case *ast.Call:
		return l.call(p, info)
	case *ast.Chain:
		return &Chain{Info: info, Parts: l.parts(p.Parts, "chain", path)}
	case *ast.Parallel:
		return l.parallel(p, info)
	case *ast.Steps:
		return l.steps(p, info)
	case *ast.Choose:
		return l.choose(p, info)
	case *ast.Cascade:
		n := &Cascade{Info: info, Rows: p.Rows, Else: l.part(p.Else, below(path, "else", p.Else))}
		for i := range p.Tries {
			t := &p.Tries[i]
			n.Tries = append(n.Tries, Try{Part: l.part(t.Part, below(path, fmt.Sprintf("cascade[%d]", i), t.Part)), Accept: l.conditions[t.Accept]})
		}
		return n
	case *ast.Map:
		n := &Map{Info: info}
		for _, op := range p.Operations {
			n.Operations = append(n.Operations, Operation{Operation: op, Value: l.conditions[op.Value]})
		}
		return n
	case *ast.Answer:
		return &Answer{Info: info, Fields: p.Fields, JSON: p.JSON, Failure: p.Failure, Status: p.Status}
	case *ast.Pass:
		return &Pass{Info: info, Status: p.Status}
	case *ast.Guard:
		return &Guard{Info: info, If: l.conditions[p.If], Then: l.part(p.Then, below(path, "then", p.Then)), Else: l.part(p.Else, below(path, "else", p.Else))}
	case *ast.Original:
		return &Original{Info: info, Part: l.part(p.Part, below(path, "original", p.Part))}
	case *ast.Scope:
		info.Key += "@scope" // its part has the same path
		return &Scope{Info: info, Part: l.part(p.Part, path)}
	case *ast.Tap:
		return l.tap(p, info)
	}
	return &Pass{Info: info}
}

// call finds what a call names: a model, or a graph.
func (l *linker) call(p *ast.Call, info Info) Node {
	namespace, name := l.g.Namespace, p.Model
	if ns, n, ok := strings.Cut(p.Model, "/"); ok {
		namespace, name = ns, n
	}
	if m, ok := l.r.Model(namespace, name, p.Version); ok {
		if l.origin == "expression" && !m.Askable {
			l.report(Diagnostic{Code: CodeNotAskable, Path: info.Path, Message: fmt.Sprintf("model %q is not askable", p.Model), Remedy: "set `askable: true` on the model"}, p.Pos)
		}
		return &Call{Info: info, Model: m, Version: p.Version, Method: p.Method, Parameters: p.Parameters, Tolerate: p.Tolerate, As: p.As}
	}
	if g, ok := l.r.Graph(namespace, name); ok && p.Version == "" && p.Method == message.Predict {
		return l.nested(g, p, info)
	}
	d := Diagnostic{Code: CodeUnknown, Path: info.Path, Warming: true}
	if _, other := l.r.Model(namespace, name, ""); other && p.Version != "" {
		d.Message = fmt.Sprintf("model %q has no version %q", p.Model, p.Version)
	} else {
		d.Message = fmt.Sprintf("no model %q", p.Model)
		if near := l.r.Near(namespace, name); len(near) > 0 {
			d.Remedy = "did you mean " + quoted(near) + "?"
		}
	}
	l.report(d, p.Pos)
	return &Call{Info: info, Model: &Model{Namespace: namespace, Name: name}, Method: p.Method, unknown: true}
}

// nested makes a graph that is called a part of the plan.
func (l *linker) nested(g *ast.Graph, p *ast.Call, info Info) Node {
	full := fullName(g.Namespace, g.Name)
	if i := slices.Index(l.under, full); i >= 0 {
		way := strings.Join(append(slices.Clone(l.under[i:]), full), " → ")
		l.report(Diagnostic{Code: CodeCycle, Path: info.Path, Message: "graphs call each other in a circle: " + way}, p.Pos)
		return &Pass{Info: info}
	}
	if l.origin == "expression" && !g.Askable {
		l.report(Diagnostic{Code: CodeNotAskable, Path: info.Path, Message: fmt.Sprintf("graph %q is not askable", p.Model), Remedy: "set `askable: true` on the graph"}, p.Pos)
	}
	if !slices.Contains(l.p.Graphs, full) {
		l.p.Graphs = append(l.p.Graphs, full)
	}
	before := len(l.found)
	root, ok := l.graph(g, info.Path+"/")
	if !ok {
		if !failed(l.found[before:]) {
			l.report(Diagnostic{Code: CodeNested, Path: info.Path, Warming: true, Message: fmt.Sprintf("graph %q has errors of its own", p.Model)}, p.Pos)
		}
		return &Pass{Info: info}
	}
	return &Graph{Info: info, Root: root}
}

func quoted(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(q, " or ")
}
