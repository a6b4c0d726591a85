package cluster

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/millrace/millrace/proxy/stream"
)

// Options are what a [Registry] needs from outside.
type Options struct {
	// HTTP1 and HTTP2 make a client's side of a connection, of which they take over the ownership.
	HTTP1 func(net.Conn) stream.ClientConn
	HTTP2 func(net.Conn, Protocol) (stream.ClientConn, error)

	// Dial makes a connection; nil is net.Dialer's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Lookup resolves a name; network is "ip", "ip4" or "ip6"; nil is net.DefaultResolver's.
	Lookup func(ctx context.Context, network, name string) ([]netip.Addr, error)
	// RemovalGrace is how long a removed cluster serves those that still name it; 0 is 5 s.
	RemovalGrace time.Duration
	// Warmed is called, if set, after a version of a cluster became current. It must not call the Registry's Close.
	Warmed func(name string)
}

// Registry owns all clusters by name. It is safe for concurrent use.
type Registry struct {
	o      Options
	dialer dialer
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	byName atomic.Pointer[map[string]*Cluster] // the current versions

	mu          sync.Mutex // guards what follows
	states      map[string]*state
	refs        map[string]weak.Pointer[Ref]
	kept        map[string]*Ref // refs of current clusters, kept alive
	warming     map[string]*Cluster
	assignments map[string]*Assignment // EDS, by name
	leaving     map[string]*time.Timer // removed clusters in their grace
}

// Ref is a cluster's name resolved once: Load costs one atomic read. It stays valid across updates, removal and return.
type Ref struct {
	name    string
	current atomic.Pointer[Cluster]
}

// Name returns the cluster's name.
func (r *Ref) Name() string { return r.name }

// Load returns the current version, or nil where there is none (NC).
func (r *Ref) Load() *Cluster { return r.current.Load() }

// NewRegistry returns an empty registry. Close ends it.
func NewRegistry(o Options) *Registry {
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.Lookup == nil {
		o.Lookup = net.DefaultResolver.LookupNetIP
	}
	if o.RemovalGrace == 0 {
		o.RemovalGrace = 5 * time.Second
	}
	r := &Registry{o: o, dialer: dialer{o.Dial, o.HTTP1, o.HTTP2}, states: map[string]*state{},
		refs: map[string]weak.Pointer[Ref]{}, kept: map[string]*Ref{}, warming: map[string]*Cluster{},
		assignments: map[string]*Assignment{}, leaving: map[string]*time.Timer{}}
	r.byName.Store(&map[string]*Cluster{})
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.work.Go(r.sweep)
	return r
}

// Ref returns the reference to a name, whether there is such a cluster or not. It is for configuration, not for names
// that requests bring: see [Registry.Lookup].
func (r *Registry) Ref(name string) *Ref {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refLocked(name)
}

func (r *Registry) refLocked(name string) *Ref {
	if ref := r.refs[name].Value(); ref != nil {
		return ref
	}
	ref := &Ref{name: name}
	ref.current.Store((*r.byName.Load())[name])
	r.refs[name] = weak.Make(ref)
	return ref
}

// Lookup returns the current version of a cluster by name, or nil.
func (r *Registry) Lookup(name []byte) *Cluster { return (*r.byName.Load())[string(name)] }

// All returns the current versions, sorted by name.
func (r *Registry) All() []*Cluster {
	m := *r.byName.Load()
	cs := make([]*Cluster, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		cs = append(cs, m[name])
	}
	return cs
}

// Warming returns the names of the clusters with a version that is not current yet, sorted.
func (r *Registry) Warming() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.warming))
}

