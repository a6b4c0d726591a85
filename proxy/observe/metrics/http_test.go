package metrics

import (
	"net"
	"testing"
	"time"

	"github.com/millrace/millrace/proxy/filter"
	"github.com/millrace/millrace/proxy/filter/filtertest"
	"github.com/millrace/millrace/proxy/listener"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
)

type terminal func(d stream.Downstream, info *router.Info)

func (f terminal) Serve(d stream.Downstream, _ *router.Match, info *router.Info) { f(d, info) }

type logged struct{ n int }

func (l *logged) Log(stream.Downstream, *router.Info) { l.n++ }

func TestRequestsAreCountedByStatusAndFlag(t *testing.T) {
	m := New(Sources{})
	h := m.HTTP("ingress")
	if m.HTTP("ingress") != h {
		t.Error("a second one for the same prefix")
	}
	next := new(logged)
	handler := h.Handler(filter.NewManager(filter.Config{Routes: new(filter.Routes), Log: h.Log(next),
		Terminal: terminal(func(d stream.Downstream, info *router.Info) {
			if string(d.Head().Path) == "/bad" {
				router.Reply(d, info, 503, "no", router.NoHealthyUpstream|router.RetryLimitExceeded, "no_healthy_upstream")
				return
			}
			expect(t, scrape(t, m), map[string]string{`envoy_http_downstream_rq_active{envoy_http_conn_manager_prefix="ingress"}`: "1"})
			info.Status = 200
		})}))
	handler.Serve(filtertest.New("GET", "/good"))
	handler.Serve(filtertest.New("GET", "/bad"))
	expect(t, scrape(t, m), map[string]string{
		`envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix="ingress"}`:                            "2",
		`envoy_http_downstream_rq_completed{envoy_http_conn_manager_prefix="ingress"}`:                        "2",
		`envoy_http_downstream_rq_active{envoy_http_conn_manager_prefix="ingress"}`:                           "0",
		`envoy_http_downstream_rq_xx{envoy_http_conn_manager_prefix="ingress",envoy_response_code_class="2"}`: "1",
		`envoy_http_downstream_rq_xx{envoy_http_conn_manager_prefix="ingress",envoy_response_code_class="5"}`: "1",
		`envoy_http_downstream_rq_time_count{envoy_http_conn_manager_prefix="ingress"}`:                       "2",
		`millrace_http_response_flags_total{envoy_http_conn_manager_prefix="ingress",flag="UH"}`:              "1",
		`millrace_http_response_flags_total{envoy_http_conn_manager_prefix="ingress",flag="URX"}`:             "1",
		`millrace_http_response_flags_total{envoy_http_conn_manager_prefix="ingress",flag="NR"}`:              "0",
	})
	if next.n != 2 {
		t.Errorf("the access log was told of %d requests", next.n)
	}
}

// fakeConn is a connection that ends when it is told to.
type fakeConn struct{ end chan struct{} }

func (c fakeConn) Serve() error { <-c.end; return nil }
func (fakeConn) Drain()         {}
func (fakeConn) Close() error   { return nil }

func TestConnectionsAreCountedUntilTheyEnd(t *testing.T) {
	m := New(Sources{})
	c := fakeConn{make(chan struct{})}
	construct := m.Connections("0.0.0.0_8080", "ingress").Count(func(net.Conn, *stream.ConnInfo, stream.Handler) listener.ServerConn { return c })
	conn := construct(nil, nil, nil)
	samples := func(active string) map[string]string {
		return map[string]string{
			`envoy_listener_downstream_cx_total{envoy_listener_address="0.0.0.0_8080"}`:  "1",
			`envoy_listener_downstream_cx_active{envoy_listener_address="0.0.0.0_8080"}`: active,
			`envoy_http_downstream_cx_total{envoy_http_conn_manager_prefix="ingress"}`:   "1",
			`envoy_http_downstream_cx_active{envoy_http_conn_manager_prefix="ingress"}`:  active,
		}
	}
	expect(t, scrape(t, m), samples("1"))
	close(c.end)
	if err := conn.Serve(); err != nil {
		t.Error(err)
	}
	expect(t, scrape(t, m), samples("0"))
}

func TestWithoutMetricsNothingIsWrapped(t *testing.T) {
	var m *Metrics
	next := filter.NewManager(filter.Config{})
	if h := m.HTTP("a").Handler(next); h != stream.Handler(next) {
		t.Error("the handler was wrapped")
	}
	log := new(logged)
	if l := m.HTTP("a").Log(log); l != filter.AccessLog(log) {
		t.Error("the log was wrapped")
	}
	if m.Connections("a", "b").Count(nil) != nil || m.Graphs().Observer() != nil {
		t.Error("something stands for nothing")
	}
	m.Graphs().Done(nil, 200, time.Second)
	m.Graphs().Chose(nil)
	m.Graphs().Retain(nil)
	if fs, err := m.Gatherer().Gather(); len(fs) != 0 || err != nil {
		t.Error(fs, err)
	}
}

func BenchmarkRequest(b *testing.B) {
	h := New(Sources{}).HTTP("ingress")
	handler, log := h.Handler(nothing{}), h.Log(nil)
	d, info := filtertest.New("GET", "/"), &router.Info{Status: 200, Done: 3 * time.Millisecond}
	b.ReportAllocs()
	for b.Loop() {
		handler.Serve(d)
		log.Log(d, info)
	}
}

type nothing struct{}

func (nothing) Serve(stream.Downstream) {}
