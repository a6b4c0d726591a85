package store

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/frontend/document"
	"github.com/millrace/millrace/xds/source/binding"
)

type binds = map[string]*binding.Binding

// Snapshot is what serves after one load. It is immutable.
type Snapshot struct {
	Version  uint64
	Servers  []*frontend.Server
	Models   []*frontend.Model
	Graphs   []*frontend.Graph
	Bindings map[string]*binding.Binding
	// Found is all that is wrong now, by file and line; errors keep an object from serving in its newest form.
	Found []diagnostic.Diagnostic
	// Changes are against the snapshot before.
	Changes []Change

	options Options
	entries []*entry
	files   []*file
	adopted []*frontend.Model // models that servers say they have
	sources map[string][]byte
	set     *set
}

// Change is what became of one object.
type Change struct {
	File string
	Key  document.Key
	Text string // "90/10 → 50/50", "+keywords", "added"
}

// Failed tells whether anything is an error.
func (s *Snapshot) Failed() bool {
	return slices.ContainsFunc(s.Found, func(d diagnostic.Diagnostic) bool { return d.Severity == diagnostic.Error })
}

// Source returns a file's text, for the caret under a finding.
func (s *Snapshot) Source(file string) []byte { return s.sources[file] }

// Render shows a finding with its source line and a caret.
func (s *Snapshot) Render(d diagnostic.Diagnostic) string {
	return document.Render(d, s.sources[d.Pos.File])
}

// Resolver resolves names as the graphs of the snapshot do.
func (s *Snapshot) Resolver() plan.Resolver {
	return &resolver{set: s.set, deps: map[string]any{}, servers: map[string]*frontend.Server{}}
}

// Server returns the server of that name, bound to this place, or the one that stands for it; nil where there is none.
func (s *Snapshot) Server(namespace, name string) *frontend.Server {
	srv := s.set.servers[namespace+"/"+name]
	if srv == nil {
		return nil
	}
	bound := s.Bindings[srv.Place].Apply(srv)
	if place := s.Place(srv); place != srv.Place && s.set.places[place] != nil {
		// A binding says that another server stands for it, which is called in this one's own protocol.
		other := s.Bindings[place].Apply(s.set.places[place])
		stand := *bound
		stand.URLs, stand.TLS, stand.Run, stand.Prefix, stand.External = other.URLs, other.TLS, other.Run, other.Prefix, other.External
		return &stand
	}
	if bound.External && len(bound.URLs) > 0 {
		if other := s.service(bound.URLs[0].Host, namespace); other != nil && other != srv {
			// The host is a service that an object stands for: its endpoints, called in the caller's own protocol.
			stand := *s.Bindings[other.Place].Apply(other)
			stand.Protocol, stand.Prefix = bound.Protocol, ""
			return &stand
		}
	}
	return bound
}

// service returns the server that a host name of the cluster's DNS stands for: name, name.namespace, name.namespace.svc…
func (s *Snapshot) service(host, namespace string) *frontend.Server {
	name, rest, dotted := strings.Cut(host, ".")
	if dotted {
		ns, _, _ := strings.Cut(rest, ".")
		namespace = ns
	}
	return s.set.servers[namespace+"/"+name]
}

// Place returns the place where a server runs, following a binding to another server.
func (s *Snapshot) Place(srv *frontend.Server) string {
	place := srv.Place
	for range 8 {
		b := s.Bindings[place]
		if b == nil || b.Server == "" {
			break
		}
		place = b.Server
	}
	return place
}

// changes compares snap with what served before.
func (s *Store) changes(snap *Snapshot) []Change {
	before := map[document.Key]*entry{}
	var out []Change
	if s.last != nil {
		for _, e := range s.last.entries {
			before[e.key] = e
		}
	}
	for _, e := range snap.entries {
		old := before[e.key]
		delete(before, e.key)
		switch {
		case old == nil:
			out = append(out, Change{e.file, e.key, "added " + short(e.key)})
		case old.print != e.print:
			out = append(out, Change{e.file, e.key, describe(old.objects, e.objects, e.key)})
		}
	}
	for _, e := range before {
		out = append(out, Change{e.file, e.key, "removed " + short(e.key)})
	}
	slices.SortFunc(out, func(a, b Change) int { return strings.Compare(a.File+a.Key.String(), b.File+b.Key.String()) })
	out = append(out, s.adoptions(snap)...)
	if s.last != nil && len(out) == 0 && !sameBindings(s.last.Bindings, snap.Bindings) {
		out = append(out, Change{File: bindingFile(snap), Text: "bindings changed"})
	}
	return out
}

