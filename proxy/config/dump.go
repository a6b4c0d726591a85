package config

import (
	"fmt"
	"io"
	"maps"
	"slices"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millrace/millrace/proxy/cluster"
)

// Dump returns what /config_dump shows: clusters, endpoints, listeners and routes, with what was refused last.
func (c *Config) Dump() (*adminv3.ConfigDump, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := &dumper{}
	cs := &adminv3.ClustersConfigDump{VersionInfo: c.versions[ClusterType]}
	warming := c.o.Clusters.Warming()
	for _, name := range slices.Sorted(maps.Keys(c.clusters)) {
		r := c.clusters[name]
		body, at := d.any(r)
		switch _, isWarming := slices.BinarySearch(warming, name); {
		case r.static:
			cs.StaticClusters = append(cs.StaticClusters, &adminv3.ClustersConfigDump_StaticCluster{Cluster: body, LastUpdated: at})
		case isWarming:
			cs.DynamicWarmingClusters = append(cs.DynamicWarmingClusters, &adminv3.ClustersConfigDump_DynamicCluster{VersionInfo: r.version, Cluster: body, LastUpdated: at, ClientStatus: adminv3.ClientResourceStatus_ACKED})
		default:
			cs.DynamicActiveClusters = append(cs.DynamicActiveClusters, &adminv3.ClustersConfigDump_DynamicCluster{VersionInfo: r.version, Cluster: body, LastUpdated: at, ErrorState: c.failureLocked(ClusterType, name)})
		}
	}
	es := &adminv3.EndpointsConfigDump{}
	for _, name := range slices.Sorted(maps.Keys(c.endpoints)) {
		r := c.endpoints[name]
		body, at := d.any(r)
		es.DynamicEndpointConfigs = append(es.DynamicEndpointConfigs, &adminv3.EndpointsConfigDump_DynamicEndpointConfig{VersionInfo: r.version, EndpointConfig: body, LastUpdated: at, ErrorState: c.failureLocked(EndpointType, name)})
	}
	ls := &adminv3.ListenersConfigDump{VersionInfo: c.versions[ListenerType]}
	rs := &adminv3.RoutesConfigDump{}
	for _, name := range slices.Sorted(maps.Keys(c.listeners)) {
		l := c.listeners[name]
		body, at := d.any(l.last)
		if v := l.now; v != nil && v.rds == "" && v.inline.inline != nil {
			in, _ := d.any(&resource{message: v.inline.inline})
			rs.StaticRouteConfigs = append(rs.StaticRouteConfigs, &adminv3.RoutesConfigDump_StaticRouteConfig{RouteConfig: in, LastUpdated: at})
		}
		if l.last.static {
			ls.StaticListeners = append(ls.StaticListeners, &adminv3.ListenersConfigDump_StaticListener{Listener: body, LastUpdated: at})
			continue
		}
		st := &adminv3.ListenersConfigDump_DynamicListenerState{VersionInfo: l.last.version, Listener: body, LastUpdated: at}
		dl := &adminv3.ListenersConfigDump_DynamicListener{Name: name, ErrorState: c.failureLocked(ListenerType, name)}
		if l.next != nil {
			dl.WarmingState = st
		} else {
			dl.ActiveState = st
		}
		if l.err != nil {
			dl.ErrorState = &adminv3.UpdateFailureState{Details: l.err.Error()}
		}
		ls.DynamicListeners = append(ls.DynamicListeners, dl)
	}
	for _, name := range slices.Sorted(maps.Keys(c.routes)) {
		r := c.routes[name].last
		if r == nil {
			continue
		}
		body, at := d.any(r)
		rs.DynamicRouteConfigs = append(rs.DynamicRouteConfigs, &adminv3.RoutesConfigDump_DynamicRouteConfig{VersionInfo: r.version, RouteConfig: body, LastUpdated: at, ErrorState: c.failureLocked(RouteType, name)})
	}
	out := &adminv3.ConfigDump{}
	for _, m := range []*resource{{message: cs}, {message: es}, {message: ls}, {message: rs}} {
		body, _ := d.any(m)
		out.Configs = append(out.Configs, body)
	}
	return out, d.err
}

// dumper keeps the first error.
type dumper struct{ err error }

func (d *dumper) any(r *resource) (*anypb.Any, *timestamppb.Timestamp) {
	a, err := anypb.New(r.message)
	if err != nil && d.err == nil {
		d.err = err
	}
	return a, timestamppb.New(r.updated)
}

func (c *Config) failureLocked(typeURL, name string) *adminv3.UpdateFailureState {
	e, ok := c.refused[typeURL][name]
	if !ok {
		return nil
	}
	return &adminv3.UpdateFailureState{Details: e.Error(), VersionInfo: c.versions[typeURL]}
}

// ListenerStatus is one listener's state, for /listeners and readiness.
type ListenerStatus struct {
	Name    string
	Address string // actual; "" while it does not listen
	Warming bool
	Err     error // why it cannot listen; it is tried again
}

// Listeners returns the state of all listeners, sorted by name.
func (c *Config) Listeners() []ListenerStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []ListenerStatus
	for _, name := range slices.Sorted(maps.Keys(c.listeners)) {
		l := c.listeners[name]
		s := ListenerStatus{Name: name, Warming: l.next != nil, Err: l.err}
		if l.running != nil {
			s.Address = l.running.Addr().String()
		}
		out = append(out, s)
	}
	return out
}

// WriteClusters writes the text of Envoy's /clusters.
func (c *Config) WriteClusters(w io.Writer) error {
	for _, cl := range c.o.Clusters.All() {
		if err := writeCluster(w, cl); err != nil {
			return err
		}
	}
	return nil
}

func writeCluster(w io.Writer, cl *cluster.Cluster) error {
	name, l := cl.Name(), cl.Spec().Limits
	_, err := fmt.Fprintf(w, "%s::default_priority::max_connections::%d\n%[1]s::default_priority::max_pending_requests::%d\n%[1]s::default_priority::max_requests::%d\n%[1]s::default_priority::max_retries::%d\n",
		name, l.Connections, l.Pending, l.Requests, l.Retries)
	cl.Endpoints(func(h *cluster.Host, e *cluster.Endpoint) bool {
		health := "healthy"
		switch {
		case h.CheckFailed():
			health = "/failed_active_hc"
		case h.Ejected():
			health = "/failed_outlier_check"
		case !e.Usable:
			health = "/failed_eds_health"
		}
		sent, failed := h.Requests()
		if err == nil {
			_, err = fmt.Fprintf(w, "%s::%s::rq_total::%d\n%[1]s::%[2]s::rq_error::%[4]d\n%[1]s::%[2]s::rq_active::%[5]d\n%[1]s::%[2]s::hostname::%[6]s\n%[1]s::%[2]s::health_flags::%[7]s\n%[1]s::%[2]s::weight::%[8]d\n%[1]s::%[2]s::priority::%[9]d\n",
				name, h.Address, sent, failed, h.Active(), e.Hostname, health, e.Weight, e.Priority)
		}
		return err == nil
	})
	return err
}
