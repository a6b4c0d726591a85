package cluster

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// state is what all versions of a cluster of one name share.
type state struct {
	name  string
	owner *Registry

	seq                                   atomic.Uint64 // of round robin
	active, pending, connections, retries atomic.Int64
	Stats

	current atomic.Pointer[Cluster] // nil until the first version is warm

	mu      sync.Mutex // guards what follows, and the making of endpoint sets
	hosts   map[string]*Host
	pools   map[poolKey]*pool
	ejected int // hosts that are ejected now
}

// Stats are a cluster's counters.
type Stats struct {
	Requests, Timeouts, Resets, NoHost                            atomic.Uint64
	RequestOverflows, PendingOverflows, ConnectionOverflows       atomic.Uint64
	Retries, RetrySuccesses, RetryOverflows                       atomic.Uint64
	Connects, ConnectFailures, ConnectTimeouts, ConnectionsClosed atomic.Uint64
	Ejections, ChecksPassed, ChecksFailed, EndpointUpdates        atomic.Uint64
	Responses                                                     [6]atomic.Uint64 // by the status's first digit
}

func newState(r *Registry, name string) *state {
	s := &state{name: name, owner: r, hosts: map[string]*Host{}, pools: map[poolKey]*pool{}}
	s.seq.Store(uint64(rand.Uint32())) // proxies that start together begin at different endpoints
	return s
}

// refresh makes the current version see a change of a host's health.
func (s *state) refresh() {
	if c := s.current.Load(); c != nil {
		c.refresh()
	}
}

// pruneLocked forgets hosts and pools that no set uses; s.mu is held.
func (s *state) pruneLocked(sets ...*endpointSet) {
	used := make(map[string]bool, len(s.hosts))
	for _, set := range sets {
		if set == nil {
			continue
		}
		for _, e := range set.all {
			used[e.host.Address] = true
		}
	}
	for addr, h := range s.hosts {
		if used[addr] {
			continue
		}
		delete(s.hosts, addr)
		if h.uneject() {
			s.ejected--
		}
	}
}
