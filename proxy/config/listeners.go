package config

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"google.golang.org/protobuf/proto"

	"github.com/millrace/millrace/proxy/config/strict"
	"github.com/millrace/millrace/proxy/filter"
	"github.com/millrace/millrace/proxy/stream"
	"github.com/millrace/millrace/xds/client"
)

// Socket is what a listener's socket depends on; a change of it needs another socket.
type Socket struct {
	Name    string
	Address string
	// Stat is the stat_prefix of the connection manager, for the metrics of connections.
	Stat  string
	HTTP  HTTPOptions
	TLS   *tls.Config // nil is plain text
	tlsID string      // of what TLS was compiled from
}

func (s *Socket) same(o *Socket) bool {
	return s.Address == o.Address && s.HTTP == o.HTTP && s.tlsID == o.tlsID
}

// Starter binds and serves a listener.
type Starter func(s *Socket, h stream.Handler) (Running, error)

// Running is a listener that serves; *listener.Listener is one.
type Running interface {
	Addr() net.Addr
	// SetHandler has the requests to come served by h.
	SetHandler(h stream.Handler)
	// StopAccepting unbinds the socket; connections live on.
	StopAccepting()
	// Drain has connections end after their requests and waits until all have or ctx is done; then it closes them.
	Drain(ctx context.Context) error
	// Close ends all connections now.
	Close() int
}

// listening is a listener by name.
type listening struct {
	last    *resource
	now     *version // serves; nil before the first one does
	next    *version // waits for its routes or its socket
	running Running
	timer   *time.Timer // ends a wait or starts a retry
	err     error       // why it does not listen
	tries   int
}

// version is one configuration of a listener.
type version struct {
	socket  Socket
	rds     string
	wait    time.Duration
	waited  bool // the routes' time is up
	routes  *filter.Routes
	manager stream.Handler
	inline  *manager
}

func (c *Config) applyListener(r client.Resource) error {
	m := &listenerv3.Listener{}
	if err := decode(r.Body, m); err != nil {
		return err
	}
	return c.setListener(m, r.Version, false)
}