// Services returns the names of the assignments that clusters wait for or use, sorted.
func (r *Registry) Services() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := map[string]bool{}
	for _, cs := range []map[string]*Cluster{*r.byName.Load(), r.warming} {
		for _, c := range cs {
			if c.spec.Discovery == EDS {
				names[c.spec.ServiceName] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Set takes a cluster's new configuration. The version before it serves until the new one is warm.
func (r *Registry) Set(spec *Spec) {
	r.mu.Lock()
	if r.ctx.Err() != nil {
		r.mu.Unlock()
		return
	}
	if t := r.leaving[spec.Name]; t != nil {
		t.Stop()
		delete(r.leaving, spec.Name)
	}
	s := r.states[spec.Name]
	if s == nil {
		s = newState(r, spec.Name)
		r.states[spec.Name] = s
	}
	c := &Cluster{spec: spec, state: s, checkers: map[string]*checker{}}
	c.ctx, c.cancel = context.WithCancel(r.ctx)
	before := r.warming[spec.Name]
	r.warming[spec.Name] = c
	known := r.assignments[spec.ServiceName]
	r.mu.Unlock()
	if before != nil {
		before.stop(false)
	}
	c.start()
	if spec.Discovery == EDS && known != nil {
		c.assign(known)
	}
}

// Assign takes the endpoints of a service for all clusters that name it.
func (r *Registry) Assign(a *Assignment) {
	r.mu.Lock()
	r.assignments[a.Name] = a
	var users []*Cluster
	for _, cs := range []map[string]*Cluster{*r.byName.Load(), r.warming} {
		for _, c := range cs {
			if c.spec.Discovery == EDS && c.spec.ServiceName == a.Name {
				users = append(users, c)
			}
		}
	}
	r.mu.Unlock()
	for _, c := range users {
		c.assign(a)
	}
}

// Unassign forgets a service's endpoints: clusters that use it keep what they have, as Envoy does, and a new cluster of
// that service waits for new ones.
func (r *Registry) Unassign(name string) {
	r.mu.Lock()
	delete(r.assignments, name)
	r.mu.Unlock()
}

// Remove takes a cluster away after the grace.
func (r *Registry) Remove(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil || r.states[name] == nil || r.leaving[name] != nil {
		return
	}
	r.leaving[name] = time.AfterFunc(r.o.RemovalGrace, func() { r.remove(name) })
}

func (r *Registry) remove(name string) {
	r.mu.Lock()
	if r.leaving[name] == nil { // it came back
		r.mu.Unlock()
		return
	}
	delete(r.leaving, name)
	cur, warming := (*r.byName.Load())[name], r.warming[name]
	r.publishLocked(name, nil)
	delete(r.warming, name)
	delete(r.states, name)
	r.mu.Unlock()
	for _, c := range []*Cluster{cur, warming} {
		if c != nil {
			c.stop(false)
		}
	}
}

// publishLocked makes c (nil is none) the current version of a name.
func (r *Registry) publishLocked(name string, c *Cluster) {
	m := maps.Clone(*r.byName.Load())
	ref := r.refLocked(name)
	if c == nil {
		delete(m, name)
		delete(r.kept, name)
	} else {
		m[name] = c
		r.kept[name] = ref
	}
	ref.current.Store(c)
	r.byName.Store(&m)
	if len(r.refs) > 2*len(m)+64 { // forget names that nobody holds
		maps.DeleteFunc(r.refs, func(_ string, w weak.Pointer[Ref]) bool { return w.Value() == nil })
	}
}

// promote makes a warm version current.
func (r *Registry) promote(c *Cluster) {
	name := c.spec.Name
	r.mu.Lock()
	if r.warming[name] != c {
		r.mu.Unlock()
		return
	}
	delete(r.warming, name)
	old := (*r.byName.Load())[name]
	r.publishLocked(name, c)
	c.state.current.Store(c)
	r.mu.Unlock()
	if old != nil {
		old.stop(false)
	}
	if r.o.Warmed != nil {
		r.o.Warmed(name)
	}
}

// sweep closes idle connections of all pools once a second.
func (r *Registry) sweep() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case now := <-t.C:
			r.mu.Lock()
			states := slices.Collect(maps.Values(r.states))
			r.mu.Unlock()
			for _, s := range states {
				s.mu.Lock()
				pools := slices.Collect(maps.Values(s.pools))
				s.mu.Unlock()
				for _, p := range pools {
					p.sweep(now)
				}
			}
		}
	}
}

// Close ends all work and closes all connections, used ones included, and waits for its goroutines.
func (r *Registry) Close() {
	r.cancel()
	r.mu.Lock()
	var all []*Cluster
	for _, cs := range []map[string]*Cluster{*r.byName.Load(), r.warming} {
		all = slices.AppendSeq(all, maps.Values(cs))
	}
	for _, t := range r.leaving {
		t.Stop()
	}
	r.mu.Unlock()
	for _, c := range all {
		c.stop(true)
		c.work.Wait()
		c.state.mu.Lock()
		for _, h := range c.state.hosts {
			h.uneject()
		}
		c.state.mu.Unlock()
	}
	r.work.Wait()
}
