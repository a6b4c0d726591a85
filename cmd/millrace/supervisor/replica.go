package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// replica keeps one process of a server running. The fields from state on are guarded by the supervisor's mu.
type replica struct {
	server *server
	index  int
	label  string        // in the log
	leave  chan struct{} // closed when the replica is to leave; written by leaveLocked

	state State
	told  State // the last state whose report was delivered
	left  bool  // it leaves on purpose: no address any more
	pid   int
	ports map[string]int
	err   error
}

// newReplica returns a replica that is to be run; mu is held.
func newReplica(s *server, index int) *replica {
	label := s.name
	if s.spec.replicas() > 1 {
		label = fmt.Sprintf("%s-%d", s.name, index)
	}
	return &replica{server: s, index: index, label: label, leave: make(chan struct{}), state: Starting, told: Starting}
}

// leaveLocked asks the replica to leave; mu is held.
func (r *replica) leaveLocked() {
	if !r.left {
		r.left = true
		close(r.leave)
	}
}

// run starts the process again and again until the replica is to end.
func (r *replica) run() {
	sup := r.server.sup
	// Installed programs and free ports are the same for every start but the ports that it had may be kept.
	ctx, cancel := context.WithCancel(sup.ctx)
	defer cancel()
	var pause backoff
	var last map[string]int
	for ctx.Err() == nil && !r.leaving() {
		var ready time.Duration
		last, ready = r.once(ctx, last)
		if ctx.Err() != nil || r.leaving() {
			break
		}
		if ready >= settled {
			pause.reset()
		}
		wait := pause.next()
		sup.log.say(r.label, "%v; starting again in %.1f s", r.failure(), wait.Seconds())
		r.pause(ctx, wait)
	}
	r.become(Stopped, Report{})
	sup.mu.Lock()
	r.server.running--
	sup.notifyLocked()
	sup.mu.Unlock()
}

// once runs the process once, from choosing its ports to its end. It returns the ports and how long the process was
// ready.
func (r *replica) once(ctx context.Context, last map[string]int) (map[string]int, time.Duration) {
	s, sup := r.server, r.server.sup
	ports, err := sup.ports.take(s.prepared.names, s.spec.Ports, last)
	if err != nil {
		r.become(Failed, Report{Err: fmt.Errorf("start server %s: %w", s.name, err)})
		return last, 0
	}
	defer sup.ports.release(ports)

	read, write, err := os.Pipe()
	if err != nil {
		r.become(Failed, Report{Err: fmt.Errorf("start server %s: %w", s.name, err)})
		return ports, 0
	}
	defer read.Close()
	argv := expandAll(s.prepared.command, ports, r.index)
	env := slices.Concat(os.Environ(), expandAll(s.prepared.env, ports, r.index))
	start := time.Now()
	g, err := launch(argv[0], argv, env, s.spec.Dir, write)
	write.Close()
	if err != nil {
		r.become(Failed, Report{Err: fmt.Errorf("start server %s: %w", s.name, err)})
		return ports, 0
	}
	var words []byte // the last line of its output
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		sup.log.copy(r.label, read, func(line []byte) { words = append(words[:0], line...) })
	}()
	change := Report{PID: g.pid, HTTP: ports[HTTPPort], GRPC: ports[GRPCPort]}
	r.started(g.pid, ports)
	r.become(Starting, change)

	err = r.awaitReady(ctx, g, ports)
	var ready time.Time
	if err == nil {
		ready = time.Now()
		change.Took = ready.Sub(start)
		sup.log.say(r.label, "ready in %.1f s%s", change.Took.Seconds(), where(ports))
		r.become(Ready, change)
		r.attend(ctx, g)
	}
	r.end(g)
	<-copied
	if ctx.Err() != nil || r.leaving() {
		return ports, 0
	}
	if err == nil || errors.Is(err, errEnded) {
		err = g.err
	}
	if len(words) > 0 {
		err = fmt.Errorf("%w; its last words: %s", err, words)
	}
	change.Err, change.Took = fmt.Errorf("server %s: %w", s.name, err), time.Since(start)
	r.become(Exited, change)
	if ready.IsZero() {
		return ports, 0
	}
	return ports, time.Since(ready)
}

// errEnded says that a process ended before it was ready; the guard knows how.
var errEnded = errors.New("ended before it was ready")

// awaitReady returns nil once the process is ready.
func (r *replica) awaitReady(ctx context.Context, g *guarded, ports map[string]int) error {
	spec := &r.server.spec
	port := ports[HTTPPort]
	if port == 0 {
		port = ports[GRPCPort]
	}
	limit := spec.readyTimeout()
	probing, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answer := make(chan error, 1)
	go func() {
		answer <- awaitReady(probing, spec.Ready, port, func(waited time.Duration, last error) {
			r.server.sup.log.say(r.label, "not ready after %.0f s: %v", waited.Seconds(), last)
		})
	}()
	var err error
	select {
	case err = <-answer:
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("was not ready within %v", limit)
		}
		return err
	case <-g.done:
		err = errEnded
	case <-r.leave:
		err = context.Canceled
	}
	cancel()
	<-answer
	return err
}

// attend returns when the process has ended or is to be ended. A replica that leaves on purpose goes on serving a little
// while nobody is sent to it any more.
func (r *replica) attend(ctx context.Context, g *guarded) {
	select {
	case <-g.done:
	case <-ctx.Done():
	case <-r.leave:
		r.become(Ready, Report{PID: g.pid, HTTP: r.ports[HTTPPort], GRPC: r.ports[GRPCPort]})
		timer := time.NewTimer(r.server.sup.drain)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-g.done:
		case <-ctx.Done():
		}
	}
}

// end makes sure that the process and all below it are gone.
func (r *replica) end(g *guarded) {
	g.terminate()
	grace := r.server.spec.grace()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-g.done:
		return
	case <-timer.C:
	}
	r.server.sup.log.say(r.label, "did not end within %v of SIGTERM; killing it", grace)
	g.kill()
	<-g.done
}

// started notes what process the replica is now.
func (r *replica) started(pid int, ports map[string]int) {
	r.server.sup.mu.Lock()
	defer r.server.sup.mu.Unlock()
	r.pid, r.ports = pid, ports
}

// become changes the replica's state and tells of it.
func (r *replica) become(state State, change Report) {
	sup := r.server.sup
	sup.mu.Lock()
	r.state, r.err = state, change.Err
	sup.mu.Unlock()
	change.Server, change.Replica, change.State = r.server.name, r.index, state
	sup.tell(change)
	// Who waits for readiness may rely on having been told the address before.
	sup.mu.Lock()
	r.told = state
	sup.notifyLocked()
	sup.mu.Unlock()
}

func (r *replica) failure() error {
	r.server.sup.mu.Lock()
	defer r.server.sup.mu.Unlock()
	return r.err
}

func (r *replica) leaving() bool {
	select {
	case <-r.leave:
		return true
	default:
		return false
	}
}

// pause waits for d, or until the replica is to end.
func (r *replica) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-r.leave:
	}
}

// where is the ports as the log has them.
func where(ports map[string]int) string {
	text := ""
	if p := ports[HTTPPort]; p != 0 {
		text += fmt.Sprintf(", http 127.0.0.1:%d", p)
	}
	if p := ports[GRPCPort]; p != 0 {
		text += fmt.Sprintf(", grpc 127.0.0.1:%d", p)
	}
	return text
}
