package admin

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// figuresOf is a registry with one metric of each kind.
func figuresOf(t *testing.T) *prometheus.Registry {
	t.Helper()
	r := prometheus.NewRegistry()
	total := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "envoy_cluster_upstream_rq_total", Help: "h"}, []string{"envoy_cluster_name"})
	class := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "envoy_http_downstream_rq_xx", Help: "h"}, []string{"envoy_http_conn_manager_prefix", "envoy_response_code_class"})
	live := prometheus.NewGauge(prometheus.GaugeOpts{Name: "envoy_server_live", Help: "h"})
	manager := prometheus.NewCounter(prometheus.CounterOpts{Name: "envoy_cluster_manager_cds_update_success", Help: "h"})
	graphs := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "millrace_graph_requests_total", Help: "h"}, []string{"graph", "code"})
	times := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "envoy_http_downstream_rq_time", Help: "h", Buckets: []float64{1, 2, 4}}, []string{"envoy_http_conn_manager_prefix"})
	r.MustRegister(total, class, live, manager, graphs, times)
	total.WithLabelValues("mls").Add(5)
	total.WithLabelValues("unused")
	class.WithLabelValues("ingress", "2").Add(4)
	live.Set(1)
	manager.Add(2)
	graphs.WithLabelValues("default/triage", "200").Add(3)
	for _, v := range []float64{0.5, 1.5, 1.5, 3} {
		times.WithLabelValues("ingress").Observe(v)
	}
	times.WithLabelValues("quiet")
	return r
}

func TestStatsHaveEnvoysNames(t *testing.T) {
	u := start(t, Sources{Metrics: figuresOf(t)})
	golden(t, "stats.txt", u.get("/stats"))
	golden(t, "stats.json", u.get("/stats?format=json"))
}

func TestStatsAreFiltered(t *testing.T) {
	u := start(t, Sources{Metrics: figuresOf(t)})
	for query, want := range map[string]string{
		"filter=%5Ecluster%5C.":          "cluster.mls.upstream_rq_total: 5\ncluster.unused.upstream_rq_total: 0\n",
		"filter=%5Ecluster%5C.&usedonly": "cluster.mls.upstream_rq_total: 5\n",
		"type=Gauges":                    "server.live: 1\n",
		"type=Histograms&filter=quiet":   "http.quiet.downstream_rq_time: No recorded values\n",
	} {
		if got := u.get("/stats?" + query); got != want {
			t.Errorf("%s:\ngot  %q\nwant %q", query, got, want)
		}
	}
	for _, path := range []string{"/stats?filter=(", "/stats?type=Nonsense", "/stats/prometheus?filter=("} {
		if status, _, _ := u.ask("GET", path); status != 400 {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestPrometheusCanReadWhatItScrapes(t *testing.T) {
	u := start(t, Sources{Metrics: figuresOf(t)})
	for path, want := range map[string]int{"/stats/prometheus": 6, "/stats?format=prometheus": 6, "/stats/prometheus?filter=envoy_cluster": 2, "/stats/prometheus?usedonly&filter=total": 2} {
		p := expfmt.NewTextParser(model.LegacyValidation)
		families, err := p.TextToMetricFamilies(strings.NewReader(u.get(path)))
		if err != nil || len(families) != want {
			t.Errorf("%s: %d families, %v", path, len(families), err)
		}
	}
	if got := u.get("/stats/prometheus?usedonly&filter=upstream"); strings.Contains(got, "unused") || !strings.Contains(got, `{envoy_cluster_name="mls"} 5`) {
		t.Error(got)
	}
}