func (c *Config) setListener(m *listenerv3.Listener, ver string, static bool) error {
	if m.GetName() == "" {
		return fmt.Errorf("listener: name: empty")
	}
	v, err := c.newListener(m)
	if err != nil {
		return fmt.Errorf("listener %s: %w", m.GetName(), err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.listeners[m.GetName()]
	switch {
	case c.closed:
		return nil
	case l == nil:
		l = &listening{}
		c.listeners[m.GetName()] = l
	case l.last.static && !static:
		return fmt.Errorf("listener %s: the bootstrap file has a static listener of that name; rename one", m.GetName())
	case proto.Equal(l.last.message, m):
		l.last.version = ver
		return nil
	}
	l.last = &resource{m, ver, static, time.Now()}
	before := l.next
	if l.timer != nil {
		l.timer.Stop()
	}
	l.next, l.tries, l.timer = v, 0, nil
	if v.rds != "" {
		e := c.routesLocked(v.rds)
		e.users++
		v.routes = &e.holder
	} else {
		v.routes = &filter.Routes{}
		v.routes.Store(v.inline.table)
	}
	if before != nil {
		c.unuseLocked(before) // after the new version's hold, which may be on the same routes
	}
	fc := v.inline.config
	fc.Routes = v.routes
	v.manager = c.o.Handler(v.inline.stat, fc)
	c.warmLocked(l)
	return nil
}

// newListener decodes and checks a Listener.
func (c *Config) newListener(m *listenerv3.Listener) (*version, error) {
	if err := strict.Fields(m, "name", "address", "filter_chains", "default_filter_chain", "listener_filters",
		"listener_filters_timeout", "per_connection_buffer_limit_bytes", "traffic_direction", "metadata", "drain_type",
		"enable_reuse_port", "tcp_backlog_size", "stat_prefix", "ignore_global_conn_limit"); err != nil {
		return nil, err
	}
	for _, f := range m.GetListenerFilters() {
		switch n := strict.TypeName(f.GetTypedConfig()); n {
		case "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector", "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector":
			// The protocol is told by the first bytes in any case.
		default:
			return nil, &strict.Unsupported{Field: "listener_filters " + f.GetName() + " of type " + n}
		}
	}
	chain := m.GetDefaultFilterChain()
	switch n := len(m.GetFilterChains()); {
	case n > 1 || n == 1 && chain != nil:
		return nil, &strict.Unsupported{Field: "filter_chains", Why: "use one filter chain"}
	case n == 1:
		chain = m.GetFilterChains()[0]
	case chain == nil:
		return nil, fmt.Errorf("filter_chains: empty")
	}
	if err := strict.At("filter_chains", strict.Fields(chain, "filters", "transport_socket", "metadata", "name", "filter_chain_match")); err != nil {
		return nil, err
	}
	if err := strict.At("filter_chains.filter_chain_match", strict.Fields(chain.GetFilterChainMatch())); err != nil {
		return nil, err
	}
	if len(chain.GetFilters()) != 1 {
		return nil, fmt.Errorf("filter_chains.filters: must be one HttpConnectionManager")
	}
	h, err := c.newManager(chain.GetFilters()[0])
	if err != nil {
		return nil, strict.At("http_connection_manager", err)
	}
	v := &version{rds: h.rds, wait: h.wait, inline: h, socket: Socket{Name: m.GetName(), Stat: h.stat, HTTP: h.http}}
	if v.socket.Address, err = socketAddress(m.GetAddress()); err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	v.socket.TLS, v.socket.tlsID, err = downstreamTLS(chain.GetTransportSocket(), h.http.Codec)
	return v, strict.At("transport_socket", err)
}

func socketAddress(a *corev3.Address) (string, error) {
	sa := a.GetSocketAddress()
	if sa == nil {
		return "", &strict.Unsupported{Field: "address", Why: "set socket_address"}
	}
	if sa.GetProtocol() != corev3.SocketAddress_TCP {
		return "", &strict.Unsupported{Field: "protocol " + sa.GetProtocol().String(), Why: "use TCP"}
	}
	if _, err := netip.ParseAddr(sa.GetAddress()); err != nil {
		return "", fmt.Errorf("%q is not an IP address", sa.GetAddress())
	}
	if sa.GetPortValue() > 65535 {
		return "", fmt.Errorf("port_value: %d is above 65535", sa.GetPortValue())
	}
	return net.JoinHostPort(sa.GetAddress(), strconv.Itoa(int(sa.GetPortValue()))), nil
}

// warmLocked starts a listener's next version when its routes have come.
func (c *Config) warmLocked(l *listening) {
	v := l.next
	if c.closed {
		return
	}
	if v.routes.Load() == nil && !v.waited {
		if v.wait > 0 && l.timer == nil {
			l.timer = c.afterLocked(l, v, v.wait, func() { v.waited = true })
		}
		return
	}
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	if l.now != nil && l.running != nil && l.now.socket.same(&v.socket) {
		l.running.SetHandler(v.manager)
		c.swapLocked(l)
		return
	}
	rebinds := l.running != nil && l.now != nil && l.now.socket.Address == v.socket.Address
	if rebinds {
		l.running.StopAccepting() // two sockets cannot have one address
	}
	next, err := c.o.Start(&v.socket, v.manager)
	if l.err = err; err != nil {
		// Another process may hold the address for a moment: that is a state to report and not a bad configuration.
		l.tries++
		d := min(time.Second<<min(l.tries-1, 4), 10*time.Second)
		c.o.Log.Warn("cannot listen", "listener", v.socket.Name, "address", v.socket.Address, "reason", err, "retry", d)
		l.timer = c.afterLocked(l, v, d, func() {})
		return
	}
	c.o.Log.Info("listening", "listener", v.socket.Name, "address", next.Addr().String())
	old := l.running
	l.running = next
	c.swapLocked(l)
	if old != nil {
		c.drain(old)
	}
}

// afterLocked tries a version again after d, unless it was replaced meanwhile.
func (c *Config) afterLocked(l *listening, v *version, d time.Duration, then func()) *time.Timer {
	return time.AfterFunc(d, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.closed || l.next != v {
			return
		}
		then()
		l.timer = nil
		c.warmLocked(l)
	})
}

func (c *Config) swapLocked(l *listening) {
	if l.now != nil {
		c.unuseLocked(l.now)
	}
	l.now, l.next, l.err = l.next, nil, nil
}

// unuseLocked gives a version's hold on its routes back.
func (c *Config) unuseLocked(v *version) {
	if v.rds == "" {
		return
	}
	if e := c.routes[v.rds]; e != nil {
		e.users--
		if e.users == 0 {
			delete(c.routes, v.rds)
		}
	}
}

func (c *Config) removeListener(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.listeners[name]
	if l == nil || l.last.static || c.closed {
		return
	}
	delete(c.listeners, name)
	if l.timer != nil {
		l.timer.Stop()
	}
	for _, v := range []*version{l.now, l.next} {
		if v != nil {
			c.unuseLocked(v)
		}
	}
	l.next = nil
	if l.running != nil {
		c.drain(l.running)
	}
}

// drain lets a listener's connections end.
func (c *Config) drain(r Running) {
	c.work.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, c.o.DrainTime)
		defer cancel()
		if err := r.Drain(ctx); err != nil {
			c.o.Log.Info("connections of a drained listener were closed", "address", r.Addr().String(), "reason", err)
		}
	})
}

func (l *listening) closeLocked() {
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.running != nil {
		l.running.Close()
	}
}

// Drain has all listeners stop accepting and their connections end, until none is left or ctx is done.
func (c *Config) Drain(ctx context.Context) error {
	c.mu.Lock()
	var all []Running
	for _, l := range c.listeners {
		if l.timer != nil {
			l.timer.Stop()
		}
		if l.running != nil {
			all = append(all, l.running)
		}
	}
	c.mu.Unlock()
	errs := make(chan error, len(all))
	for _, r := range all {
		c.work.Go(func() { errs <- r.Drain(ctx) })
	}
	var first error
	for range all {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}
