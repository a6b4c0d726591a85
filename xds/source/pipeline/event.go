package pipeline

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/xds/server"
	"github.com/millrace/millrace/xds/source/store"
)

// Event is what became of one save.
type Event struct {
	// First marks the load at the start, which is told before any proxy has it.
	First bool
	// Files are those that were saved, created or removed.
	Files []string
	// Version is the snapshot's that serves after it, and Changes how that differs from the one before.
	Version uint64
	Changes []store.Change
	// New are the findings that were not there before; the snapshot has all.
	New      []diagnostic.Diagnostic
	Snapshot *store.Snapshot
	// Took is the time from the save until every connected proxy had answered for it; Nodes is their standing. Both are
	// zero where none is connected or nothing changed.
	Took  time.Duration
	Nodes []server.NodeStatus
	// Late are the proxies that have not answered in time.
	Late []string
	// Err says why nothing could be read, or served. What served before goes on.
	Err error

	saved time.Time
}

// maxNamed bounds the changes, and the files, that a line names.
const maxNamed = 5

// Text is the event for people: findings with source line and caret first, then one line.
func (e Event) Text() string {
	var b strings.Builder
	if e.Err != nil {
		fmt.Fprintf(&b, "%v; still serving v%d", e.Err, e.Version)
		return b.String()
	}
	for _, d := range e.New {
		b.WriteString(e.Snapshot.Render(d) + "\n")
	}
	if e.First {
		b.WriteString(e.first())
		return b.String()
	}
	if subject := e.subject(); subject != "" {
		b.WriteString(subject + ": ")
	}
	errors := Count(e.errors(), "error")
	switch {
	case len(e.Changes) > 0:
		b.WriteString(e.applied())
		if e.errors() > 0 {
			fmt.Fprintf(&b, "; %s: what has errors serves as it was", errors)
		}
	case e.errors() > 0:
		fmt.Fprintf(&b, "%s; still serving v%d", errors, e.Version)
	default:
		fmt.Fprintf(&b, "nothing changed; v%d", e.Version)
	}
	return b.String()
}

func (e Event) errors() int {
	n := 0
	for _, d := range e.Snapshot.Found {
		if d.Severity == diagnostic.Error {
			n++
		}
	}
	return n
}

// first says what there is at the start.
func (e Event) first() string {
	text := fmt.Sprintf("v%d: %s", e.Version, Summary(e.Snapshot))
	if n := e.errors(); n > 0 {
		text += "; " + Count(n, "error") + ": what has errors does not serve"
	}
	return text
}

// applied says which version serves, since when and how it differs.
func (e Event) applied() string {
	text := fmt.Sprintf("v%d", e.Version)
	if len(e.Nodes) > 0 && len(e.Late) == 0 {
		text += " in " + Milliseconds(e.Took)
	}
	for i, c := range e.Changes {
		if i == maxNamed {
			text += fmt.Sprintf(" and %d more", len(e.Changes)-i)
			break
		}
		text += ", " + c.Text
	}
	switch {
	case len(e.Late) > 0:
		text += "; no answer yet from proxy " + strings.Join(e.Late, ", ")
	case len(e.Nodes) == 0:
		text += "; no proxy is connected"
	}
	for _, n := range e.Nodes {
		for _, t := range n.Types {
			for _, r := range t.Errors {
				text += fmt.Sprintf("\n    proxy %s refused %s", n.Node, r.Error())
			}
		}
	}
	return text
}

// subject names the files that the line is about.
func (e Event) subject() string {
	var names []string
	add := func(file string) {
		if name := path.Base(file); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, c := range e.Changes {
		add(c.File)
	}
	if len(names) == 0 {
		for _, f := range e.Files {
			add(f)
		}
	}
	if len(names) > maxNamed {
		return strings.Join(names[:maxNamed], ", ") + fmt.Sprintf(" and %d more", len(names)-maxNamed)
	}
	return strings.Join(names, ", ")
}

// Count is a number of things: "1 model", "2 models".
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// Milliseconds shows a short time as people read it: "41 ms", "3.2 s".
func Milliseconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", max(d.Milliseconds(), 1))
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// Summary says what a snapshot has that can be asked by name. The models that a foreign graph's nodes became have a dot in
// theirs and are left out.
func Summary(s *store.Snapshot) string {
	models := 0
	for _, m := range s.Models {
		if !strings.Contains(m.Name, ".") {
			models++
		}
	}
	return Count(models, "model") + ", " + Count(len(s.Graphs), "graph")
}
