package cluster

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

var errMaxRequests = errors.New("max_requests")

// Cluster is one version of a cluster's configuration with its endpoints. It is safe for concurrent use; a request may go
// on with a version that was replaced meanwhile.
type Cluster struct {
	spec  *Spec
	state *state
	set   atomic.Pointer[endpointSet]

	ctx    context.Context // done when the version is replaced or removed
	cancel context.CancelFunc
	work   sync.WaitGroup // checkers, resolver, outlier watch

	// Guarded by state.mu.
	checkers map[string]*checker // by address
	unready  int                 // checkers whose first round is not done
	assigned bool
	warm     bool
	timer    *time.Timer // ends the wait for endpoints
}

// Name returns the cluster's name.
func (c *Cluster) Name() string { return c.spec.Name }

// Spec returns the configuration, which must not be changed.
func (c *Cluster) Spec() *Spec { return c.spec }

// Stats returns the counters, shared by all versions of the cluster.
func (c *Cluster) Stats() *Stats { return &c.state.Stats }

// Load returns what is under way now.
func (c *Cluster) Load() (requests, pending, connections, retries int64) {
	s := c.state
	return s.active.Load(), s.pending.Load(), s.connections.Load(), s.retries.Load()
}

// Endpoints calls yield for each endpoint in order until it returns false.
func (c *Cluster) Endpoints(yield func(*Host, *Endpoint) bool) {
	set := c.set.Load()
	if set == nil {
		return
	}
	for _, e := range set.all {
		if !yield(e.host, &e.Endpoint) {
			return
		}
	}
}

func (c *Cluster) fail(r Reason, p *pool, cause error) *Error {
	return &Error{Reason: r, Cluster: c.state.name, Host: p.key.address, Cause: cause}
}

// start begins what makes the version warm.
func (c *Cluster) start() {
	if c.spec.Outlier != nil {
		c.work.Go(c.watch)
	}
	switch c.spec.Discovery {
	case Static:
		c.assign(c.spec.Assignment)
	case StrictDNS:
		c.work.Go(c.resolve)
	case EDS:
		if d := c.spec.FetchTimeout; d > 0 {
			c.state.mu.Lock()
			c.timer = time.AfterFunc(d, func() { c.assignOnce(&Assignment{Name: c.spec.ServiceName}) })
			c.state.mu.Unlock()
		}
	}
}

// assignOnce is assign where nothing was assigned yet.
func (c *Cluster) assignOnce(a *Assignment) {
	c.state.mu.Lock()
	had := c.assigned
	c.state.mu.Unlock()
	if !had && c.ctx.Err() == nil {
		c.assign(a)
	}
}

// assign replaces the endpoints. Hosts and pools that stay are kept as they are.
func (c *Cluster) assign(a *Assignment) {
	s := c.state
	s.mu.Lock()
	if c.ctx.Err() != nil {
		s.mu.Unlock()
		return
	}
	c.assigned = true
	if c.timer != nil {
		c.timer.Stop()
	}
	s.EndpointUpdates.Add(1)
	set := &endpointSet{}
	for _, e := range a.Endpoints {
		set.all = append(set.all, &endpoint{Endpoint: e, host: c.hostLocked(e.Address), pool: c.poolLocked(e.Address)})
	}
	c.checkLocked(set)
	set.refresh(c.spec)
	old := c.set.Swap(set)
	dead := s.dropPoolsLocked(old)
	s.pruneLocked(s.setsLocked(c)...)
	s.mu.Unlock()
	closePools(dead, false)
	c.warmUp()
}

// setsLocked returns the endpoint sets whose hosts are in use: c's and the current version's.
func (s *state) setsLocked(c *Cluster) []*endpointSet {
	sets := []*endpointSet{c.set.Load()}
	if cur := s.current.Load(); cur != nil && cur != c {
		sets = append(sets, cur.set.Load())
	}
	return sets
}

func (c *Cluster) hostLocked(address string) *Host {
	h := c.state.hosts[address]
	if h == nil {
		h = &Host{Address: address}
		h.failed.Store(len(c.spec.Checks) > 0)
		c.state.hosts[address] = h
	} else if len(c.spec.Checks) == 0 {
		h.failed.Store(false)
	}
	return h
}

func (c *Cluster) poolLocked(address string) *pool {
	key := poolKey{address: address, protocol: c.spec.Protocol}
	if c.spec.TLS != nil {
		key.tls = c.spec.TLS.fingerprint
	}
	p := c.state.pools[key]
	if p == nil {
		p = &pool{key: key, tls: c.spec.TLS, state: c.state, dial: &c.state.owner.dialer, all: map[*conn]struct{}{}}
		c.state.pools[key] = p
	}
	p.users++
	return p
}

// dropPoolsLocked gives up a set's hold on its pools and returns those that nobody holds any more.
func (s *state) dropPoolsLocked(set *endpointSet) (dead []*pool) {
	if set == nil {
		return nil
	}
	for _, e := range set.all {
		if e.pool.users--; e.pool.users == 0 {
			delete(s.pools, e.pool.key)
			dead = append(dead, e.pool)
		}
	}
	return dead
}

func closePools(ps []*pool, now bool) {
	for _, p := range ps {
		p.close(now)
	}
}

// refresh makes the view follow a change of health.
func (c *Cluster) refresh() {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	if set := c.set.Load(); set != nil {
		set.refresh(c.spec)
	}
}

// warmUp makes the version current when nothing is missing any more.
func (c *Cluster) warmUp() {
	c.state.mu.Lock()
	now := !c.warm && c.assigned && c.unready == 0 && c.ctx.Err() == nil
	c.warm = c.warm || now
	c.state.mu.Unlock()
	if now {
		c.state.owner.promote(c)
	}
}

// stop ends the version. Requests under way go on; pools that no other version holds are drained, or closed at once.
func (c *Cluster) stop(now bool) {
	c.cancel()
	c.state.mu.Lock()
	if c.timer != nil {
		c.timer.Stop()
	}
	dead := c.state.dropPoolsLocked(c.set.Load())
	c.state.mu.Unlock()
	closePools(dead, now)
}
