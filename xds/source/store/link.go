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

// settle decides which candidates serve and fills the snapshot.
func (s *Store) settle(candidates map[document.Key]*entry, snap *Snapshot, found *[]diagnostic.Diagnostic) {
	keys := slices.SortedFunc(maps.Keys(candidates), func(a, b document.Key) int { return strings.Compare(a.String(), b.String()) })
	set := newSet(s.options)
	for _, k := range keys {
		set.add(candidates[k].objects, found)
	}
	set.checkServers(snap.Bindings, found)
	serving := map[document.Key]*entry{}
	links := map[*frontend.Graph]*link{}
	for _, k := range keys {
		e := candidates[k]
		bad := false
		for _, g := range e.objects.Graphs {
			l := s.links[g]
			if l == nil || !l.current(set) {
				l = set.link(g)
			}
			links[g] = l
			*found = append(*found, l.found...)
			bad = bad || l.bad()
		}
		if bad {
			// The edit does not fit the other objects: what served before goes on.
			old := s.serving[k]
			if old == nil {
				continue
			}
			for _, g := range old.objects.Graphs {
				if kept := s.links[g]; kept != nil {
					links[g] = kept
				}
			}
			e = old
		}
		serving[k] = e
	}
	s.serving, s.links = serving, links
	for _, k := range keys {
		if e := serving[k]; e != nil {
			snap.Servers = append(snap.Servers, e.objects.Servers...)
			snap.Models = append(snap.Models, e.objects.Models...)
			for _, g := range e.objects.Graphs {
				snap.Graphs = append(snap.Graphs, set.askable(g))
			}
			snap.entries = append(snap.entries, e)
		}
	}
	snap.set = set
}

// link is the outcome of checking one graph against the set, and what it depends on.
type link struct {
	found []diagnostic.Diagnostic
	plan  *plan.Plan
	deps  map[string]any // full name → the object that was found, nil where none was
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
	return true
}

// set is one consistent set of objects.
type set struct {
	options Options
	servers map[string]*frontend.Server
	models  map[string]*frontend.Model
	graphs  map[string]*frontend.Graph
	plans   map[string]*plan.Model
}

func newSet(o Options) *set {
	return &set{options: o, servers: map[string]*frontend.Server{}, models: map[string]*frontend.Model{}, graphs: map[string]*frontend.Graph{}, plans: map[string]*plan.Model{}}
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

// add takes the objects of one document; names that are taken are refused.
func (t *set) add(o *frontend.Objects, found *[]diagnostic.Diagnostic) {
	taken := func(kind, name string, pos, other ast.Position) {
		*found = append(*found, diagnostic.Diagnostic{Code: document.CodeTwice, Pos: pos, Message: fmt.Sprintf("%s %s has a name that is taken at %s", kind, name, other), Remedy: "rename one: models and graphs share their names"})
	}
	for _, s := range o.Servers {
		t.servers[s.Namespace+"/"+s.Name] = s
	}
	for _, m := range o.Models {
		name := m.Namespace + "/" + m.Name
		if g := t.graphs[name]; g != nil {
			taken("model", m.Name, m.Pos, g.Pos)
			continue
		}
		t.models[name] = m
	}
	for _, g := range o.Graphs {
		name := g.Namespace + "/" + g.Name
		switch {
		case t.models[name] != nil:
			taken("graph", g.Name, g.Pos, t.models[name].Pos)
		case t.graphs[name] != nil:
			taken("graph", g.Name, g.Pos, t.graphs[name].Pos)
		default:
			t.graphs[name] = g
		}
	}
}

// link checks g against the set.
func (t *set) link(g *frontend.Graph) *link {
	l := &link{deps: map[string]any{}}
	l.plan, l.found = plan.Compile(g.Graph, &resolver{set: t, deps: l.deps})
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
	set  *set
	deps map[string]any
}

func (r *resolver) Model(namespace, name, version string) (*plan.Model, bool) {
	full := namespace + "/" + name
	r.deps[full] = r.set.lookup(full)
	m := r.set.models[full]
	if m == nil {
		return nil, false
	}
	if p := r.set.plans[full]; p != nil {
		return p, true
	}
	p := PlanModel(m, r.set.servers[m.Namespace+"/"+m.Server], r.set.options.Askable)
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

// checkServers finds references to servers that are not there, and servers of which nothing says where they run.
func (t *set) checkServers(bindings binds, found *[]diagnostic.Diagnostic) {
	var names []string
	for full := range t.servers {
		names = append(names, full[strings.IndexByte(full, '/')+1:])
	}
	slices.Sort(names)
	for _, full := range slices.Sorted(maps.Keys(t.models)) {
		m := t.models[full]
		if m.Server != "" && t.servers[m.Namespace+"/"+m.Server] == nil {
			*found = append(*found, diagnostic.Diagnostic{
				Code: document.CodeReference, Pos: m.Pos, Message: fmt.Sprintf("model %s: there is no server %q", m.Name, m.Server), Remedy: contract.Suggest(m.Server, names),
			})
		}
	}
	for _, full := range slices.Sorted(maps.Keys(t.servers)) {
		s := t.servers[full]
		b := bindings[s.Place]
		if b.Apply(s); len(s.URLs) > 0 || s.Run != nil || b != nil {
			continue
		}
		*found = append(*found, diagnostic.Diagnostic{
			Code: CodeNoAddress, Severity: diagnostic.Warning, Pos: s.Pos, Message: fmt.Sprintf("nothing says where %s runs", s.Place),
			Remedy: fmt.Sprintf("add it to millrace.local.yaml beside this file: `%s: {urls: [\"http://127.0.0.1:9000\"]}`, or with a command", s.Place),
		})
	}
	for _, name := range slices.Sorted(maps.Keys(bindings)) {
		b := bindings[name]
		known := slices.ContainsFunc(slices.Collect(maps.Values(t.servers)), func(s *frontend.Server) bool { return s.Place == name })
		if !known && t.models["default/"+name] == nil {
			*found = append(*found, diagnostic.Diagnostic{
				Code: document.CodeReference, Severity: diagnostic.Warning, Pos: b.Pos, Message: fmt.Sprintf("the binding %q is of no object in these files", name), Remedy: contract.Suggest(name, names),
			})
		}
	}
}
