package cluster

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"sort"
	"sync/atomic"
)

// endpoint is an [Endpoint] of one version of a cluster, with the host and pool behind it.
type endpoint struct {
	Endpoint
	host *Host
	pool *pool
}

func (e *endpoint) usable() bool {
	return e.Usable && !e.host.failed.Load() && !e.host.ejected.Load()
}

// endpointSet is what a cluster's requests choose from. Only view changes.
type endpointSet struct {
	all  []*endpoint // sorted by priority
	view atomic.Pointer[view]
}

// view is the endpoints that may be chosen now; immutable.
type view struct {
	endpoints []*endpoint
	sums      []uint64 // running sums of weights; nil where all weights are one
}

// refresh makes a new view from the hosts' health.
func (s *endpointSet) refresh(spec *Spec) {
	var first []*endpoint
	for from := 0; from < len(s.all); {
		to := from
		for to < len(s.all) && s.all[to].Priority == s.all[from].Priority {
			to++
		}
		level := s.all[from:to]
		from = to
		if spec.LocalityWeighted {
			level = slices.DeleteFunc(slices.Clone(level), func(e *endpoint) bool { return e.LocalityWeight == 0 })
		}
		if len(level) == 0 {
			continue
		}
		var up []*endpoint
		for _, e := range level {
			if e.usable() {
				up = append(up, e)
			}
		}
		if first == nil {
			first = level
		}
		last := from == len(s.all)
		switch {
		case len(up) == 0:
			continue
		case last && 100*float64(len(up)) < spec.PanicThreshold*float64(len(level)):
			up = admitted(level) // panic: too few to bear the load of all
		}
		s.view.Store(newView(up, spec))
		return
	}
	if spec.PanicThreshold == 0 {
		first = nil
	}
	s.view.Store(newView(admitted(first), spec))
}

// admitted drops what the control plane itself takes out: panic is about our own judgement only.
func admitted(es []*endpoint) []*endpoint {
	var in []*endpoint
	for _, e := range es {
		if e.Usable {
			in = append(in, e)
		}
	}
	return in
}

func newView(es []*endpoint, spec *Spec) *view {
	v := &view{endpoints: es}
	inLocality := map[string]uint64{}
	even := true
	for _, e := range es {
		inLocality[e.Locality] += uint64(e.Weight)
		even = even && e.Weight == es[0].Weight
	}
	if even && !spec.LocalityWeighted {
		return v
	}
	sum := uint64(0)
	for _, e := range es {
		w := uint64(e.Weight)
		if spec.LocalityWeighted {
			// 16 bits of fraction keep small endpoint weights apart within a locality's share.
			w = max(1, w*uint64(e.LocalityWeight)<<16/inLocality[e.Locality])
		}
		sum += w
		v.sums = append(v.sums, sum)
	}
	return v
}

// choose picks one by the cluster's policy, or nil where there is none.
func (v *view) choose(c *Cluster) *endpoint {
	n := uint64(len(v.endpoints))
	switch {
	case n == 0:
		return nil
	case n == 1:
		return v.endpoints[0]
	}
	switch c.spec.Policy {
	case Random:
		return v.at(rand.Uint64())
	case LeastRequest:
		best := v.at(rand.Uint64())
		for range c.spec.Choices - 1 {
			if e := v.at(rand.Uint64()); e.load(best) {
				best = e
			}
		}
		return best
	}
	seq := c.state.seq.Add(1)
	if v.sums == nil {
		return v.endpoints[seq%n]
	}
	// Multiples of the golden ratio fill the range evenly, so that a weight's share is right over any short run and no
	// request takes a lock.
	return v.at(seq * 0x9E3779B97F4A7C15)
}

// load tells whether e has fewer requests under way for its weight than o.
func (e *endpoint) load(o *endpoint) bool {
	return uint64(e.host.active.Load()+1)*uint64(o.Weight) < uint64(o.host.active.Load()+1)*uint64(e.Weight)
}

// at maps a number, uniform over 64 bits, to an endpoint by weight.
func (v *view) at(r uint64) *endpoint {
	if v.sums == nil {
		i, _ := bits.Mul64(r, uint64(len(v.endpoints)))
		return v.endpoints[i]
	}
	x, _ := bits.Mul64(r, v.sums[len(v.sums)-1])
	return v.endpoints[sort.Search(len(v.sums), func(i int) bool { return v.sums[i] > x })]
}

// pick chooses an endpoint for an attempt: none that could not be connected to, and if possible none that failed before.
func (c *Cluster) pick(a *Attempt) *endpoint {
	set := c.set.Load()
	if set == nil {
		return nil
	}
	v := set.view.Load()
	if len(a.refused) == 0 && len(a.failed) == 0 {
		return v.choose(c)
	}
	for range 3 {
		if e := v.choose(c); e == nil || !a.avoids(e) {
			return e
		}
	}
	var again *endpoint
	for i, from := 0, rand.IntN(max(1, len(v.endpoints))); i < len(v.endpoints); i++ {
		e := v.endpoints[(from+i)%len(v.endpoints)]
		if !a.avoids(e) {
			return e
		}
		if !slices.Contains(a.refused, e.host) {
			again = e
		}
	}
	return again
}

func (a *Attempt) avoids(e *endpoint) bool {
	return slices.Contains(a.refused, e.host) || slices.Contains(a.failed, e.host)
}
