package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/frontend/document"
)

// link is the outcome of checking one graph against the set, and what it depends on.
type link struct {
	found []diagnostic.Diagnostic
	deps  map[string]any // full name → the object that was found, nil where none was
	// servers are those of the models that were found, by full name: they say which dialects a model has.
	servers map[string]*frontend.Server
}

func (l *link) bad() bool {
	return slices.ContainsFunc(l.found, func(d diagnostic.Diagnostic) bool { return d.Severity == diagnostic.Error })
}

// current tells whether all that the graph named is still what it was.
func (l *link) current(set *set) bool {
	for name, was := range l.deps {
		if set.lookup(name) != was {
			return false
		}
	}
	for name, was := range l.servers {
		if set.servers[name] != was {
			return false
		}
	}
	return true
}

// set is one consistent set of objects.
type set struct {
	options Options
	servers map[string]*frontend.Server
	models  map[string]*frontend.Model
	graphs  map[string]*frontend.Graph
	plans   map[string]*plan.Model
	places  map[string]*frontend.Server // by place, the first of those that share one
}

func newSet(o Options) *set {
	return &set{options: o, servers: map[string]*frontend.Server{}, models: map[string]*frontend.Model{}, graphs: map[string]*frontend.Graph{}, plans: map[string]*plan.Model{}, places: map[string]*frontend.Server{}}
}

func (t *set) lookup(name string) any {
	if m := t.models[name]; m != nil {
		return m
	}
	if g := t.graphs[name]; g != nil {
		return g
	}
	return nil
}

// add takes the objects of one document, or none of them where one has a name that is taken.
func (t *set) add(o *frontend.Objects, found *[]diagnostic.Diagnostic) bool {
	ok := true
	taken := func(kind, name string, pos, other ast.Position) {
		ok = false
		*found = append(*found, diagnostic.Diagnostic{Code: document.CodeTwice, Pos: pos, Message: fmt.Sprintf("%s %s has a name that is taken at %s", kind, name, other), Remedy: "rename one: models and graphs share their names"})
	}
	for _, s := range o.Servers {
		if other := t.servers[s.Namespace+"/"+s.Name]; other != nil {
			taken("server", s.Name, s.Pos, other.Pos)
		}
	}
	for _, m := range o.Models {
		if other, is := t.position(m.Namespace + "/" + m.Name); is {
			taken("model", m.Name, m.Pos, other)
		}
	}
	for _, g := range o.Graphs {
		if other, is := t.position(g.Namespace + "/" + g.Name); is {
			taken("graph", g.Name, g.Pos, other)
		}
	}
	if !ok {
		return false
	}
	for _, s := range o.Servers {
		t.servers[s.Namespace+"/"+s.Name] = s
	}
	for _, m := range o.Models {
		t.models[m.Namespace+"/"+m.Name] = m
	}
	for _, g := range o.Graphs {
		t.graphs[g.Namespace+"/"+g.Name] = g
	}
	return true
}

// remove takes back what add added.
func (t *set) remove(o *frontend.Objects) {
	for _, s := range o.Servers {
		delete(t.servers, s.Namespace+"/"+s.Name)
	}
	for _, m := range o.Models {
		delete(t.models, m.Namespace+"/"+m.Name)
	}
	for _, g := range o.Graphs {
		delete(t.graphs, g.Namespace+"/"+g.Name)
	}
}

// position returns where the model or graph of that name stands.
func (t *set) position(name string) (ast.Position, bool) {
	if m := t.models[name]; m != nil {
		return m.Pos, true
	}
	if g := t.graphs[name]; g != nil {
		return g.Pos, true
	}
	return ast.Position{}, false
}

