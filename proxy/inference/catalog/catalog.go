package catalog

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/xds/api/algebra"
	pb "github.com/millrace/millrace/xds/api/graphv1"
	"github.com/millrace/millrace/xds/client"
	"github.com/millrace/millrace/xds/status"
)

// Type URLs of the resources that the catalog takes.
const (
	ModelType = "type.googleapis.com/millrace.graph.v1.Model"
	GraphType = "type.googleapis.com/millrace.graph.v1.InferenceGraph"
)

// Limits bound expressions.
type Limits struct {
	Disabled                    bool
	MaxCalls, MaxBytes, MaxPlan int
}

// Catalog owns the models and graphs. It is safe for concurrent use.
type Catalog struct {
	refs    func(string) *cluster.Ref
	current atomic.Pointer[Snapshot]

	mu     sync.Mutex // guards what follows
	models map[string]*slot[*Model]
	graphs map[string]*slot[*Graph]
	log    map[string]*record // by type URL and name
	limits Limits
}

// slot is one resource: what serves, and what waits to take its place.
type slot[T any] struct {
	serving, warming T
}

// Graph is one decoded graph with its plan.
type Graph struct {
	*ast.Graph
	Address *pb.Address
	Plan    *plan.Plan
	// Found is why there is no plan yet.
	Found []diagnostic.Diagnostic
	deps  map[string]any // what its names resolved to
}

// FullName returns namespace/name.
func (g *Graph) FullName() string { return g.Namespace + "/" + g.Name }

// New returns an empty catalog; refs resolves clusters by name.
func New(refs func(string) *cluster.Ref) *Catalog {
	c := &Catalog{refs: refs, models: map[string]*slot[*Model]{}, graphs: map[string]*slot[*Graph]{}, log: map[string]*record{}}
	c.limits = Limits{MaxCalls: 32, MaxBytes: 1024, MaxPlan: 1024}
	c.current.Store(c.build())
	return c
}

// SetLimits bounds expressions from now on; zero values keep the defaults.
func (c *Catalog) SetLimits(l Limits) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limits.Disabled = l.Disabled
	for _, v := range []struct {
		to   *int
		from int
	}{{&c.limits.MaxCalls, l.MaxCalls}, {&c.limits.MaxBytes, l.MaxBytes}, {&c.limits.MaxPlan, l.MaxPlan}} {
		if v.from > 0 {
			*v.to = v.from
		}
	}
	c.settleLocked()
}

// Snapshot returns what serves now.
func (c *Catalog) Snapshot() *Snapshot { return c.current.Load() }

// Apply takes an update of models or graphs. Each resource is judged alone.
func (c *Catalog) Apply(u client.Update) []status.ResourceError {
	var refused []status.ResourceError
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range u.Resources {
		var (
			m   proto.Message
			err error
		)
		if u.TypeURL == ModelType {
			m, err = c.takeModel(r)
		} else {
			m, err = c.takeGraph(r)
		}
		c.noteLocked(u.TypeURL, r, m, err)
		if err != nil {
			refused = append(refused, resourceError(r.Name, err))
		}
	}
	for _, name := range u.Removed {
		delete(c.log, u.TypeURL+" "+name)
		if s := c.models[name]; u.TypeURL == ModelType && s != nil {
			delete(c.models, name)
		}
		if s := c.graphs[name]; u.TypeURL == GraphType && s != nil {
			delete(c.graphs, name)
		}
	}
	c.settleLocked()
	return refused
}

func resourceError(name string, err error) status.ResourceError {
	e := status.ResourceError{Name: name, Code: string(algebra.CodeBadValue), Message: err.Error()}
	var d diagnostic.Diagnostic
	if errors.As(err, &d) {
		e.Code = string(d.Code)
	}
	return e
}

func (c *Catalog) takeModel(r client.Resource) (proto.Message, error) {
	m := new(pb.Model)
	if err := r.Body.UnmarshalTo(m); err != nil {
		return nil, err
	}
	if found := algebra.CheckModel(m); len(found) > 0 {
		return nil, all(found)
	}
	model, err := newModel(m, c.refs)
	if err != nil {
		return nil, err
	}
	s := c.models[r.Name]
	if s == nil {
		s = &slot[*Model]{}
		c.models[r.Name] = s
	}
	s.warming = model
	return m, nil
}

func (c *Catalog) takeGraph(r client.Resource) (proto.Message, error) {
	m := new(pb.InferenceGraph)
	if err := r.Body.UnmarshalTo(m); err != nil {
		return nil, err
	}
	g, found := algebra.DecodeGraph(m)
	if len(found) > 0 {
		return nil, all(found)
	}
	if found := plan.Check(g); diagnostic.Fatal(found) {
		return nil, all(found)
	}
	s := c.graphs[r.Name]
	if s == nil {
		s = &slot[*Graph]{}
		c.graphs[r.Name] = s
	}
	s.warming = &Graph{Graph: g, Address: m.GetAddress()}
	return m, nil
}

// all makes one error of several findings; its code is the first one's.
func all(found []diagnostic.Diagnostic) error {
	d := found[0]
	var more []string
	for _, f := range found[1:] {
		more = append(more, f.String())
	}
	if len(more) > 0 {
		d.Message += "\n" + strings.Join(more, "\n")
	}
	return d
}

// Settle looks again at what waits; it is called when a cluster became usable.
func (c *Catalog) Settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.models {
		if s.warming != nil {
			c.settleLocked()
			return
		}
	}
	for _, s := range c.graphs {
		if s.warming != nil {
			c.settleLocked()
			return
		}
	}
}

