package supervisor

import (
	"context"
	"fmt"
	"time"
)

// server is one generation of a server: one Spec, the number of replicas apart. Its fields below the context are guarded
// by the supervisor's mu.
type server struct {
	sup  *Supervisor
	name string

	ctx  context.Context // ends when the server is retired or the supervisor stops
	end  context.CancelFunc
	done chan struct{} // closed when all its processes are gone

	spec     Spec
	prior    *server   // the generation before, until its processes may go
	prepared *prepared // nil until the environment is there
	err      error     // why it is not there
	replicas []*replica
	running  int  // replicas whose goroutine has not ended
	closed   bool // no replica may be started any more
}

// newServer returns a generation that is to be run; the supervisor's mu is held.
func newServer(sup *Supervisor, spec Spec, prior *server) *server {
	s := &server{sup: sup, name: spec.Name, spec: spec, prior: prior, done: make(chan struct{})}
	s.ctx, s.end = context.WithCancel(sup.ctx)
	return s
}

// run takes the generation through its life.
func (s *server) run() {
	defer close(s.done)
	defer s.end()
	if s.mustWaitForPrior() {
		s.retirePrior()
	}
	if s.prepare() {
		s.sup.mu.Lock()
		s.growLocked()
		s.sup.mu.Unlock()
		if s.sup.await(s.ctx, s.settledLocked) {
			s.retirePrior()
		}
	}
	<-s.ctx.Done()
	// Not bounded by a context: each replica ends its process by SIGKILL at the latest.
	s.sup.await(context.Background(), func() bool { return s.running == 0 })
	s.sup.mu.Lock()
	s.closed = true
	s.sup.mu.Unlock()
}

// mustWaitForPrior says whether the generation before has a port that this one may want.
func (s *server) mustWaitForPrior() bool {
	s.sup.mu.Lock()
	defer s.sup.mu.Unlock()
	return s.prior != nil && (len(s.spec.Ports) > 0 || len(s.prior.spec.Ports) > 0)
}

// retirePrior ends the generation before and waits until it is gone.
func (s *server) retirePrior() {
	s.sup.mu.Lock()
	prior := s.prior
	if prior != nil {
		prior.retireLocked()
	}
	s.sup.mu.Unlock()
	if prior != nil {
		<-prior.done
		s.sup.mu.Lock()
		s.prior = nil
		s.sup.mu.Unlock()
	}
}

// retireLocked makes the generation, and those before it, leave; mu is held.
func (s *server) retireLocked() {
	s.closed = true
	for _, r := range s.replicas {
		r.leaveLocked()
	}
	s.end()
	if s.prior != nil {
		s.prior.retireLocked()
	}
}

// prepare installs what the server needs, again and again until it succeeds. It returns false if the server is to end.
func (s *server) prepare() bool {
	s.sup.tell(Report{Server: s.name, State: Preparing})
	s.sup.mu.Lock()
	spec := s.spec // the number of replicas may change meanwhile
	s.sup.mu.Unlock()
	var pause backoff
	for {
		p, err := s.sup.prepare(s.ctx, &spec)
		if s.ctx.Err() != nil {
			return false
		}
		if err == nil {
			s.sup.mu.Lock()
			s.prepared, s.err = &p, nil
			s.sup.mu.Unlock()
			return true
		}
		err = fmt.Errorf("start server %s: %w", s.name, err)
		s.sup.mu.Lock()
		s.err = err
		s.sup.mu.Unlock()
		s.sup.tell(Report{Server: s.name, State: Failed, Err: err})
		wait := pause.next()
		s.sup.log.say(s.name, "%v; trying again in %.1f s", err, wait.Seconds())
		if !sleep(s.ctx, wait) {
			return false
		}
	}
}

// scale makes spec this generation's if it differs in the number of replicas at most; mu is held.
func (s *server) scale(spec Spec) bool {
	if !same(s.spec, spec) {
		return false
	}
	s.spec.Replicas = spec.Replicas
	for len(s.replicas) > spec.replicas() {
		last := len(s.replicas) - 1
		s.replicas[last].leaveLocked()
		s.replicas = s.replicas[:last]
	}
	if s.prepared != nil {
		s.growLocked()
	}
	return true
}

// growLocked starts the replicas that are missing; mu is held.
func (s *server) growLocked() {
	for !s.closed && s.ctx.Err() == nil && len(s.replicas) < s.spec.replicas() {
		r := newReplica(s, len(s.replicas))
		s.replicas = append(s.replicas, r)
		s.running++
		s.sup.work.Go(r.run)
	}
}

// settledLocked says whether every replica is ready; mu is held.
func (s *server) settledLocked() bool {
	ready := 0
	for _, r := range s.replicas {
		if r.state == Ready {
			ready++
		}
	}
	return ready >= s.spec.replicas()
}

// addressesLocked appends where traffic may go: to the ready replicas, and while some are missing to the generation
// before as well; mu is held.
func (s *server) addressesLocked(to []Address) []Address {
	for _, r := range s.replicas {
		if r.state == Ready && !r.left {
			to = append(to, Address{Replica: r.index, HTTP: r.ports[HTTPPort], GRPC: r.ports[GRPCPort]})
		}
	}
	if s.prior != nil && !s.settledLocked() {
		to = s.prior.addressesLocked(to)
	}
	return to
}

// missing says what the server still lacks to be ready, or nothing; mu is held.
func (s *server) missing() string {
	if s.prepared == nil {
		if s.err != nil {
			return "is not prepared: " + s.err.Error()
		}
		return "is being prepared"
	}
	for _, r := range s.replicas {
		switch {
		case r.state == Ready && r.told == Ready:
		case r.err != nil:
			return fmt.Sprintf("is %v: %v", r.state, r.err)
		default:
			return fmt.Sprintf("is %v", r.told)
		}
	}
	return ""
}

// await waits until holds, which is called with mu held, says yes; it returns false if ctx ends before.
func (s *Supervisor) await(ctx context.Context, holds func() bool) bool {
	for {
		s.mu.Lock()
		ok, changed := holds(), s.changed
		s.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// tell reports one change, with the addresses as they are now.
func (s *Supervisor) tell(r Report) {
	s.reporting.Lock()
	defer s.reporting.Unlock()
	s.mu.Lock()
	if current := s.servers[r.Server]; current != nil {
		r.Addresses = current.addressesLocked(nil)
	}
	s.mu.Unlock()
	s.report(r)
}

// sleep returns false if ctx ends before d has passed.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
