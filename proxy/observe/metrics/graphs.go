package metrics

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/message"
)

// Expression is the graph label of everything that a caller combined.
const Expression = "<expression>"

// seconds are the buckets of parts and graphs.
var seconds = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300}

// maxHandles bounds the handles that are kept: they are made again from their labels.
const maxHandles = 1 << 16

// Graphs counts requests, parts and choices of graphs. It is the engine's observer. It is safe for concurrent use; a nil
// Graphs counts nothing.
type Graphs struct {
	several
	requests, parts, choices *prometheus.CounterVec
	time, partTime           *prometheus.HistogramVec

	handles sync.Map // *plan.Plan, *plan.Call or plan.Node → its handle
	kept    atomic.Int64

	mu    sync.Mutex // guards known, and binding against Retain
	known map[string]struct{}
}

var _ engine.Observer = (*Graphs)(nil)

func newGraphs() *Graphs {
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: seconds}, labels)
	}
	g := &Graphs{
		requests: counter("millrace_graph_requests_total", "Requests that graphs and models answered, by the status of the reply.", "graph", "code"),
		time:     histogram("millrace_graph_seconds", "Time that graphs and models took.", "graph"),
		parts:    counter("millrace_part_requests_total", "Calls of model servers by the parts of graphs.", "graph", "part", "model", "result"),
		partTime: histogram("millrace_part_seconds", "Time that calls of model servers took.", "graph", "part", "model"),
		choices:  counter("millrace_choice_total", "Choices of splits, routers, conditions and cascades: one for a request, or one for each row.", "graph", "part", "arm"),
		known:    map[string]struct{}{},
	}
	g.several = several{g.requests, g.time, g.parts, g.partTime, g.choices}
	return g
}

// Observer returns g, or no observer for nil: the engine then measures nothing.
func (g *Graphs) Observer() engine.Observer {
	if g == nil {
		return nil
	}
	return g
}

// Retain forgets the graphs and models that do not serve any more, their series included, and every handle of an old plan.
// It is called after each change of the catalog; serves tells by "namespace/name".
func (g *Graphs) Retain(serves func(name string) bool) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.handles.Clear()
	g.kept.Store(0)
	for name := range g.known {
		if name == Expression || serves(name) {
			continue
		}
		delete(g.known, name)
		of := prometheus.Labels{"graph": name}
		for _, v := range []interface {
			DeletePartialMatch(prometheus.Labels) int
		}{g.requests, g.time, g.parts, g.partTime, g.choices} {
			v.DeletePartialMatch(of)
		}
	}
}

// bind keeps the handle of a key, made by its labels; the first one stays.
func (g *Graphs) bind(key any, graph string, handle any) any {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.kept.Add(1) > maxHandles {
		g.handles.Clear()
		g.kept.Store(1)
	}
	g.known[graph] = struct{}{}
	h, _ := g.handles.LoadOrStore(key, handle)
	return h
}

// series is a counter that is made when it is first needed, so that no series stands for what never happened.
type series struct {
	counter atomic.Pointer[prometheus.Counter]
}

func (s *series) of(v *prometheus.CounterVec, labels ...string) prometheus.Counter {
	c := v.WithLabelValues(labels...)
	s.counter.Store(&c)
	return c
}

// graphLabel returns the label of the graph of a node's key, "namespace/name#path".
func graphLabel(key string) string {
	name, _, _ := strings.Cut(key, "#")
	if strings.HasSuffix(name, Expression) {
		return Expression
	}
	return name
}

// partLabel returns the label of a node. What stands in an expression itself is named by its caller, so that its model stands for it.
func partLabel(at *plan.Info, other string) string {
	if at.Graph == Expression {
		return other
	}
	return at.Name
}

// answered is the handle of a plan.
type answered struct {
	graph string
	time  prometheus.Observer
	codes [500]series // 100 to 599
}

// Done counts a reply of a plan with its HTTP status and the time that it took.
func (g *Graphs) Done(p *plan.Plan, status int, took time.Duration) {
	if g == nil || p == nil {
		return
	}
	h, ok := g.handles.Load(p)
	if !ok {
		label := graphLabel(p.Namespace + "/" + p.Name)
		h = g.bind(p, label, &answered{graph: label, time: g.time.WithLabelValues(label)})
	}
	a := h.(*answered)
	a.time.Observe(took.Seconds())
	if status < 100 || status > 599 {
		status = 500
	}
	s := &a.codes[status-100]
	if c := s.counter.Load(); c != nil {
		(*c).Inc()
		return
	}
	s.of(g.requests, a.graph, strconv.Itoa(status)).Inc()
}

// results are the labels of what a call came to: good, the kinds of failures in their order, and anything else.
var results = [...]string{"ok", "internal", "invalid_argument", "not_found", "permission_denied", "unimplemented", "unavailable",
	"deadline_exceeded", "resource_exhausted", "too_large", "canceled", "bad_reply", "failed_upstream"}

func resultOf(err error) int {
	if err == nil {
		return 0
	}
	kind := message.Internal
	var f *message.Failure
	switch {
	case errors.As(err, &f):
		kind = f.Kind
	case errors.Is(err, context.DeadlineExceeded):
		kind = message.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		kind = message.Canceled
	}
	if i := int(kind) + 1; i < len(results) {
		return i
	}
	return 1
}

// part is the handle of a call.
type part struct {
	graph, name, model string
	time               prometheus.Observer
	results            [len(results)]series
}

// CallDone implements engine.Observer.
func (g *Graphs) CallDone(call *engine.Call, start time.Time, err error) {
	if g == nil {
		return
	}
	h, ok := g.handles.Load(call.Target)
	if !ok {
		h = g.bindCall(call.Target)
	}
	p := h.(*part)
	p.time.Observe(time.Since(start).Seconds())
	i := resultOf(err)
	if c := p.results[i].counter.Load(); c != nil {
		(*c).Inc()
		return
	}
	p.results[i].of(g.parts, p.graph, p.name, p.model, results[i]).Inc()
}

func (g *Graphs) bindCall(c *plan.Call) any {
	p := &part{graph: graphLabel(c.Key)}
	if c.Model != nil {
		p.model = c.Model.Namespace + "/" + c.Model.Name
	}
	p.name = partLabel(&c.Info, p.model)
	p.time = g.partTime.WithLabelValues(p.graph, p.name, p.model)
	return g.bind(c, p.graph, p)
}
