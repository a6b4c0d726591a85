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
	last    *Snapshot
	version uint64
}

// file is one file as it was read last.
type file struct {
	src      []byte
	objects  []kinds.Object
	bindings map[string]*binding.Binding
	found    []diagnostic.Diagnostic
	broken   bool // not well-formed: what is missing from it is kept
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
		maps.Copy(bindings, f.bindings)
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
	docs, found := document.Parse(name, src)
	f.found = found
	for _, d := range found {
		f.broken = f.broken || d.Code == document.CodeSyntax
	}
	for _, doc := range docs {
		o, same := s.unchanged(name, doc)
		if !same {
			o = kinds.Read(doc)
		}
		f.found = append(f.found, o.Found...)
		f.objects = append(f.objects, o)
	}
	return f
}

// unchanged returns what was made of a document before if it says the same at the same place.
func (s *Store) unchanged(name string, doc *document.Document) (kinds.Object, bool) {
	old := s.files[name]
	if old == nil {
		return kinds.Object{}, false
	}
	for _, o := range old.objects {
		if d := o.Document; d.Print == doc.Print && d.Pos == doc.Pos && d.Key() == doc.Key() {
			return o, true
		}
	}
	return kinds.Object{}, false
}

// candidates gathers the newest form of each object: what the files say now where that is good, else what served last.
func (s *Store) candidates(names []string, found *[]diagnostic.Diagnostic) map[document.Key]*entry {
	out := map[document.Key]*entry{}
	for _, name := range names {
		for _, o := range s.files[name].objects {
			key := o.Document.Key()
			if first := out[key]; first != nil {
				*found = append(*found, diagnostic.Diagnostic{
					Code: document.CodeTwice, Pos: o.Document.Pos, Message: fmt.Sprintf("%s is declared here and at %s", key, first.pos), Remedy: "keep one, or rename one",
				})
				continue
			}
			e := &entry{key: key, file: name, pos: o.Document.Pos, print: o.Document.Print, objects: o.Objects}
			if o.Objects == nil {
				if e = s.serving[key]; e == nil {
					continue
				}
			}
			out[key] = e
		}
	}
	// A file that is not well-formed keeps all that it had.
	for key, e := range s.serving {
		if f := s.files[e.file]; f != nil && f.broken && out[key] == nil {
			out[key] = e
		}
	}
	return out
}
