package store

import (
	"cmp"
	"slices"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/xds/frontend/document"
)

// State is what became of an object.
type State string

// The states. A Stale object serves in an older form, because the newest one has errors; a Refused one has never been good.
const (
	Serving State = "serving"
	Stale   State = "stale"
	Refused State = "refused"
)

// Status is the standing of one object of the files.
type Status struct {
	Key   document.Key
	Pos   ast.Position // of the newest form
	State State
	// Found is what is wrong with it, warnings included.
	Found []diagnostic.Diagnostic
	// Resources are the names of the xDS resources that it serves as.
	Resources []string
}

// Statuses returns the standing of every object of the files, by file and line.
func (s *Snapshot) Statuses() []Status {
	serving := make(map[document.Key]*entry, len(s.entries))
	for _, e := range s.entries {
		serving[e.key] = e
	}
	var out []Status
	for _, f := range s.files {
		for i, o := range f.objects {
			end := 1 << 30
			if i+1 < len(f.objects) {
				end = f.objects[i+1].Document.Pos.Line
			}
			out = append(out, standing(o.Document, end, serving[o.Document.Key()], s.Found))
		}
	}
	slices.SortFunc(out, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line))
	})
	return out
}

// standing is that of the document whose lines end before end.
func standing(doc *document.Document, end int, e *entry, found []diagnostic.Diagnostic) Status {
	st := Status{Key: doc.Key(), Pos: doc.Pos, State: Refused}
	for _, d := range found {
		if d.Pos.File == doc.File && d.Pos.Line >= doc.Pos.Line && d.Pos.Line < end {
			st.Found = append(st.Found, d)
		}
	}
	if e == nil || e.file != doc.File {
		return st
	}
	st.State = Serving
	if e.print != doc.Print {
		st.State = Stale
	}
	for _, m := range e.objects.Models {
		st.Resources = append(st.Resources, m.Namespace+"/"+m.Name)
	}
	for _, g := range e.objects.Graphs {
		st.Resources = append(st.Resources, g.Namespace+"/"+g.Name)
	}
	return st
}
