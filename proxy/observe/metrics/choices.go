package metrics

import (
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/graph/plan"
)

// chooser is the handle of a node that chooses. Its arms are few, so that they are found by looking.
type chooser struct {
	graph, part string
	arms        atomic.Pointer[[]arm]
}

type arm struct {
	name    string
	counter prometheus.Counter
}

// Chose counts the decisions of a run, before it is closed.
func (g *Graphs) Chose(ds []engine.Decision) {
	if g == nil {
		return
	}
	for i := range ds {
		d := &ds[i]
		h, ok := g.handles.Load(d.Node)
		if !ok {
			h = g.bindChooser(d.Node)
		}
		g.arm(h.(*chooser), d.Arm).Add(float64(max(1, d.Rows)))
	}
}

func (g *Graphs) bindChooser(n plan.Node) any {
	at := n.Base()
	c := &chooser{graph: graphLabel(at.Key), part: at.Path}
	if c.part == "" || c.graph == Expression {
		c.part = at.Name
	}
	c.arms.Store(new([]arm))
	return g.bind(n, c.graph, c)
}

func (g *Graphs) arm(c *chooser, name string) prometheus.Counter {
	if known := c.find(name); known != nil {
		return known
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if known := c.find(name); known != nil {
		return known
	}
	counter := g.choices.WithLabelValues(c.graph, c.part, name)
	arms := append(slices.Clone(*c.arms.Load()), arm{name, counter})
	c.arms.Store(&arms)
	return counter
}

func (c *chooser) find(name string) prometheus.Counter {
	arms := *c.arms.Load()
	for i := range arms {
		if arms[i].name == name {
			return arms[i].counter
		}
	}
	return nil
}

// shadows reads the taps' figures.
type shadows struct {
	taps           *engine.Taps
	total, present *prometheus.Desc
}

func newShadows(t *engine.Taps) *shadows {
	return &shadows{t,
		desc("millrace_shadow_total", "Messages that could be copied, by what became of the copy: sent, dropped (too many under way), passed (not picked), failed (sent, without an answer).", "shadow", "result"),
		desc("millrace_shadow_active", "Copies under way.", "shadow")}
}

func (s *shadows) Describe(ch chan<- *prometheus.Desc) { ch <- s.total; ch <- s.present }

func (s *shadows) Collect(ch chan<- prometheus.Metric) {
	s.taps.Each(func(key string, c *engine.TapCounts) {
		for _, v := range []struct {
			result string
			n      uint64
		}{{"sent", c.Sent.Load()}, {"dropped", c.Dropped.Load()}, {"passed", c.Passed.Load()}, {"failed", c.Failed.Load()}} {
			ch <- prometheus.MustNewConstMetric(s.total, prometheus.CounterValue, float64(v.n), key, v.result)
		}
		ch <- prometheus.MustNewConstMetric(s.present, prometheus.GaugeValue, float64(c.InFlight.Load()), key)
	})
}
