package local

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/millrace/millrace/cmd/millrace/supervisor"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/source/pipeline"
	"github.com/millrace/millrace/xds/source/resources"
	"github.com/millrace/millrace/xds/source/store"
)

// servers keeps the processes of the newest snapshot running, tells a person of them and the pipeline where they listen.
type servers struct {
	supervisor *supervisor.Supervisor
	say        func(format string, args ...any)
	pipeline   *pipeline.Pipeline

	turn sync.Mutex // held by take, so that the newest snapshot wins

	mu sync.Mutex
	// Guarded by mu.
	specs   []supervisor.Spec
	started bool
	ready   map[string]int     // processes that are ready, by server
	failing map[replica]string // the last failure that was told
}

// replica is one process.
type replica struct {
	server string
	index  int
}

// take runs the servers of snap. What cannot run is said, and what ran before in its place goes on.
func (s *servers) take(snap *store.Snapshot) {
	s.turn.Lock()
	defer s.turn.Unlock()
	next, errs := specs(snap)
	for _, err := range errs {
		s.say("%v", err)
	}
	s.mu.Lock()
	if len(errs) > 0 {
		runs := snap.Runs()
		for _, old := range s.specs {
			wanted := slices.ContainsFunc(runs, func(srv *frontend.Server) bool { return srv.Place == old.Name })
			if wanted && !slices.ContainsFunc(next, func(n supervisor.Spec) bool { return n.Name == old.Name }) {
				next = append(next, old)
			}
		}
	}
	first := !s.started
	s.specs, s.started = next, true
	s.mu.Unlock()
	var err error
	if first {
		// The servers outlive whatever ends first, so that the proxy can drain: Stop ends them.
		err = s.supervisor.Start(context.Background(), next)
	} else {
		err = s.supervisor.Update(next)
	}
	if err != nil {
		s.say("%v", err)
	}
}

// report takes a change of one process; the supervisor calls it, one at a time.
func (s *servers) report(r supervisor.Report) {
	s.mu.Lock()
	label, installs, total := s.describeLocked(r)
	at := replica{r.Server, r.Replica}
	was := s.failing[at]
	switch {
	case r.State == supervisor.Ready:
		delete(s.failing, at)
	case r.Err != nil:
		s.failing[at] = r.Err.Error()
	}
	s.ready[r.Server] = len(r.Addresses)
	ready := 0
	for _, n := range s.ready {
		ready += n
	}
	s.mu.Unlock()

	addresses := make([]resources.Address, len(r.Addresses))
	for i, a := range r.Addresses {
		addresses[i] = resources.Address{REST: loopback(a.HTTP), GRPC: loopback(a.GRPC)}
	}
	if r.State != supervisor.Preparing && r.State != supervisor.Starting {
		if err := s.pipeline.SetAddresses(r.Server, addresses); err != nil {
			s.say("%s: %v", label, err)
		}
	}
	switch {
	case r.State == supervisor.Preparing && installs:
		s.say("%s: preparing its Python environment", label)
	case r.State == supervisor.Starting && was == "":
		s.say("%s: starting", label)
	case r.State == supervisor.Ready:
		s.say("%s: ready in %s (%d of %d)", label, pipeline.Milliseconds(r.Took), ready, total)
	case r.State == supervisor.Stopped:
		s.say("%s: stopped", label)
	case r.Err != nil && r.Err.Error() != was:
		s.say("%v; it is tried again", r.Err)
	}
}

// describeLocked returns what a report's process is called, whether an environment is installed for it, and how many
// processes there are to be.
func (s *servers) describeLocked(r supervisor.Report) (label string, installs bool, total int) {
	label = r.Server
	for _, spec := range s.specs {
		n := max(spec.Replicas, 1)
		total += n
		if spec.Name == r.Server {
			installs = len(spec.Requirements) > 0 || (spec.Function != nil && spec.Environment == "")
			if n > 1 && r.State != supervisor.Preparing {
				label = fmt.Sprintf("%s-%d", r.Server, r.Replica)
			}
		}
	}
	return label, installs, total
}

// count is the number of processes that there are to be.
func (s *servers) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _, total := s.describeLocked(supervisor.Report{})
	return total
}

// loopback is a port of a server that runs here; nothing where it has none.
func loopback(port int) netip.AddrPort {
	if port == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
}
