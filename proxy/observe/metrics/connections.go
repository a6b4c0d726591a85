package metrics

import (
	"net"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/proxy/listener"
	"github.com/millrace/millrace/proxy/stream"
)

const address = "envoy_listener_address"

// connVecs are the metrics of all listeners' connections.
type connVecs struct {
	several
	total, httpTotal   *prometheus.CounterVec
	active, httpActive *prometheus.GaugeVec
}

func newConnVecs() connVecs {
	v := connVecs{
		total:      counter("envoy_listener_downstream_cx_total", "Connections of clients.", address),
		active:     gauge("envoy_listener_downstream_cx_active", "Connections of clients that are open.", address),
		httpTotal:  counter("envoy_http_downstream_cx_total", "Connections of clients.", prefix),
		httpActive: gauge("envoy_http_downstream_cx_active", "Connections of clients that are open.", prefix),
	}
	v.several = several{v.total, v.active, v.httpTotal, v.httpActive}
	return v
}

// Connections counts the connections of one listener. A nil Connections counts nothing.
type Connections struct {
	total, httpTotal   prometheus.Counter
	active, httpActive prometheus.Gauge
}

// Connections returns the counters of a listener, by its address as configured and its manager's stat_prefix.
func (m *Metrics) Connections(listenerAddress, statPrefix string) *Connections {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := [2]string{listenerAddress, statPrefix}
	if c := m.connections[key]; c != nil {
		return c
	}
	v := &m.conns
	c := &Connections{
		total: v.total.WithLabelValues(listenerAddress), active: v.active.WithLabelValues(listenerAddress),
		httpTotal: v.httpTotal.WithLabelValues(statPrefix), httpActive: v.httpActive.WithLabelValues(statPrefix),
	}
	m.connections[key] = c
	return c
}

// Count counts the connections that next makes, from then until their Serve returns.
func (c *Connections) Count(next listener.Constructor) listener.Constructor {
	if c == nil || next == nil {
		return next
	}
	return func(conn net.Conn, info *stream.ConnInfo, h stream.Handler) listener.ServerConn {
		c.total.Inc()
		c.httpTotal.Inc()
		c.active.Inc()
		c.httpActive.Inc()
		return &countedConn{next(conn, info, h), c}
	}
}

type countedConn struct {
	listener.ServerConn
	c *Connections
}

func (c *countedConn) Serve() error {
	defer c.c.active.Dec()
	defer c.c.httpActive.Dec()
	return c.ServerConn.Serve()
}
