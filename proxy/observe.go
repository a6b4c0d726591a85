package proxy

import (
	"context"
	"time"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"

	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/proxy/admin"
	"github.com/millrace/millrace/proxy/filter"
	"github.com/millrace/millrace/proxy/inference/catalog"
	"github.com/millrace/millrace/proxy/listener"
	"github.com/millrace/millrace/proxy/observe/accesslog"
	"github.com/millrace/millrace/proxy/observe/metrics"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
	"github.com/millrace/millrace/xds/client"
)

// observe makes the metrics and the access log, before anything is configured.
func (p *Proxy) observe() {
	p.sinks = accesslog.NewSinks(accesslog.Options{})
	p.metrics = metrics.New(metrics.Sources{
		Version: p.options.Version, Started: p.started, State: func() metrics.State { return metrics.State(p.State()) }, Clusters: p.clusters.All,
		Warming: func() int { return len(p.clusters.Warming()) },
		Catalog: func() (int, int, int) { return p.catalog.Snapshot().Counts() },
		Taps:    p.filter.Taps(), Bodies: p.budget,
		Connections: func() (int64, uint64) { return p.conns.Used(), p.conns.Rejected() },
		Control:     p.control, AccessLog: p.sinks.Counts,
	})
	graphs := p.metrics.Graphs()
	observer := graphs.Observer()
	p.filter.Observer = func(*catalog.Target) engine.Observer { return observer }
	p.filter.Done = func(t *catalog.Target, info *router.Info, ds []engine.Decision) {
		info.Graph = t.Name
		if len(ds) > 0 {
			info.Decisions = accesslog.AppendDecisions(info.Decisions[:0], ds)
			graphs.Chose(ds)
		}
		graphs.Done(t.Plan, info.Status, time.Since(info.Start))
	}
}

// handler makes the handler of one connection manager, with its metrics and log.
func (p *Proxy) handler(statPrefix string, c filter.Config) stream.Handler {
	accesslog.Install(&c)
	h := p.metrics.HTTP(statPrefix)
	c.Log = h.Log(c.Log)
	return h.Handler(filter.NewManager(c))
}

func (p *Proxy) count(address, statPrefix string, c listener.Constructor) listener.Constructor {
	return p.metrics.Connections(address, statPrefix).Count(c)
}

func (p *Proxy) accessLog(configs []*accesslogv3.AccessLog) (filter.AccessLog, error) {
	l, err := p.sinks.New(configs)
	if l == nil || err != nil {
		return nil, err
	}
	return l, nil
}

// control is the state of the stream to the control plane.
func (p *Proxy) control() client.Status {
	p.mu.Lock()
	ads := p.ads
	p.mu.Unlock()
	if ads == nil {
		return client.Status{}
	}
	return ads.Status()
}

// State is the proxy's state in Envoy's words.
func (p *Proxy) State() admin.State {
	p.mu.Lock()
	draining := p.draining
	p.mu.Unlock()
	if draining {
		return admin.Draining
	}
	select {
	case <-p.ready:
		return admin.Live
	default:
		return admin.Initializing
	}
}

// serveAdmin starts the admin server, where the bootstrap asks for one.
func (p *Proxy) serveAdmin() error {
	if p.bootstrap.Admin == "" {
		return nil
	}
	a, err := admin.Start(p.bootstrap.Admin, admin.Sources{
		Version: p.options.Version, Started: p.started, State: p.State, Node: p.bootstrap.Node, Bootstrap: p.bootstrap.Proto,
		ConfigDump: p.config.Dump, Objects: p.objects, Clusters: p.clusters.All, Listeners: p.listeners, Metrics: p.metrics.Gatherer(),
		Plans:   func() []string { return p.catalog.Snapshot().Plans() },
		Explain: p.explain, Drain: p.drain, Quit: p.quit, Level: p.options.Level,
	})
	if err != nil {
		return err
	}
	p.admin = a
	return nil
}

func (p *Proxy) listeners() []admin.Listener {
	var out []admin.Listener
	for _, l := range p.config.Listeners() {
		out = append(out, admin.Listener{Name: l.Name, Address: l.Address})
	}
	return out
}

func (p *Proxy) objects() []admin.Object {
	var out []admin.Object
	for _, o := range p.catalog.Objects() {
		kind := admin.InferenceGraph
		if o.TypeURL == catalog.ModelType {
			kind = admin.Model
		}
		out = append(out, admin.Object{
			Kind: kind, Message: o.Message, Name: o.Name, Version: o.Version, Updated: o.Updated, Waiting: o.Waiting,
			Error: o.Refusal, ErrorVersion: o.RefusedVersion, ErrorTime: o.RefusedAt,
		})
	}
	return out
}

func (p *Proxy) explain(name, format string) (text string, ok bool, err error) {
	t, err := p.catalog.Snapshot().Resolve(name, "")
	if err != nil || t.Plan == nil {
		return "", false, nil
	}
	text, err = plan.Explain(t.Plan, plan.Format(format))
	return text, true, err
}

// drain begins to drain, for an operator.
func (p *Proxy) drain(graceful bool) {
	ctx, cancel := context.WithTimeout(context.Background(), p.drainTime())
	if !graceful {
		cancel()
	}
	p.work.Go(func() {
		defer cancel()
		_ = p.Drain(ctx)
	})
}

func (p *Proxy) drainTime() time.Duration {
	if p.options.DrainTime > 0 {
		return p.options.DrainTime
	}
	return 30 * time.Second
}

// quit tells whoever runs the proxy that an operator wants it to stop.
func (p *Proxy) quit() { p.quitOnce.Do(func() { close(p.quitting) }) }

// Quitting is closed when an operator asked the proxy to stop, by /quitquitquit.
func (p *Proxy) Quitting() <-chan struct{} { return p.quitting }
