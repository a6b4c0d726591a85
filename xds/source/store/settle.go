package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/frontend/document"
)

// settle decides which candidates serve and fills the snapshot.
func (s *Store) settle(candidates map[document.Key]*entry, snap *Snapshot, found *[]diagnostic.Diagnostic) {
	set := newSet(s.options)
	keys := s.admit(set, candidates, found)
	s.resolveServers(set, keys, candidates, found)
	adopted := s.adopt(set)
	set.checkServers(snap.Bindings, found)
	serving := make(map[document.Key]*entry, len(keys))
	links := make(map[*frontend.Graph]*link, len(keys))
	var kept []*frontend.Graph
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
				if l := s.links[g]; l != nil && links[g] == nil {
					links[g] = l
				}
				kept = append(kept, g)
			}
			e = old
		}
		serving[k] = e
	}
	for _, g := range kept {
		set.graphs[g.Namespace+"/"+g.Name] = g
	}
	s.serving, s.links = serving, links
	shown := make(map[*frontend.Graph]*frontend.Graph, len(links))
	for _, k := range keys {
		if e := serving[k]; e != nil {
			snap.Servers = append(snap.Servers, e.objects.Servers...)
			snap.Models = append(snap.Models, e.objects.Models...)
			for _, g := range e.objects.Graphs {
				if shown[g] = s.shown[g]; shown[g] == nil {
					shown[g] = set.askable(g)
				}
				snap.Graphs = append(snap.Graphs, shown[g])
			}
			snap.entries = append(snap.entries, e)
		}
	}
	snap.Models, snap.adopted = append(snap.Models, adopted...), adopted
	s.shown, snap.set = shown, set
}

// admit puts the candidates into the set, those that serve already first, so that a new object cannot take their names. What
// finds its name taken is refused and is no candidate any more. The keys that are left are returned in order.
func (s *Store) admit(set *set, candidates map[document.Key]*entry, found *[]diagnostic.Diagnostic) []document.Key {
	keys := slices.SortedFunc(maps.Keys(candidates), func(a, b document.Key) int {
		x, y := candidates[a], candidates[b]
		return cmp.Or(cmp.Compare(x.file, y.file), cmp.Compare(x.pos.Line, y.pos.Line), compareKeys(a, b))
	})
	left := keys[:0:0]
	for _, serves := range []bool{true, false} {
		for _, k := range keys {
			e := candidates[k]
			old := s.serving[k]
			if (old != nil) != serves {
				continue
			}
			ok := set.add(e.objects, found)
			if !ok && old != nil && old != e && set.add(old.objects, new([]diagnostic.Diagnostic)) {
				candidates[k], ok = old, true
			}
			if !ok {
				delete(candidates, k)
				continue
			}
			left = append(left, k)
		}
	}
	slices.SortFunc(left, compareKeys)
	return left
}

func compareKeys(a, b document.Key) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Group, b.Group))
}

// resolveServers finds models whose server is not there; an edit that names one does not replace what served before.
func (s *Store) resolveServers(set *set, keys []document.Key, candidates map[document.Key]*entry, found *[]diagnostic.Diagnostic) {
	for _, k := range keys {
		e := candidates[k]
		missing := false
		for _, m := range e.objects.Models {
			if m.Server == "" || set.servers[m.Namespace+"/"+m.Server] != nil {
				continue
			}
			missing = true
			*found = append(*found, diagnostic.Diagnostic{
				Code: document.CodeReference, Pos: m.Pos, Message: fmt.Sprintf("model %s: there is no server %q", m.Name, m.Server), Remedy: contract.Suggest(m.Server, set.serverNames(m.Namespace)),
			})
		}
		if old := s.serving[k]; missing && old != nil && old != e {
			set.remove(e.objects)
			if set.add(old.objects, new([]diagnostic.Diagnostic)) {
				candidates[k] = old
			}
		}
	}
}