// serverNames lists the servers of a namespace that have a name of their own.
func (t *set) serverNames(namespace string) []string {
	var names []string
	for full := range t.servers {
		if ns, name, _ := strings.Cut(full, "/"); ns == namespace && !strings.Contains(name, ".") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// link checks g against the set.
func (t *set) link(g *frontend.Graph) *link {
	l := &link{deps: map[string]any{}, servers: map[string]*frontend.Server{}}
	_, l.found = plan.Compile(g.Graph, &resolver{set: t, deps: l.deps, servers: l.servers})
	return l
}

// askable returns g as expressions may see it here.
func (t *set) askable(g *frontend.Graph) *frontend.Graph {
	if g.AskableSet || g.Askable == t.options.Askable || g.Origin != "InferenceGraph" {
		return g
	}
	copied := *g.Graph
	copied.Askable = t.options.Askable
	return &frontend.Graph{Graph: &copied, Address: g.Address}
}

// resolver resolves the names of one graph and notes them.
type resolver struct {
	set     *set
	deps    map[string]any
	servers map[string]*frontend.Server
}

func (r *resolver) Model(namespace, name, version string) (*plan.Model, bool) {
	full := namespace + "/" + name
	r.deps[full] = r.set.lookup(full)
	m := r.set.models[full]
	if m == nil {
		return nil, false
	}
	server := m.Namespace + "/" + m.Server
	r.servers[server] = r.set.servers[server]
	if p := r.set.plans[full]; p != nil {
		return p, true
	}
	p := PlanModel(m, r.set.servers[server], r.set.options.Askable)
	r.set.plans[full] = p
	return p, true
}

func (r *resolver) Graph(namespace, name string) (*ast.Graph, bool) {
	full := namespace + "/" + name
	r.deps[full] = r.set.lookup(full)
	g := r.set.graphs[full]
	if g == nil {
		return nil, false
	}
	return g.Graph, true
}

func (r *resolver) Near(namespace, name string) []string {
	var names []string
	for full := range r.set.models {
		if ns, n, _ := strings.Cut(full, "/"); ns == namespace && !strings.Contains(n, ".") {
			names = append(names, n)
		}
	}
	for full := range r.set.graphs {
		if ns, n, _ := strings.Cut(full, "/"); ns == namespace {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return contract.Near(name, names)
}

// PlanModel returns what the plan compiler needs to know of a model; server may be nil.
func PlanModel(m *frontend.Model, server *frontend.Server, askable bool) *plan.Model {
	p := &plan.Model{
		Namespace: m.Namespace, Name: m.Name, Contract: m.Contract, Batched: m.Contract.Batched(), Pure: m.Pure,
		Idempotent: true, Askable: askable,
	}
	if m.Askable != nil {
		p.Askable = *m.Askable
	}
	if server == nil {
		return p
	}
	protocol := server.Protocol
	if m.Opaque {
		protocol = frontend.Opaque
	}
	for _, t := range []frontend.Transport{frontend.REST, frontend.GRPC} {
		if d, ok := protocol.Dialect(t); ok && (len(server.URLs) == 0 || slices.ContainsFunc(server.URLs, func(u frontend.URL) bool { return u.Transport == t })) {
			p.Dialects = append(p.Dialects, d)
		}
	}
	return p
}

// checkServers finds servers of which nothing says where they run, and bindings that lead nowhere.
func (t *set) checkServers(bindings binds, found *[]diagnostic.Diagnostic) {
	for _, full := range slices.Sorted(maps.Keys(t.servers)) {
		s := t.servers[full]
		if t.places[s.Place] == nil {
			t.places[s.Place] = s
		}
		if len(s.URLs) > 0 || s.Run != nil || bindings[s.Place] != nil {
			continue
		}
		*found = append(*found, diagnostic.Diagnostic{
			Code: CodeNoAddress, Severity: diagnostic.Warning, Pos: s.Pos, Message: fmt.Sprintf("nothing says where %s runs", s.Place),
			Remedy: fmt.Sprintf("add it to millrace.local.yaml beside this file: `%s: {urls: [\"http://127.0.0.1:9000\"]}`, or with a command", s.Place),
		})
	}
	known := slices.Sorted(maps.Keys(t.places))
	for _, name := range slices.Sorted(maps.Keys(bindings)) {
		b := bindings[name]
		if t.places[name] == nil && t.models["default/"+name] == nil {
			*found = append(*found, diagnostic.Diagnostic{
				Code: document.CodeReference, Severity: diagnostic.Warning, Pos: b.Pos, Message: fmt.Sprintf("the binding %q is of no object in these files", name), Remedy: contract.Suggest(name, known),
			})
		}
		if b.Server != "" && t.places[b.Server] == nil && bindings[b.Server] == nil {
			*found = append(*found, diagnostic.Diagnostic{
				Code: document.CodeReference, Pos: b.Pos, Message: fmt.Sprintf("the binding of %s names the server %q, which is not there", name, b.Server), Remedy: contract.Suggest(b.Server, known),
			})
		}
	}
}
