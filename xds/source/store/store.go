package store

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/frontend/document"
	"github.com/millrace/millrace/xds/frontend/kinds"
	"github.com/millrace/millrace/xds/source/binding"
)

// Options say how objects are used in this place.
type Options struct {
	// Askable is whether models and graphs that do not say so may be named by expressions: true under `up`.
	Askable bool
	// Binding is the file name of a binding file that is given by flag; files called binding.FileName are always bindings.
	Binding string
	// Local says that servers can be started here.
	Local bool
}

// Store keeps objects. It is not safe for concurrent use: whoever watches the files owns it.
type Store struct {
	options Options
	files   map[string]*file
	// serving is the last good of each object that some file still has.
	serving map[document.Key]*entry
	links   map[*frontend.Graph]*link
	// discovered are the models of servers that say which they have, by namespace/name of the server.
	discovered map[string]*discovered
	// shown holds graphs as expressions may see them here, so that an unchanged graph is the very same again.
	shown   map[*frontend.Graph]*frontend.Graph
	last    *Snapshot
	version uint64
}

// file is one file as it was read last.
type file struct {
	src      []byte
	chunks   []chunk
	objects  []kinds.Object
	bindings map[string]*binding.Binding
	found    []diagnostic.Diagnostic
	broken   bool // some object in it cannot be told: what is missing from it is kept
}

// chunk is a piece of a file and what was made of it. It is made of it again where it stands at the same place.
type chunk struct {
	document.Chunk
	objects []kinds.Object
	found   []diagnostic.Diagnostic
	broken  bool
}

// entry is an object that serves, and where it stands.
type entry struct {
	key     document.Key
	file    string
	pos     ast.Position
	print   uint64
	objects *frontend.Objects
}

// New returns an empty store.
func New(o Options) *Store {
	return &Store{options: o, files: map[string]*file{}, serving: map[document.Key]*entry{}, links: map[*frontend.Graph]*link{}}
}

// Load makes files, by name, all there is. Contents must not change afterwards.
func (s *Store) Load(files map[string][]byte) *Snapshot {
	for name, src := range files {
		if f := s.files[name]; f == nil || !bytes.Equal(f.src, src) {
			s.files[name] = s.read(name, src)
		}
	}
	for name := range s.files {
		if _, ok := files[name]; !ok {
			delete(s.files, name)
		}
	}
	names := slices.Sorted(maps.Keys(s.files))
	var found []diagnostic.Diagnostic
	bindings := map[string]*binding.Binding{}
	for _, name := range names {
		f := s.files[name]
		found = append(found, f.found...)
		for _, n := range slices.Sorted(maps.Keys(f.bindings)) {
			b := f.bindings[n]
			if first := bindings[n]; first != nil {
				found = append(found, diagnostic.Diagnostic{Code: document.CodeTwice, Pos: b.Pos, Message: fmt.Sprintf("%s is bound here and at %s", n, first.Pos), Remedy: "keep one of them"})
				continue
			}
			bindings[n] = b
		}
	}
	candidates := s.candidates(names, &found)
	snap := &Snapshot{Bindings: bindings, options: s.options, sources: map[string][]byte{}}
	for _, name := range names {
		snap.sources[name] = s.files[name].src
	}
	s.settle(candidates, snap, &found)
	slices.SortStableFunc(found, func(a, b diagnostic.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	snap.Found = found
	snap.Changes = s.changes(snap)
	for _, name := range names {
		snap.files = append(snap.files, s.files[name])
	}
	if s.last == nil || len(snap.Changes) > 0 {
		s.version++
	}
	snap.Version = s.version
	s.last = snap
	return snap
}

func (s *Store) read(name string, src []byte) *file {
	f := &file{src: src}
	if path.Base(name) == binding.FileName || (s.options.Binding != "" && name == s.options.Binding) {
		f.bindings, f.found = binding.Parse(name, src)
		if old := s.files[name]; old != nil && len(f.found) > 0 {
			// A broken binding keeps what it said last.
			for n, b := range old.bindings {
				if f.bindings[n] == nil {
					f.bindings[n] = b
				}
			}
		}
		return f
	}
	known := map[int]*chunk{}
	if old := s.files[name]; old != nil {
		for i := range old.chunks {
			known[old.chunks[i].Line] = &old.chunks[i]
		}
	}
	for _, c := range document.Split(src) {
		if k := known[c.Line]; k != nil && bytes.Equal(k.Text, c.Text) {
			f.chunks = append(f.chunks, *k)
		} else {
			f.chunks = append(f.chunks, readChunk(name, c))
		}
	}
	for i := range f.chunks {
		c := &f.chunks[i]
		f.objects, f.found = append(f.objects, c.objects...), append(f.found, c.found...)
		f.broken = f.broken || c.broken
	}
	return f
}

func readChunk(name string, text document.Chunk) chunk {
	docs, found := document.ParseChunk(name, text)
	c := chunk{Chunk: text, found: found, broken: len(found) > 0}
	for _, doc := range docs {
		o := kinds.Read(doc)
		for _, d := range o.Found {
			c.broken = c.broken || d.Code == document.CodeKind
		}
		c.objects, c.found = append(c.objects, o), append(c.found, o.Found...)
	}
	return c
}

// candidates gathers the newest form of each object: what the files say now where that is good, else what served last.
func (s *Store) candidates(names []string, found *[]diagnostic.Diagnostic) map[document.Key]*entry {
	out := map[document.Key]*entry{}
	declared := map[document.Key]*entry{}
	for _, name := range names {
		for _, o := range s.files[name].objects {
			key := o.Document.Key()
			e := &entry{key: key, file: name, pos: o.Document.Pos, print: o.Document.Print, objects: o.Objects}
			if first := declared[key]; first != nil {
				// Two of one name: the one that serves goes on, else the first.
				if s.before(key, e, first) {
					e, first = first, e
					declared[key] = first
					if first.objects != nil {
						out[key] = first
					}
				}
				*found = append(*found, diagnostic.Diagnostic{
					Code: document.CodeTwice, Pos: e.pos, Message: fmt.Sprintf("%s is declared here and at %s", key, first.pos), Remedy: "keep one, or rename one",
				})
				continue
			}
			declared[key] = e
			switch last := s.serving[key]; {
			case o.Objects != nil:
				out[key] = e
			case last != nil:
				out[key] = last
			}
		}
	}
	// What cannot be told in a file may be any of the objects that it had: they are kept.
	for key, e := range s.serving {
		if f := s.files[e.file]; f != nil && f.broken && out[key] == nil {
			out[key] = e
		}
	}
	return out
}

// before tells whether e is rather what served last than first is.
func (s *Store) before(key document.Key, e, first *entry) bool {
	last := s.serving[key]
	if last == nil {
		return false
	}
	rank := func(e *entry) (n int) {
		if e.file == last.file {
			n++
		}
		if e.print == last.print {
			n += 2
		}
		return n
	}
	return rank(e) > rank(first)
}
