package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/xds/client"
)

// State is the server's state, with Envoy's numbers.
type State int

// The states.
const (
	Live State = iota
	Draining
	PreInitializing
	Initializing
)

// Sources are what is read at each scrape. Every one may be nil: its metrics are then absent. They are called by any
// goroutine.
type Sources struct {
	Version string
	Started time.Time
	State   func() State

	Clusters func() []*cluster.Cluster
	// Warming is the number of clusters that are not current yet.
	Warming func() int
	// Catalog returns the models and graphs that serve and those that wait.
	Catalog func() (models, graphs, waiting int)
	Taps    *engine.Taps
	Bodies  *body.Budget
	// Connections are those open on all listeners; Rejected those closed for want of room.
	Connections func() (open int64, rejected uint64)
	Control     func() client.Status
	// AccessLog returns the lines written and dropped.
	AccessLog func() (written, dropped uint64)
}

// Metrics owns all metrics of the process. It is safe for concurrent use. A nil Metrics counts nothing.
type Metrics struct {
	registry *prometheus.Registry
	http     httpVecs
	conns    connVecs
	graphs   *Graphs

	mu          sync.Mutex // guards what follows
	managers    map[string]*HTTP
	connections map[[2]string]*Connections
}

// New returns metrics that read from s. It never fails: the names are this package's own.
func New(s Sources) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(), http: newHTTPVecs(), conns: newConnVecs(), graphs: newGraphs(),
		managers: map[string]*HTTP{}, connections: map[[2]string]*Connections{},
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&m.http, &m.conns, m.graphs, newServer(s))
	if s.Clusters != nil {
		m.registry.MustRegister(newClusters(s.Clusters, s.Warming))
	}
	if s.Control != nil {
		m.registry.MustRegister(newControl(s.Control))
	}
	if s.Taps != nil {
		m.registry.MustRegister(newShadows(s.Taps))
	}
	return m
}

// Gatherer returns what can be scraped.
func (m *Metrics) Gatherer() prometheus.Gatherer {
	if m == nil {
		return prometheus.NewRegistry()
	}
	return m.registry
}

// Graphs returns the counters of graphs, or nil for nil.
func (m *Metrics) Graphs() *Graphs {
	if m == nil {
		return nil
	}
	return m.graphs
}

// desc describes a metric that is read at each scrape.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

// several describes and collects collectors one after the other.
type several []prometheus.Collector

func (cs several) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range cs {
		c.Describe(ch)
	}
}

func (cs several) Collect(ch chan<- prometheus.Metric) {
	for _, c := range cs {
		c.Collect(ch)
	}
}