func bindingFile(snap *Snapshot) string {
	for _, b := range snap.Bindings {
		return b.Pos.File
	}
	return binding.FileName
}

func sameBindings(a, b binds) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if !same(v, b[k]) {
			return false
		}
	}
	return true
}

// same tells whether two bindings say the same, wherever they stand.
func same(a, b *binding.Binding) bool {
	if a == b || b == nil {
		return a == b
	}
	x, y := *a, *b
	x.Pos, y.Pos = ast.Position{}, ast.Position{}
	x.URLs, y.URLs = placeless(x.URLs), placeless(y.URLs)
	if x.Run != nil && y.Run != nil {
		rx, ry := *x.Run, *y.Run
		rx.Pos, ry.Pos = ast.Position{}, ast.Position{}
		x.Run, y.Run = &rx, &ry
	}
	return reflect.DeepEqual(x, y)
}

func placeless(urls []frontend.URL) []frontend.URL {
	out := slices.Clone(urls)
	for i := range out {
		out[i].Pos = ast.Position{}
	}
	return out
}

func short(k document.Key) string { return strings.ToLower(k.Kind[:1]) + k.Kind[1:] + " " + k.Name }

// describe says in a few words how an object changed.
func describe(before, after *frontend.Objects, key document.Key) string {
	if len(before.Graphs) == 1 && len(after.Graphs) == 1 {
		b, a := before.Graphs[0].Root, after.Graphs[0].Root
		var words []string
		if wb, wa := weights(b), weights(a); wb != wa && wb != "" && wa != "" {
			words = append(words, wb+" → "+wa)
		}
		cb, ca := calls(b), calls(a)
		for _, c := range ca {
			if !slices.Contains(cb, c) {
				words = append(words, "+"+c)
			}
		}
		for _, c := range cb {
			if !slices.Contains(ca, c) {
				words = append(words, "-"+c)
			}
		}
		if len(words) > 0 {
			return strings.Join(words, ", ")
		}
	}
	return "changed " + short(key)
}

// weights lists the weights of every split, as 90/10.
func weights(p ast.Part) string {
	var out []string
	ast.Walk(p, func(p ast.Part) {
		if c, ok := p.(*ast.Choose); ok && c.By == ast.ByWeight {
			var w []string
			for _, a := range c.Arms {
				w = append(w, fmt.Sprintf("%.4g", a.Weight))
			}
			out = append(out, strings.Join(w, "/"))
		}
	})
	return strings.Join(out, ", ")
}

// calls lists the models that are called, without order.
func calls(p ast.Part) []string {
	var out []string
	ast.Walk(p, func(p ast.Part) {
		c, ok := p.(*ast.Call)
		if !ok {
			return
		}
		name := cmp.Or(c.As, c.Model)
		if c.Version != "" {
			name += "@" + c.Version
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	})
	return out
}

// RunAt returns how the server at place is started; nil where it is not started here.
func (s *Snapshot) RunAt(srv *frontend.Server, place string) *frontend.Run {
	if srv.Place == place {
		return srv.Run
	}
	if b := s.Bindings[place]; b != nil && b.Run != nil {
		return b.Run
	}
	if other := s.set.places[place]; other != nil {
		return s.Bindings[place].Apply(other).Run
	}
	return nil
}

// Runs returns the servers that are started here, by place, in order.
func (s *Snapshot) Runs() []*frontend.Server {
	seen := map[string]bool{}
	var out []*frontend.Server
	for _, srv := range s.Servers {
		bound := s.Bindings[srv.Place].Apply(srv)
		if bound.Run == nil || seen[srv.Place] || s.Place(srv) != srv.Place {
			continue
		}
		seen[srv.Place] = true
		out = append(out, bound)
	}
	return out
}

// Askable tells whether expressions may name m here.
func Askable(s *Snapshot, m *frontend.Model) bool {
	if m.Askable != nil {
		return *m.Askable
	}
	return s.options.Askable
}
