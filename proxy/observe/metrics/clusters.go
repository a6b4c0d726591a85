package metrics

import (
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/proxy/cluster"
)

const clusterName = "envoy_cluster_name"

// clusterCounter is a counter of cluster.Stats under Envoy's name.
type clusterCounter struct {
	desc *prometheus.Desc
	of   func(*cluster.Stats) *atomic.Uint64
}

// clusters reads all clusters' figures.
type clusters struct {
	all      func() []*cluster.Cluster
	waiting  func() int
	counters []clusterCounter

	overflow, class                        *prometheus.Desc
	rqActive, rqPending, cxActive, retries *prometheus.Desc
	total, healthy, excluded, ejected      *prometheus.Desc
	current, warming                       *prometheus.Desc
}

func newClusters(all func() []*cluster.Cluster, waiting func() int) *clusters {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return desc("envoy_cluster_"+name, help, append([]string{clusterName}, labels...)...)
	}
	type stats = cluster.Stats
	type count = atomic.Uint64
	return &clusters{
		all: all, waiting: waiting,
		counters: []clusterCounter{
			{d("upstream_rq_total", "Requests that were sent."), func(s *stats) *count { return &s.Requests }},
			{d("upstream_rq_timeout", "Requests without an answer in time."), func(s *stats) *count { return &s.Timeouts }},
			{d("upstream_rq_rx_reset", "Requests that the server reset."), func(s *stats) *count { return &s.Resets }},
			{d("upstream_rq_retry", "Requests that were sent again."), func(s *stats) *count { return &s.Retries }},
			{d("upstream_rq_retry_success", "Requests sent again that were answered."), func(s *stats) *count { return &s.RetrySuccesses }},
			{d("upstream_rq_retry_overflow", "Requests not sent again, for want of budget."), func(s *stats) *count { return &s.RetryOverflows }},
			{d("upstream_cx_none_healthy", "Requests for which there was no endpoint."), func(s *stats) *count { return &s.NoHost }},
			{d("upstream_cx_total", "Connections that were begun."), func(s *stats) *count { return &s.Connects }},
			{d("upstream_cx_connect_fail", "Connections that failed."), func(s *stats) *count { return &s.ConnectFailures }},
			{d("upstream_cx_connect_timeout", "Connections that were not made in time."), func(s *stats) *count { return &s.ConnectTimeouts }},
			{d("upstream_cx_destroy", "Connections that ended."), func(s *stats) *count { return &s.ConnectionsClosed }},
			{d("upstream_cx_overflow", "Times that max_connections was reached."), func(s *stats) *count { return &s.ConnectionOverflows }},
			{d("outlier_detection_ejections_enforced_total", "Endpoints that were ejected."), func(s *stats) *count { return &s.Ejections }},
			{d("health_check_success", "Health checks that passed."), func(s *stats) *count { return &s.ChecksPassed }},
			{d("health_check_failure", "Health checks that failed."), func(s *stats) *count { return &s.ChecksFailed }},
			{d("update_success", "Updates of the endpoints."), func(s *stats) *count { return &s.EndpointUpdates }},
		},
		overflow:  d("upstream_rq_pending_overflow", "Requests refused because max_requests or max_pending_requests was reached."),
		class:     d("upstream_rq_xx", "Responses by the first digit of their status.", "envoy_response_code_class"),
		rqActive:  d("upstream_rq_active", "Requests under way."),
		rqPending: d("upstream_rq_pending_active", "Requests that wait for a connection."),
		cxActive:  d("upstream_cx_active", "Connections that are open."),
		retries:   d("upstream_rq_retry_active", "Requests under way that were sent again."),
		total:     d("membership_total", "Endpoints."),
		healthy:   d("membership_healthy", "Endpoints that may be chosen."),
		excluded:  d("membership_excluded", "Endpoints that the control plane took out."),
		ejected:   d("outlier_detection_ejections_active", "Endpoints that are ejected now."),
		current:   desc("envoy_cluster_manager_active_clusters", "Clusters that serve."),
		warming:   desc("envoy_cluster_manager_warming_clusters", "Clusters that wait for their endpoints."),
	}
}

func (c *clusters) Describe(ch chan<- *prometheus.Desc) {
	for i := range c.counters {
		ch <- c.counters[i].desc
	}
	for _, d := range []*prometheus.Desc{c.overflow, c.class, c.rqActive, c.rqPending, c.cxActive, c.retries, c.total, c.healthy,
		c.excluded, c.ejected, c.current, c.warming} {
		ch <- d
	}
}

func (c *clusters) Collect(ch chan<- prometheus.Metric) {
	all := c.all()
	for _, cl := range all {
		c.collect(ch, cl)
	}
	ch <- prometheus.MustNewConstMetric(c.current, prometheus.GaugeValue, float64(len(all)))
	if c.waiting != nil {
		ch <- prometheus.MustNewConstMetric(c.warming, prometheus.GaugeValue, float64(c.waiting()))
	}
}

func (c *clusters) collect(ch chan<- prometheus.Metric, cl *cluster.Cluster) {
	name, s := cl.Name(), cl.Stats()
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), append([]string{name}, labels...)...)
	}
	level := func(d *prometheus.Desc, n int64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), name)
	}
	for i := range c.counters {
		count(c.counters[i].desc, c.counters[i].of(s).Load())
	}
	count(c.overflow, s.RequestOverflows.Load()+s.PendingOverflows.Load())
	for i := 1; i < len(s.Responses); i++ {
		if n := s.Responses[i].Load(); n > 0 {
			count(c.class, n, strconv.Itoa(i))
		}
	}
	requests, pending, connections, retries := cl.Load()
	level(c.rqActive, requests)
	level(c.rqPending, pending)
	level(c.cxActive, connections)
	level(c.retries, retries)
	var total, healthy, excluded, ejected int64
	for h, e := range cl.Endpoints {
		total++
		out := h.Ejected()
		if out {
			ejected++
		}
		switch {
		case !e.Usable:
			excluded++
		case !out && !h.CheckFailed():
			healthy++
		}
	}
	level(c.total, total)
	level(c.healthy, healthy)
	level(c.excluded, excluded)
	level(c.ejected, ejected)
}
