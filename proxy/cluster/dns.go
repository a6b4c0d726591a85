package cluster

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// resolve keeps a STRICT_DNS cluster's endpoints equal to what its names say.
func (c *Cluster) resolve() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	known := map[string][]netip.Addr{} // what a name said last: kept while it cannot be resolved
	var before []Endpoint
	for first := true; ; first = false {
		select {
		case <-c.ctx.Done():
			return
		case <-timer.C:
		}
		now := c.lookup(known)
		if c.ctx.Err() != nil {
			return
		}
		if first || !slices.Equal(now, before) {
			before = now
			c.assign(&Assignment{Name: c.spec.Name, Endpoints: now})
		}
		timer.Reset(c.spec.DNS.Refresh)
	}
}

func (c *Cluster) lookup(known map[string][]netip.Addr) []Endpoint {
	var out []Endpoint
	for _, e := range c.spec.Assignment.Endpoints {
		if !e.Resolve {
			out = append(out, e)
			continue
		}
		name, port, _ := net.SplitHostPort(e.Address)
		if ips, err := c.state.owner.o.Lookup(c.ctx, c.spec.DNS.Network, name); err == nil {
			slices.SortFunc(ips, netip.Addr.Compare)
			known[name] = slices.Compact(ips)
		}
		n, _ := strconv.ParseUint(port, 10, 16)
		for _, ip := range known[name] {
			r := e
			r.Address, r.Resolve = netip.AddrPortFrom(ip.Unmap(), uint16(n)).String(), false
			if r.Hostname == "" {
				r.Hostname = name
			}
			out = append(out, r)
		}
	}
	return out
}
