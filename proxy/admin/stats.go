package admin

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

// statsPrometheus answers as Prometheus asks: text, OpenMetrics or protobuf, compressed if wanted.
func (a *Server) statsPrometheus(w http.ResponseWriter, r *http.Request) {
	if a.s.Metrics == nil {
		absent(w, "statistics")
		return
	}
	g, err := filtered(a.s.Metrics, r)
	if err != nil {
		plain(w, http.StatusBadRequest, err.Error()+"\n")
		return
	}
	// One bad collector must not hide the others.
	promhttp.HandlerFor(g, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}).ServeHTTP(w, r)
}

// filtered leaves out what ?filter does not match and, with ?usedonly, what never counted anything.
func filtered(g prometheus.Gatherer, r *http.Request) (prometheus.Gatherer, error) {
	q := r.URL.Query()
	name, err := regexp.Compile(q.Get("filter"))
	if err != nil {
		return nil, fmt.Errorf("invalid regex: %w", err)
	}
	used := q.Has("usedonly")
	if q.Get("filter") == "" && !used {
		return g, nil
	}
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		all, err := g.Gather()
		var kept []*dto.MetricFamily
		for _, f := range all {
			if used {
				f.Metric = slices.DeleteFunc(f.Metric, func(m *dto.Metric) bool { return unused(m) })
			}
			if name.MatchString(f.GetName()) && len(f.Metric) > 0 {
				kept = append(kept, f)
			}
		}
		return kept, err
	}), nil
}

// unused tells whether a metric never counted anything. Gauges are always in use.
func unused(m *dto.Metric) bool {
	return m.Counter != nil && m.Counter.GetValue() == 0 || m.Histogram != nil && m.Histogram.GetSampleCount() == 0
}

// stat is one line of /stats.
type stat struct {
	name   string
	metric *dto.Metric
}

// kindOf returns the word of ?type.
func (s *stat) kindOf() string {
	switch {
	case s.metric.Counter != nil:
		return "Counters"
	case s.metric.Histogram != nil || s.metric.Summary != nil:
		return "Histograms"
	}
	return "Gauges"
}

func (a *Server) stats(w http.ResponseWriter, r *http.Request) {
	if a.s.Metrics == nil {
		absent(w, "statistics")
		return
	}
	q := r.URL.Query()
	if q.Get("format") == "prometheus" {
		a.statsPrometheus(w, r)
		return
	}
	name, err := regexp.Compile(q.Get("filter"))
	if err != nil {
		plain(w, http.StatusBadRequest, "Invalid regex: "+err.Error()+"\n")
		return
	}
	kind := q.Get("type")
	if !slices.Contains([]string{"", "All", "Counters", "Gauges", "Histograms", "TextReadouts"}, kind) {
		plain(w, http.StatusBadRequest, "invalid &type= param\n")
		return
	}
	families, err := a.s.Metrics.Gather()
	if err != nil && len(families) == 0 {
		plain(w, http.StatusInternalServerError, err.Error()+"\n")
		return
	}
	var all []stat
	for _, f := range families {
		for _, m := range f.GetMetric() {
			s := stat{envoyName(f.GetName(), m.GetLabel()), m}
			if name.MatchString(s.name) && (kind == "" || kind == "All" || kind == s.kindOf()) && !(q.Has("usedonly") && unused(m)) {
				all = append(all, s)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b stat) int { return strings.Compare(a.name, b.name) })
	if q.Get("format") == "json" {
		statsJSON(w, all)
		return
	}
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, "%s: %s\n", s.name, s.text())
	}
	plain(w, http.StatusOK, b.String())
}

// text is the value as Envoy writes it.
func (s *stat) text() string {
	m := s.metric
	switch {
	case m.Histogram != nil:
		return quantileText(m.Histogram)
	case m.Summary != nil:
		return fmt.Sprintf("count=%d sum=%g", m.Summary.GetSampleCount(), m.Summary.GetSampleSum())
	}
	return strconv.FormatFloat(value(m), 'f', -1, 64)
}

func value(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.Counter.GetValue()
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	}
	return m.Untyped.GetValue()
}

