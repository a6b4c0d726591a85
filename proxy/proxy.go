package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/admin"
	"github.com/millrace/millrace/proxy/bootstrap"
	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/config"
	"github.com/millrace/millrace/proxy/filter"
	"github.com/millrace/millrace/proxy/inference"
	"github.com/millrace/millrace/proxy/inference/catalog"
	"github.com/millrace/millrace/proxy/listener"
	"github.com/millrace/millrace/proxy/observe/accesslog"
	"github.com/millrace/millrace/proxy/observe/metrics"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/xds/client"
	"github.com/millrace/millrace/xds/status"
)

// Defaults of [Options].
const (
	defaultBodyBudget     = 1 << 30
	defaultMaxConnections = 100_000
	fetchTimeout          = 15 * time.Second // Envoy's initial_fetch_timeout
)

// Options are what the command line says beside the bootstrap.
type Options struct {
	Log *slog.Logger // nil: none
	// DrainTime is how long connections may finish when a listener or the proxy goes; 0 is 30 s.
	DrainTime time.Duration
	// BodyBudget bounds the bytes of all bodies held at once; 0 is 1 GiB.
	BodyBudget int64
	// MaxConnections bounds the connections of all listeners; 0 is 100,000.
	MaxConnections int64
	// Version is the program's, for the admin page.
	Version string
	// Level, where set, is the log's level, which the admin page may change.
	Level *slog.LevelVar
}

// Proxy is a running data plane. Its methods are safe for concurrent use.
type Proxy struct {
	log       *slog.Logger
	bootstrap *bootstrap.Bootstrap
	options   Options
	started   time.Time

	budget   *body.Budget
	conns    *listener.Limit
	clusters *cluster.Registry
	forward  *router.Forwarder
	catalog  *catalog.Catalog
	filter   *inference.Filter
	config   *config.Config
	ready    chan struct{}

	metrics  *metrics.Metrics
	sinks    *accesslog.Sinks
	conn     *grpc.ClientConn
	admin    *admin.Server
	work     sync.WaitGroup // what admin began
	quitting chan struct{}
	quitOnce sync.Once

	mu       sync.Mutex // guards what follows
	ads      *client.Client
	wanted   []string // types that filters asked for before the stream was there
	seen     map[string]bool
	expiry   *time.Timer
	draining bool
	closed   bool
}

// Start starts a proxy. It returns once its static resources serve; what comes over xDS follows: see [Proxy.Ready].
func Start(ctx context.Context, b *bootstrap.Bootstrap, o Options) (*Proxy, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.BodyBudget == 0 {
		o.BodyBudget = defaultBodyBudget
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = defaultMaxConnections
	}
	p := &Proxy{
		log: o.Log, bootstrap: b, options: o, started: time.Now(), budget: body.NewBudget(o.BodyBudget),
		conns: listener.NewLimit(o.MaxConnections), forward: new(router.Forwarder), ready: make(chan struct{}), quitting: make(chan struct{}), seen: map[string]bool{},
	}
	registry := cluster.Options{Warmed: func(string) { p.catalog.Settle() }}
	config.Dialers(&registry, p.budget)
	p.clusters = cluster.NewRegistry(registry)
	p.catalog = catalog.New(p.clusters.Ref)
	p.filter = inference.New(p.catalog, p.budget, 0)
	p.filter.Ready = p.warmed
	p.observe()
	p.config = config.New(config.Options{
		Clusters: p.clusters, Forwarder: p.forward, DrainTime: o.DrainTime, Log: o.Log,
		Start: config.Sockets(p.budget, p.conns, p.count), Handler: p.handler, AccessLog: p.accessLog,
		Kinds: map[string]filter.Kind{"millrace.graph.v1.Inference": &inference.Kind{Filter: p.filter, Subscribe: p.subscribe}},
		Sinks: map[string]client.Handler{catalog.ModelType: p.catalog, catalog.GraphType: p.catalog},
	})
	if err := p.config.Static(b.Clusters, b.Listeners); err != nil {
		p.Close()
		return nil, fmt.Errorf("static resources: %w", err)
	}
	if err := p.dial(ctx); err != nil {
		p.Close()
		return nil, err
	}
	if err := p.serveAdmin(); err != nil {
		p.Close()
		return nil, err
	}
	p.work.Go(p.awaitReady)
	return p, nil
}

