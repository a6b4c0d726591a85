package metrics

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// server reads the figures of the process: state, catalog, bodies, connections, access log.
type server struct {
	s Sources

	build, live, state, uptime, open, rejected *prometheus.Desc
	models, graphs, waiting                    *prometheus.Desc
	bodies, bodyLimit                          *prometheus.Desc
	lines, dropped                             *prometheus.Desc
}

func newServer(s Sources) *server {
	return &server{
		s:         s,
		build:     desc("millrace_build_info", "Always 1.", "version", "goversion"),
		live:      desc("envoy_server_live", "1 while the server is neither initializing nor draining."),
		state:     desc("envoy_server_state", "0 live, 1 draining, 2 pre-initializing, 3 initializing."),
		uptime:    desc("envoy_server_uptime", "Seconds since the start."),
		open:      desc("envoy_server_total_connections", "Connections of clients that are open."),
		rejected:  desc("millrace_connections_rejected_total", "Connections closed because there was no room for them."),
		models:    desc("millrace_catalog_models", "Models that serve."),
		graphs:    desc("millrace_catalog_graphs", "Graphs that serve."),
		waiting:   desc("millrace_catalog_warming", "Models and graphs that wait for something else."),
		bodies:    desc("millrace_body_bytes", "Bytes of bodies that are held."),
		bodyLimit: desc("millrace_body_limit_bytes", "Bytes of bodies that may be held; 0 is without bound."),
		lines:     desc("millrace_access_log_lines_total", "Lines that were written."),
		dropped:   desc("millrace_access_log_dropped_total", "Lines that were dropped because a sink was full or failed."),
	}
}

func (c *server) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.build, c.live, c.state, c.uptime, c.open, c.rejected, c.models, c.graphs, c.waiting,
		c.bodies, c.bodyLimit, c.lines, c.dropped} {
		ch <- d
	}
}

func (c *server) Collect(ch chan<- prometheus.Metric) {
	level := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v uint64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v))
	}
	s := &c.s
	level(c.build, 1, s.Version, runtime.Version())
	if !s.Started.IsZero() {
		level(c.uptime, float64(time.Since(s.Started)/time.Second))
	}
	if s.State != nil {
		state, live := s.State(), 0.0
		if state == Live {
			live = 1
		}
		level(c.live, live)
		level(c.state, float64(state))
	}
	if s.Connections != nil {
		open, rejected := s.Connections()
		level(c.open, float64(open))
		count(c.rejected, rejected)
	}
	if s.Catalog != nil {
		models, graphs, waiting := s.Catalog()
		level(c.models, float64(models))
		level(c.graphs, float64(graphs))
		level(c.waiting, float64(waiting))
	}
	if s.Bodies != nil {
		level(c.bodies, float64(s.Bodies.Used()))
		level(c.bodyLimit, float64(s.Bodies.Limit()))
	}
	if s.AccessLog != nil {
		written, dropped := s.AccessLog()
		count(c.lines, written)
		count(c.dropped, dropped)
	}
}
