package catalog

import (
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/millrace/millrace/xds/client"
)

// record is what became of one resource, for people.
type record struct {
	typeURL, name string
	message       proto.Message // the last good one
	version       string
	updated       time.Time
	refusal       string
	refused       string // its version
	refusedAt     time.Time
}

// noteLocked notes that a resource was taken, as message, or refused.
func (c *Catalog) noteLocked(typeURL string, r client.Resource, message proto.Message, err error) {
	key := typeURL + " " + r.Name
	n := c.log[key]
	if n == nil {
		n = &record{typeURL: typeURL, name: r.Name}
		c.log[key] = n
	}
	if err != nil {
		n.refusal, n.refused, n.refusedAt = err.Error(), r.Version, time.Now()
		return
	}
	n.message, n.version, n.updated, n.refusal = message, r.Version, time.Now(), ""
}

// Object is the standing of one resource.
type Object struct {
	TypeURL, Name string
	Message       proto.Message // the last good one, not to be changed; nil where none was
	Version       string
	Updated       time.Time
	Waiting       string // for what; empty while it serves
	// What was refused last; empty where the last one was taken.
	Refusal, RefusedVersion string
	RefusedAt               time.Time
}

// Objects returns the standing of all models and graphs, sorted by type and name.
func (c *Catalog) Objects() []Object {
	waiting := c.Snapshot().Waiting()
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Object, 0, len(c.log))
	for _, key := range slices.Sorted(maps.Keys(c.log)) {
		n := c.log[key]
		out = append(out, Object{n.typeURL, n.name, n.message, n.version, n.updated, waiting[n.name], n.refusal, n.refused, n.refusedAt})
	}
	return out
}

// Plans returns the full names of the models and graphs that serve, sorted.
func (s *Snapshot) Plans() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for n := range s.models {
			if !yield(n) {
				return
			}
		}
		for n := range s.graphs {
			if !yield(n) {
				return
			}
		}
	})
}

// Serves tells whether a graph or model of that full name serves.
func (s *Snapshot) Serves(full string) bool { return s.models[full] != nil || s.graphs[full] != nil }
