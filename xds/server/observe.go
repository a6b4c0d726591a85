package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Kind says what an [Event] is.
type Kind string

// The kinds of events.
const (
	Connected    Kind = "connected"
	Disconnected Kind = "disconnected"
	Accepted     Kind = "accepted"
	Refused      Kind = "refused"
)

// Event is something that a node did.
type Event struct {
	Kind  Kind
	Node  string
	Group string
	// TypeURL, Version and Took, the time since the response was sent, are those of the response that was accepted or
	// refused.
	TypeURL string
	Version string
	Took    time.Duration
	// Errors say what was refused. Those without a name are about the response as a whole.
	Errors []ResourceError
}

// NodeStatus is the standing of one node's stream.
type NodeStatus struct {
	Node  string
	Group string
	// Incremental says which of the two protocols it speaks.
	Incremental bool
	Since       time.Time
	// Version is the group's version that the node has: all of it that the node asked for was sent and answered.
	Version uint64
	// Types are those that the node asked for, in the order of the first requests.
	Types []TypeStatus
}

// TypeStatus is the standing of one type on one stream.
type TypeStatus struct {
	TypeURL string
	// Sent, Accepted and Refused are the versions of the last response that was sent, ACKed and NACKed; empty for none.
	Sent, Accepted, Refused string
	// SentAt and AnsweredAt are when the last response was sent and the last answer came.
	SentAt, AnsweredAt time.Time
	// Version is the group's version that the node has of this type.
	Version uint64
	// Errors are the resources that the node refused and has not accepted since, sorted by name.
	Errors []ResourceError
}

// Status returns the standing of all connected nodes, sorted by group and node.
func (s *Server) Status() []NodeStatus {
	s.mu.Lock()
	groups := slices.Collect(maps.Values(s.groups))
	s.mu.Unlock()
	var all []NodeStatus
	for _, g := range groups {
		g.mu.Lock()
		all = append(all, g.statusLocked()...)
		g.mu.Unlock()
	}
	slices.SortStableFunc(all, func(a, b NodeStatus) int {
		if c := strings.Compare(a.Group, b.Group); c != 0 {
			return c
		}
		return strings.Compare(a.Node, b.Node)
	})
	return all
}

// Await waits until at least one node of the group is connected, and all that are have answered for version, with ACKs or
// NACKs, and returns their standing. When ctx ends first, the error names those that have not, and their standing is
// returned as well.
func (s *Server) Await(ctx context.Context, groupName string, version uint64) ([]NodeStatus, error) {
	g := s.hold(groupName)
	defer s.release(g)
	for {
		g.mu.Lock()
		nodes := g.statusLocked()
		changed := g.changed
		g.mu.Unlock()
		slices.SortStableFunc(nodes, func(a, b NodeStatus) int { return strings.Compare(a.Node, b.Node) })
		var late []string
		for _, n := range nodes {
			if n.Version < version || len(n.Types) == 0 {
				late = append(late, n.Node)
			}
		}
		if len(nodes) > 0 && len(late) == 0 {
			return nodes, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if len(nodes) == 0 {
				return nil, fmt.Errorf("await v%d of group %q: no node is connected: %w", version, groupName, ctx.Err())
			}
			return nodes, fmt.Errorf("await v%d of group %q: no answer from %s: %w", version, groupName, strings.Join(late, ", "), ctx.Err())
		}
	}
}

// statusLocked returns the standing of the group's peers.
func (g *group) statusLocked() []NodeStatus {
	nodes := make([]NodeStatus, 0, len(g.peers))
	for p := range g.peers {
		n := NodeStatus{Node: p.node.GetId(), Group: g.name, Incremental: p.incremental, Since: p.since, Version: g.version}
		for _, f := range p.feeds {
			t := TypeStatus{
				TypeURL: f.typeURL, Version: f.through,
				Sent: f.sent, Accepted: f.acked, Refused: f.nacked, SentAt: f.sentAt, AnsweredAt: f.answeredAt,
			}
			for _, name := range slices.Sorted(maps.Keys(f.refused)) {
				t.Errors = append(t.Errors, f.refused[name])
			}
			n.Version = min(n.Version, f.through)
			n.Types = append(n.Types, t)
		}
		nodes = append(nodes, n)
	}
	return nodes
}
