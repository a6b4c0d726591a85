package pipeline

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/millrace/millrace/xds/source/atomicfile"
	"github.com/millrace/millrace/xds/source/store"
)

// ObjectStatus is the standing of one object of the files, for people and programs.
type ObjectStatus struct {
	Kind      string      `json:"kind"`
	Namespace string      `json:"namespace"`
	Name      string      `json:"name"`
	File      string      `json:"file"`
	Line      int         `json:"line"`
	State     store.State `json:"state"` // serving; stale: an older form serves; refused
	Messages  []string    `json:"messages,omitempty"`
	// Nodes are the proxies that refused a resource of the object, each with its reason.
	Nodes []string `json:"nodes,omitempty"`
}

// Status returns the standing of all objects, by file and line; nil before the first load.
func (p *Pipeline) Status() []ObjectStatus {
	snap := p.Snapshot()
	if snap == nil {
		return nil
	}
	nodes := p.o.Server.Status()
	all := snap.Statuses()
	out := make([]ObjectStatus, 0, len(all))
	for _, o := range all {
		st := ObjectStatus{Kind: o.Key.Kind, Namespace: o.Key.Namespace, Name: o.Key.Name, File: o.Pos.File, Line: o.Pos.Line, State: o.State}
		for _, d := range o.Found {
			st.Messages = append(st.Messages, d.String())
		}
		for _, n := range nodes {
			if n.Group != p.o.Group {
				continue
			}
			for _, t := range n.Types {
				for _, e := range t.Errors {
					if slices.Contains(o.Resources, e.Name) {
						st.Nodes = append(st.Nodes, n.Node+": "+e.Error())
					}
				}
			}
		}
		out = append(out, st)
	}
	return out
}

// WriteStatus writes the standing of all objects to a file as JSON, whole or not at all.
func (p *Pipeline) WriteStatus(file string) error {
	text, err := json.MarshalIndent(p.Status(), "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.Write(file, text); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}