// Expire lets everything that waits serve as it is: the time for its clusters to come is over.
func (c *Catalog) Expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.models {
		if s.warming != nil {
			s.serving, s.warming = s.warming, nil
		}
	}
	c.settleLocked()
}

// settleLocked moves what can serve into service and publishes a snapshot.
func (c *Catalog) settleLocked() {
	for _, s := range c.models {
		if s.warming != nil && s.warming.warm() {
			s.serving, s.warming = s.warming, nil
		}
	}
	c.current.Store(c.build())
}

// warm tells whether all clusters of the model are there.
func (m *Model) warm() bool {
	return !slices.ContainsFunc(m.waits, func(r *cluster.Ref) bool { return r.Load() == nil })
}

// build makes the snapshot of what serves, and links graphs whose names resolve to something new.
func (c *Catalog) build() *Snapshot {
	s := &Snapshot{
		models: make(map[string]*Model, len(c.models)), graphs: make(map[string]*Graph, len(c.graphs)), bare: map[string][]string{},
		seldon: map[string]*Target{}, kserve: map[string]*Target{}, limits: c.limits, waiting: map[string]string{},
	}
	for name, sl := range c.models {
		switch {
		case sl.serving != nil:
			s.models[name] = sl.serving
		case sl.warming != nil:
			s.waiting[name] = sl.warming.waitsFor()
		}
	}
	candidates := make(map[string]*Graph, len(c.graphs))
	for name, sl := range c.graphs {
		if candidates[name] = sl.serving; sl.warming != nil {
			candidates[name] = sl.warming
		}
	}
	for name, sl := range c.graphs {
		g := candidates[name]
		if g.deps == nil || !g.current(s.models, candidates) {
			g = link(g, s.models, candidates)
		}
		switch {
		case g.Plan != nil:
			sl.serving, sl.warming = g, nil
		case sl.warming != nil:
			// The newest form cannot serve yet: the one before goes on, relinked if its models changed.
			sl.warming = g
			if was := sl.serving; was != nil {
				if !was.current(s.models, candidates) {
					if again := link(was, s.models, candidates); again.Plan != nil {
						sl.serving = again
					}
				}
			} else {
				s.waiting[name] = first(g.Found)
			}
		default:
			// It served, and what it names is gone: it keeps its plan, whose calls say which part is missing.
			if sl.serving.Plan == nil {
				sl.serving, sl.warming = nil, g
				s.waiting[name] = first(g.Found)
			}
		}
		if sl.serving != nil && sl.serving.Plan != nil {
			s.graphs[name] = sl.serving
		}
	}
	s.index()
	return s
}

func first(found []diagnostic.Diagnostic) string {
	if len(found) == 0 {
		return ""
	}
	return found[0].Message
}

func (m *Model) waitsFor() string {
	for _, r := range m.waits {
		if r.Load() == nil {
			return "cluster " + r.Name() + " is not there yet"
		}
	}
	return ""
}

// current tells whether all names of the graph resolve to what they did.
func (g *Graph) current(models map[string]*Model, graphs map[string]*Graph) bool {
	for name, was := range g.deps {
		if lookup(models, graphs, name) != was {
			return false
		}
	}
	return true
}

func lookup(models map[string]*Model, graphs map[string]*Graph, name string) any {
	if m := models[name]; m != nil {
		return m
	}
	if g := graphs[name]; g != nil {
		return g.Graph
	}
	return nil
}

// link compiles g against what there is.
func link(g *Graph, models map[string]*Model, graphs map[string]*Graph) *Graph {
	out := &Graph{Graph: g.Graph, Address: g.Address, deps: map[string]any{}}
	p, found := plan.Compile(g.Graph, &resolver{models: models, graphs: graphs, deps: out.deps})
	out.Found = found
	if !slices.ContainsFunc(found, func(d diagnostic.Diagnostic) bool { return d.Severity == diagnostic.Error }) {
		out.Plan = p
	}
	return out
}

// resolver resolves names for one compilation and notes them.
type resolver struct {
	models  map[string]*Model
	graphs  map[string]*Graph
	deps    map[string]any
	askable bool // only what expressions may name
}

func (r *resolver) note(name string) {
	if r.deps != nil {
		r.deps[name] = lookup(r.models, r.graphs, name)
	}
}

func (r *resolver) Model(namespace, name, _ string) (*plan.Model, bool) {
	full := namespace + "/" + name
	r.note(full)
	m := r.models[full]
	if m == nil || r.askable && !m.Askable {
		return nil, false
	}
	return &m.Model, true
}

func (r *resolver) Graph(namespace, name string) (*ast.Graph, bool) {
	full := namespace + "/" + name
	r.note(full)
	g := r.graphs[full]
	if g == nil || r.askable && !g.Askable {
		return nil, false
	}
	return g.Graph, true
}

func (r *resolver) Near(namespace, name string) []string {
	return contract.Near(name, slices.Sorted(names(r.models, r.graphs, namespace, r.askable)))
}

// names ranges over the plain names of a namespace that a person may have meant.
func names(models map[string]*Model, graphs map[string]*Graph, namespace string, askable bool) func(func(string) bool) {
	out := map[string]bool{}
	for full, m := range models {
		if ns, n, _ := strings.Cut(full, "/"); ns == namespace && !strings.Contains(n, ".") && (m.Askable || !askable) {
			out[n] = true
		}
	}
	for full, g := range graphs {
		if ns, n, _ := strings.Cut(full, "/"); ns == namespace && (!askable || g.Askable) {
			out[n] = true
		}
	}
	return maps.Keys(out)
}