// dial opens the stream to the control plane, if the bootstrap has one.
func (p *Proxy) dial(ctx context.Context) error {
	b := p.bootstrap
	if b.ADS == nil {
		return nil
	}
	conn, err := client.Dial(ctx, b.ADS, b.Resolve)
	if err != nil {
		return fmt.Errorf("control plane: %w", err)
	}
	p.conn = conn
	p.mu.Lock()
	p.ads = client.New(conn, b.Node, client.HandlerFunc(p.apply))
	wanted := p.wanted
	p.wanted = nil
	p.mu.Unlock()
	if b.CDS {
		p.ads.Subscribe(config.ClusterType, client.Wildcard)
	}
	for _, typeURL := range wanted {
		p.ads.Subscribe(typeURL, client.Wildcard)
	}
	if b.LDS {
		p.ads.Subscribe(config.ListenerType, client.Wildcard)
	}
	p.config.Attach(p.ads)
	return nil
}

// subscribe asks for all resources of a type that a filter's configuration names.
func (p *Proxy) subscribe(typeURL string, _ *corev3.ConfigSource) error {
	if p.bootstrap.ADS == nil {
		return errors.New("the bootstrap has no ads_config for its config source")
	}
	p.mu.Lock()
	ads := p.ads
	if ads == nil {
		p.wanted = append(p.wanted, typeURL)
	}
	p.mu.Unlock()
	if ads != nil {
		ads.Subscribe(typeURL, client.Wildcard)
	}
	return nil
}

// apply takes an update from the control plane.
func (p *Proxy) apply(u client.Update) []status.ResourceError {
	refused := p.config.Apply(u)
	if u.TypeURL == catalog.GraphType || u.TypeURL == catalog.ModelType {
		p.metrics.Graphs().Retain(p.catalog.Snapshot().Serves)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[u.TypeURL] = true
	if u.TypeURL == catalog.ModelType && p.expiry == nil && !p.closed {
		p.expiry = time.AfterFunc(fetchTimeout, p.expire)
	}
	for _, e := range refused {
		p.log.Warn("resource refused", "type", u.TypeURL, "name", e.Name, "code", e.Code, "message", e.Message)
	}
	return refused
}

// expire lets models serve whose clusters did not come.
func (p *Proxy) expire() {
	p.mu.Lock()
	p.expiry = nil
	p.mu.Unlock()
	p.catalog.Expire()
}

// awaitReady closes ready when everything that was asked for first is there.
func (p *Proxy) awaitReady() {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		p.mu.Lock()
		closed := p.closed
		p.mu.Unlock()
		if closed {
			return
		}
		if p.isReady() {
			close(p.ready)
			p.log.Info("ready", "listeners", p.ListenAddresses())
			return
		}
	}
}

func (p *Proxy) isReady() bool {
	p.mu.Lock()
	for _, want := range []struct {
		due     bool
		typeURL string
	}{{p.bootstrap.CDS, config.ClusterType}, {p.bootstrap.LDS, config.ListenerType}} {
		if want.due && !p.seen[want.typeURL] {
			p.mu.Unlock()
			return false
		}
	}
	p.mu.Unlock()
	listeners := p.config.Listeners()
	for _, l := range listeners {
		if l.Address == "" {
			return false
		}
	}
	if len(p.clusters.Warming()) > 0 {
		return false
	}
	if len(listeners) == 0 {
		return p.bootstrap.ADS == nil
	}
	return len(p.catalog.Snapshot().Waiting()) == 0
}

// Ready is closed once all listeners listen and everything that came first has warmed.
func (p *Proxy) Ready() <-chan struct{} { return p.ready }

// warmed tells clients whether all that came first can be asked, or was waited for long enough: what serves is not held back
// for ever by what does not come.
func (p *Proxy) warmed() bool {
	select {
	case <-p.ready:
		return true
	default:
		return time.Since(p.started) > fetchTimeout
	}
}

// ListenAddresses returns the addresses on which listeners listen, by the listeners' names.
func (p *Proxy) ListenAddresses() []string {
	var out []string
	for _, l := range p.config.Listeners() {
		if l.Address != "" {
			out = append(out, l.Address)
		}
	}
	return out
}

// AdminAddress returns the address of the admin server; empty where there is none.
func (p *Proxy) AdminAddress() string {
	if p.admin == nil {
		return ""
	}
	return p.admin.Address()
}

// Drain stops accepting, tells clients to leave, and waits until none is left or ctx is done.
func (p *Proxy) Drain(ctx context.Context) error {
	p.mu.Lock()
	p.draining = true
	p.mu.Unlock()
	return p.config.Drain(ctx)
}

// Close ends everything at once and waits for it.
func (p *Proxy) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	if p.expiry != nil {
		p.expiry.Stop()
	}
	ads := p.ads
	p.mu.Unlock()
	if p.admin != nil {
		p.admin.Close()
	}
	if ads != nil {
		ads.Close()
	}
	if p.conn != nil {
		_ = p.conn.Close()
	}
	p.config.Close()
	p.work.Wait()
	p.forward.Close()
	p.filter.Close()
	p.clusters.Close()
	p.sinks.Close()
}