// envoyNames says how Envoy's own dotted names are made of Prometheus's: the label that stands in the name, and the words before it.
var envoyNames = []struct{ prefix, label, words string }{
	{"envoy_cluster_", "envoy_cluster_name", "cluster"},
	{"envoy_http_", "envoy_http_conn_manager_prefix", "http"},
	{"envoy_listener_", "envoy_listener_address", "listener"},
	{"envoy_cluster_manager_", "", "cluster_manager"},
	{"envoy_listener_manager_", "", "listener_manager"},
	{"envoy_control_plane_", "", "control_plane"},
	{"envoy_server_", "", "server"},
}

// envoyName returns the dotted name of a metric that Envoy has, as cluster.mls.upstream_rq_2xx, and Prometheus's own form of others.
func envoyName(name string, labels []*dto.LabelPair) string {
	for _, e := range envoyNames {
		rest, ok := strings.CutPrefix(name, e.prefix)
		if !ok || e.label == "" && len(labels) > 0 {
			continue
		}
		middle := ""
		for _, l := range labels {
			switch l.GetName() {
			case e.label:
				middle = l.GetValue() + "."
			case "envoy_response_code_class":
				rest = strings.Replace(rest, "_xx", "_"+l.GetValue()+"xx", 1)
			}
		}
		if e.label == "" || middle != "" {
			return e.words + "." + middle + rest
		}
	}
	if len(labels) == 0 {
		return name
	}
	var b strings.Builder
	b.WriteString(name)
	for i, l := range labels {
		b.WriteString([]string{"{", ","}[min(i, 1)])
		fmt.Fprintf(&b, "%s=%q", l.GetName(), l.GetValue())
	}
	return b.String() + "}"
}

// quantiles are those that Envoy shows.
var quantiles = []float64{0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100}

// quantileText writes Envoy's summary of a histogram: for each quantile the last interval's value, which is not kept (nan), and that
// of all time.
func quantileText(h *dto.Histogram) string {
	if h.GetSampleCount() == 0 {
		return "No recorded values"
	}
	parts := make([]string, len(quantiles))
	for i, q := range quantiles {
		parts[i] = fmt.Sprintf("P%g(nan,%.4g)", q, quantile(h, q/100))
	}
	return strings.Join(parts, " ")
}

// quantile interpolates in the bucket that holds the q-th sample; past the last bound it is that bound.
func quantile(h *dto.Histogram, q float64) float64 {
	rank := q * float64(h.GetSampleCount())
	below, lower := 0.0, 0.0
	for _, b := range h.GetBucket() {
		upTo, upper := float64(b.GetCumulativeCount()), b.GetUpperBound()
		if math.IsInf(upper, 1) {
			break
		}
		if upTo > below && upTo >= rank {
			return lower + (upper-lower)*max(0, rank-below)/(upTo-below)
		}
		below, lower = upTo, upper
	}
	return lower
}

// statsJSON answers in Envoy's form: a list of names and values, histograms with their quantiles at the end.
func statsJSON(w http.ResponseWriter, all []stat) {
	type one struct {
		Name  string  `json:"name"`
		Value float64 `json:"value"`
	}
	type point struct {
		Interval   *float64 `json:"interval"`
		Cumulative *float64 `json:"cumulative"`
	}
	type computed struct {
		Name   string  `json:"name"`
		Values []point `json:"values"`
	}
	type histograms struct {
		Supported []float64  `json:"supported_quantiles"`
		Computed  []computed `json:"computed_quantiles"`
	}
	h := histograms{Supported: quantiles}
	list := []any{}
	for _, s := range all {
		switch m := s.metric; {
		case m.Summary != nil:
		case m.Histogram != nil:
			c := computed{Name: s.name}
			for _, q := range quantiles {
				p := point{}
				if m.Histogram.GetSampleCount() > 0 {
					v := math.Round(quantile(m.Histogram, q/100)*1e4) / 1e4
					p.Cumulative = &v
				}
				c.Values = append(c.Values, p)
			}
			h.Computed = append(h.Computed, c)
		default:
			if v := value(m); !math.IsNaN(v) && !math.IsInf(v, 0) { // JSON has no such numbers
				list = append(list, one{s.name, v})
			}
		}
	}
	if len(h.Computed) > 0 {
		list = append(list, map[string]any{"histograms": h})
	}
	text, err := json.Marshal(map[string]any{"stats": list})
	if err != nil {
		plain(w, http.StatusInternalServerError, err.Error()+"\n")
		return
	}
	writeJSON(w, text)
}
