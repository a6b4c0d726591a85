package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options are what a Supervisor is made of.
type Options struct {
	Log    io.Writer     // every line that a server writes, and the supervisor's own
	Report func(Report)  // called for every change, never by two goroutines at once; nil where nobody listens
	Cache  string        // a folder for environments and runtimes; empty: millrace's folder of the user's cache
	Drain  time.Duration // from leaving a replica out of the addresses to SIGTERM, while others serve; 0 means 500 ms
}

// Supervisor keeps servers running. Its methods may be called by many goroutines; Report is called without any lock that
// they need, but must not call Update or Stop itself.
type Supervisor struct {
	log    *log
	report func(Report)
	cache  string
	drain  time.Duration
	ports  ports

	ctx    context.Context // ends when Stop is called or Start's context ends
	cancel context.CancelFunc
	work   sync.WaitGroup // the goroutines of all servers

	mu      sync.Mutex         // guards what follows
	servers map[string]*server // the current generation of each
	changed chan struct{}      // closed and replaced at each change
	stopped bool

	reporting sync.Mutex // held during each call of report, so that addresses are reported in order
}

// New returns a supervisor without servers.
func New(o Options) (*Supervisor, error) {
	if o.Cache == "" {
		user, err := os.UserCacheDir()
		if dir := os.Getenv("MILLRACE_CACHE"); dir != "" {
			user, err = dir, nil
		} else {
			user = filepath.Join(user, "millrace")
		}
		if err != nil {
			return nil, fmt.Errorf("find a cache folder: %w; set MILLRACE_CACHE to a folder that may be written", err)
		}
		o.Cache = user
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.Report == nil {
		o.Report = func(Report) {}
	}
	if o.Drain == 0 {
		o.Drain = 500 * time.Millisecond
	}
	s := &Supervisor{
		log:     &log{out: o.Log},
		report:  o.Report,
		cache:   o.Cache,
		drain:   o.Drain,
		ports:   ports{held: make(map[int]struct{})},
		servers: make(map[string]*server),
		changed: make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Start starts the servers of specs and returns at once; Report and WaitReady tell how they fare. When ctx ends, all
// servers are stopped as by Stop, which must still be called to wait for them. An error means that a spec can never run;
// then nothing was started.
func (s *Supervisor) Start(ctx context.Context, specs []Spec) error {
	// Not a parent context: Stop must be able to end the servers in order though ctx lives on.
	stop := context.AfterFunc(ctx, s.cancel)
	context.AfterFunc(s.ctx, func() { stop() })
	return s.Update(specs)
}

// Update makes specs the servers that run: it starts the new, stops the gone and leaves the unchanged alone. A changed
// server's new processes are started beside the old ones, which are stopped once the new are ready; where a fixed port
// forbids that, after them. More or fewer replicas leave the others untouched. An error means that a spec
// can never run; then nothing was changed.
func (s *Supervisor) Update(specs []Spec) error {
	var errs []error
	wanted := make(map[string]Spec, len(specs))
	for _, spec := range specs {
		errs = append(errs, spec.Check())
		if _, twice := wanted[spec.Name]; twice {
			errs = append(errs, fmt.Errorf("start server %s: there are two of this name", spec.Name))
		}
		wanted[spec.Name] = spec
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errors.New("start servers: the supervisor was stopped")
	}
	for name, old := range s.servers {
		if _, ok := wanted[name]; !ok {
			delete(s.servers, name)
			old.retireLocked()
		}
	}
	for _, spec := range specs {
		old := s.servers[spec.Name]
		if old != nil && old.scale(spec) {
			continue
		}
		next := newServer(s, spec, old)
		s.servers[spec.Name] = next
		s.work.Go(next.run)
	}
	s.notifyLocked()
	return nil
}

// WaitReady returns nil once every replica of every server is ready and has been reported so, and ctx's error, with each server that is not and
// the reason, if that does not come.
func (s *Supervisor) WaitReady(ctx context.Context) error {
	for {
		s.mu.Lock()
		changed := s.changed
		var missing []string
		for name, server := range s.servers {
			if why := server.missing(); why != "" {
				missing = append(missing, name+" "+why)
			}
		}
		s.mu.Unlock()
		if len(missing) == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			slices.Sort(missing)
			return fmt.Errorf("wait for servers: %w: %s", ctx.Err(), strings.Join(missing, "; "))
		case <-s.ctx.Done():
			return errors.New("wait for servers: the supervisor was stopped")
		}
	}
}

// Stop ends all processes, SIGTERM first and SIGKILL after each server's grace, and waits until they are gone. No
// Report comes after it.
func (s *Supervisor) Stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.cancel()
	s.work.Wait()
}

// notifyLocked wakes who waits for a change; mu is held.
func (s *Supervisor) notifyLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// same says whether two specs differ in nothing but the number of replicas.
func same(a, b Spec) bool {
	a.Replicas, b.Replicas = 0, 0
	return reflect.DeepEqual(a, b)
}
