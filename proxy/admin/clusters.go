package admin

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/millrace/millrace/proxy/cluster"
)

func (a *Server) clusters(w http.ResponseWriter, r *http.Request) {
	if a.s.Clusters == nil {
		absent(w, "the list of clusters")
		return
	}
	if r.URL.Query().Get("format") == "json" {
		all := &adminv3.Clusters{}
		for _, c := range a.s.Clusters() {
			all.ClusterStatuses = append(all.ClusterStatuses, clusterStatus(c))
		}
		writeMessage(w, all, false)
		return
	}
	var b strings.Builder
	for _, c := range a.s.Clusters() {
		writeCluster(&b, c)
	}
	plain(w, http.StatusOK, b.String())
}

// figure is one line of an endpoint.
type figure struct {
	name  string
	value uint64
	kind  adminv3.SimpleMetric_Type
}

func figures(h *cluster.Host, open int) []figure {
	sent, failed := h.Requests()
	active := uint64(max(0, h.Active()))
	good := uint64(0)
	if done := failed + active; sent > done {
		good = sent - done
	}
	const counter, gauge = adminv3.SimpleMetric_COUNTER, adminv3.SimpleMetric_GAUGE
	return []figure{{"cx_active", uint64(open), gauge}, {"rq_active", active, gauge}, {"rq_error", failed, counter},
		{"rq_success", good, counter}, {"rq_total", sent, counter}}
}

// writeCluster writes Envoy's lines of a cluster.
func writeCluster(b *strings.Builder, c *cluster.Cluster) {
	name, l := c.Name(), c.Spec().Limits
	line := func(parts ...string) {
		b.WriteString(name)
		for _, p := range parts {
			b.WriteString("::" + p)
		}
		b.WriteByte('\n')
	}
	line("observability_name", name)
	for _, limit := range []struct {
		name  string
		value int64
	}{{"max_connections", l.Connections}, {"max_pending_requests", l.Pending}, {"max_requests", l.Requests}, {"max_retries", l.Retries}} {
		line("default_priority", limit.name, strconv.FormatInt(limit.value, 10))
	}
	c.Connections(func(h *cluster.Host, e *cluster.Endpoint, open int) bool {
		for _, f := range figures(h, open) {
			line(h.Address, f.name, strconv.FormatUint(f.value, 10))
		}
		region, zone, sub := locality(e)
		for _, p := range [][2]string{{"hostname", e.Hostname}, {"health_flags", healthFlags(h, e)}, {"weight", strconv.Itoa(int(e.Weight))},
			{"region", region}, {"zone", zone}, {"sub_zone", sub}, {"canary", "false"}, {"priority", strconv.Itoa(e.Priority)},
			{"success_rate", "-1"}, {"local_origin_success_rate", "-1"}} {
			line(h.Address, p[0], p[1])
		}
		return true
	})
}

func locality(e *cluster.Endpoint) (region, zone, sub string) {
	region, rest, _ := strings.Cut(e.Locality, "/")
	zone, sub, _ = strings.Cut(rest, "/")
	return region, zone, sub
}

func healthFlags(h *cluster.Host, e *cluster.Endpoint) string {
	flags := ""
	if h.CheckFailed() {
		flags += "/failed_active_hc"
	}
	if h.Ejected() {
		flags += "/failed_outlier_check"
	}
	if !e.Usable {
		flags += "/failed_eds_health"
	}
	if flags == "" {
		return "healthy"
	}
	return flags
}

func clusterStatus(c *cluster.Cluster) *adminv3.ClusterStatus {
	s, l := c.Spec(), c.Spec().Limits
	status := &adminv3.ClusterStatus{Name: c.Name(), ObservabilityName: c.Name(), EdsServiceName: s.ServiceName,
		CircuitBreakers: &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
			MaxConnections: limit(l.Connections), MaxPendingRequests: limit(l.Pending), MaxRequests: limit(l.Requests), MaxRetries: limit(l.Retries),
		}}}}
	c.Connections(func(h *cluster.Host, e *cluster.Endpoint, open int) bool {
		host := &adminv3.HostStatus{Address: address(h.Address), Weight: e.Weight, Hostname: e.Hostname, Priority: uint32(e.Priority),
			HealthStatus: &adminv3.HostHealthStatus{FailedActiveHealthCheck: h.CheckFailed(), FailedOutlierCheck: h.Ejected(),
				EdsHealthStatus: corev3.HealthStatus_HEALTHY}}
		if !e.Usable {
			host.HealthStatus.EdsHealthStatus = corev3.HealthStatus_UNHEALTHY
		}
		if region, zone, sub := locality(e); region+zone+sub != "" {
			host.Locality = &corev3.Locality{Region: region, Zone: zone, SubZone: sub}
		}
		for _, f := range figures(h, open) {
			host.Stats = append(host.Stats, &adminv3.SimpleMetric{Type: f.kind, Name: f.name, Value: f.value})
		}
		status.HostStatuses = append(status.HostStatuses, host)
		return true
	})
	return status
}

func limit(n int64) *wrapperspb.UInt32Value {
	return wrapperspb.UInt32(uint32(min(max(0, n), 1<<32-1)))
}

// address turns "host:port" or "unix:path" into Envoy's message.
func address(s string) *corev3.Address {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		return &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: path}}}
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host = s
	}
	n, _ := strconv.ParseUint(port, 10, 16) // an address without a port has port 0
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{Address: host,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(n)}}}}
}

func (a *Server) listeners(w http.ResponseWriter, r *http.Request) {
	if a.s.Listeners == nil {
		absent(w, "the list of listeners")
		return
	}
	all := &adminv3.Listeners{}
	var b strings.Builder
	for _, l := range a.s.Listeners() {
		if l.Address == "" {
			continue // Envoy lists what listens
		}
		fmt.Fprintf(&b, "%s::%s\n", l.Name, l.Address)
		all.ListenerStatuses = append(all.ListenerStatuses, &adminv3.ListenerStatus{Name: l.Name, LocalAddress: address(l.Address)})
	}
	if r.URL.Query().Get("format") == "json" {
		writeMessage(w, all, false)
		return
	}
	plain(w, http.StatusOK, b.String())
}
