package metrics

import (
	"math/bits"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/proxy/filter"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
)

// prefix is Envoy's label for a connection manager's stat_prefix.
const prefix = "envoy_http_conn_manager_prefix"

// milliseconds are Envoy's default buckets, from half a millisecond to an hour.
var milliseconds = []float64{0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000}

// httpVecs are the metrics of all connection managers.
type httpVecs struct {
	several
	total, completed, class, flagged *prometheus.CounterVec
	active                           *prometheus.GaugeVec
	time                             *prometheus.HistogramVec
}

func newHTTPVecs() httpVecs {
	v := httpVecs{
		total:     counter("envoy_http_downstream_rq_total", "Requests of clients.", prefix),
		completed: counter("envoy_http_downstream_rq_completed", "Requests that are over.", prefix),
		class:     counter("envoy_http_downstream_rq_xx", "Responses to clients by the first digit of their status.", prefix, "envoy_response_code_class"),
		flagged:   counter("millrace_http_response_flags_total", "Requests by Envoy's response flags.", prefix, "flag"),
		active:    gauge("envoy_http_downstream_rq_active", "Requests under way.", prefix),
		time: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "envoy_http_downstream_rq_time", Help: "Time from a request's head to the end of its response, in milliseconds.", Buckets: milliseconds,
		}, []string{prefix}),
	}
	v.several = several{v.total, v.completed, v.class, v.flagged, v.active, v.time}
	return v
}

// flags is the number of response flags.
var flags = func() (n int) {
	for router.Flags(1)<<n != 0 && (router.Flags(1)<<n).String() != "" {
		n++
	}
	return n
}()

// HTTP counts the requests of the connection managers of one stat_prefix. It is safe for concurrent use; a nil HTTP counts
// nothing.
type HTTP struct {
	total, completed prometheus.Counter
	active           prometheus.Gauge
	class            [6]prometheus.Counter // by the first digit; [0] is nil
	flagged          []prometheus.Counter
	time             prometheus.Observer
}

// HTTP returns the counters of a stat_prefix, the same for each call.
func (m *Metrics) HTTP(statPrefix string) *HTTP {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if h := m.managers[statPrefix]; h != nil {
		return h
	}
	v := &m.http
	h := &HTTP{
		total: v.total.WithLabelValues(statPrefix), completed: v.completed.WithLabelValues(statPrefix),
		active: v.active.WithLabelValues(statPrefix), time: v.time.WithLabelValues(statPrefix),
	}
	for i := 1; i < len(h.class); i++ {
		h.class[i] = v.class.WithLabelValues(statPrefix, strconv.Itoa(i))
	}
	for i := range flags {
		h.flagged = append(h.flagged, v.flagged.WithLabelValues(statPrefix, (router.Flags(1)<<i).String()))
	}
	m.managers[statPrefix] = h
	return h
}

// Handler counts the requests that next serves.
func (h *HTTP) Handler(next stream.Handler) stream.Handler {
	if h == nil {
		return next
	}
	return &counted{h, next}
}

type counted struct {
	h    *HTTP
	next stream.Handler
}

func (c *counted) Serve(d stream.Downstream) {
	c.h.total.Inc()
	c.h.active.Inc()
	defer c.h.active.Dec()
	c.next.Serve(d)
}

// Log counts what requests came to, and then tells next, which may be nil.
func (h *HTTP) Log(next filter.AccessLog) filter.AccessLog {
	if h == nil {
		return next
	}
	return &tally{h, next}
}

type tally struct {
	h    *HTTP
	next filter.AccessLog
}

// Log implements filter.AccessLog.
func (t *tally) Log(d stream.Downstream, info *router.Info) {
	h := t.h
	h.completed.Inc()
	if class := info.Status / 100; class > 0 && class < len(h.class) {
		h.class[class].Inc()
	}
	h.time.Observe(float64(info.Done.Microseconds()) / 1000)
	for f := uint32(info.Flags); f != 0; f &= f - 1 {
		if i := bits.TrailingZeros32(f); i < len(h.flagged) {
			h.flagged[i].Inc()
		}
	}
	if t.next != nil {
		t.next.Log(d, info)
	}
}
