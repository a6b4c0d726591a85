package store

import (
	"maps"
	"slices"
	"strings"

	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/frontend/document"
	"github.com/millrace/millrace/xds/frontend/own"
)

// discovered are the models that one server says it has.
type discovered struct {
	names  []string
	models map[string]*frontend.Model // by name at the server, kept so that what did not change is the same
}

// SetDiscovered makes names, sorted, the models that the server "namespace/name" says it has; they count from the next Load
// on, where its object says `models: discover` and nothing else has their names. It tells whether that is news.
func (s *Store) SetDiscovered(server string, names []string) bool {
	d := s.discovered[server]
	if d == nil {
		d = &discovered{models: map[string]*frontend.Model{}}
		if s.discovered == nil {
			s.discovered = map[string]*discovered{}
		}
		s.discovered[server] = d
	} else if slices.Equal(d.names, names) {
		return false
	}
	d.names = slices.Clone(names)
	return true
}

// Undiscovered lists the servers of the last snapshot whose object says `models: discover` and that were not heard of yet.
func (s *Store) Undiscovered() []string {
	var out []string
	if s.last == nil {
		return nil
	}
	for _, srv := range s.last.Servers {
		if srv.Discover && s.discovered[srv.Namespace+"/"+srv.Name] == nil {
			out = append(out, srv.Name)
		}
	}
	return out
}

// adopt adds to the set the models that servers say they have, under names that nothing else has.
func (s *Store) adopt(set *set) []*frontend.Model {
	var out []*frontend.Model
	for _, full := range slices.Sorted(maps.Keys(s.discovered)) {
		srv := set.servers[full]
		if srv == nil || !srv.Discover {
			continue
		}
		d := s.discovered[full]
		for _, remote := range d.names {
			name := plainName(remote)
			if _, taken := set.position(srv.Namespace + "/" + name); taken || name == "" {
				continue
			}
			m := d.models[remote]
			if m == nil || m.Pos != srv.Pos {
				m = &frontend.Model{Namespace: srv.Namespace, Name: name, Server: srv.Name, Remote: remote, Pos: srv.Pos}
				d.models[remote] = m
			}
			set.models[srv.Namespace+"/"+name] = m
			out = append(out, m)
		}
	}
	return out
}

// adoptions are the changes of the models that servers say they have.
func (s *Store) adoptions(snap *Snapshot) []Change {
	var before []*frontend.Model
	if s.last != nil {
		before = s.last.adopted
	}
	var out []Change
	note := func(word string, from, without []*frontend.Model) {
		for _, m := range from {
			same := func(o *frontend.Model) bool { return o.Namespace == m.Namespace && o.Name == m.Name }
			if !slices.ContainsFunc(without, same) {
				out = append(out, Change{m.Pos.File, document.Key{Group: own.Group, Kind: "Model", Namespace: m.Namespace, Name: m.Name}, word + " model " + m.Name + " of " + m.Server})
			}
		}
	}
	note("found", snap.adopted, before)
	note("lost", before, snap.adopted)
	return out
}

// plainName makes a name for expressions of one at a server: what cannot stand in one becomes a dash.
func plainName(remote string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r
		}
		return '-'
	}, remote), "-")
}
