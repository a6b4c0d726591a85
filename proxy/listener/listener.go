package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/proxy/stream"
)

// connIDs counts the process's connections.
var connIDs atomic.Uint64

// longAgo is a deadline that fails what waits now.
var longAgo = time.Unix(1, 0)

// Listener is one bound address. It is safe for concurrent use.
type Listener struct {
	cfg     Config
	ln      *net.TCPListener
	handler swappable

	accepting chan struct{} // closed when the accept loop ended
	serving   sync.WaitGroup

	mu       sync.Mutex // guards the fields below
	started  bool
	stopped  bool // accepts no more
	draining bool
	conns    map[*conn]struct{}
	empty    chan struct{} // closed when stopped and no connection is left
}

// swappable is the handler that connections are given; the one behind it may change at any time.
type swappable struct {
	current atomic.Pointer[stream.Handler]
}

// Serve implements stream.Handler.
func (s *swappable) Serve(d stream.Downstream) { (*s.current.Load()).Serve(d) }

// New binds the address; Start begins to accept. Until then the kernel queues connections. Go sets SO_REUSEADDR on the socket
// and TCP_NODELAY on its connections.
func New(cfg Config, h stream.Handler) (*Listener, error) {
	if cfg.SniffTimeout <= 0 {
		cfg.SniffTimeout = 10 * time.Second
	}
	if cfg.TLS != nil && len(cfg.TLS.NextProtos) == 0 {
		cfg.TLS = cfg.TLS.Clone()
		if cfg.TLS.NextProtos = []string{"http/1.1"}; cfg.HTTP2 != nil {
			cfg.TLS.NextProtos = []string{"h2", "http/1.1"}
		}
	}
	lc := net.ListenConfig{KeepAlive: cfg.KeepAlive}
	ln, err := lc.Listen(context.Background(), "tcp", cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("listen %s: %w", cfg.Name, err)
	}
	l := &Listener{cfg: cfg, ln: ln.(*net.TCPListener), accepting: make(chan struct{}), conns: map[*conn]struct{}{}, empty: make(chan struct{})}
	l.SetHandler(h)
	return l, nil
}

// Addr returns the address that is listened on, with the port that the system chose.
func (l *Listener) Addr() net.Addr { return l.ln.Addr() }

// Name returns the configured name.
func (l *Listener) Name() string { return l.cfg.Name }

// Active returns the connections that are open now.
func (l *Listener) Active() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// SetHandler has h serve all requests whose heads arrive from now on, on connections that live as well.
func (l *Listener) SetHandler(h stream.Handler) { l.handler.current.Store(&h) }

// Start begins to accept connections. It may be called once, and does nothing on a listener that was stopped.
func (l *Listener) Start() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.started && !l.stopped {
		l.started = true
		go l.accept()
	}
}

// accept runs until the listener is stopped.
func (l *Listener) accept() {
	defer close(l.accepting)
	defer func() { _ = l.ln.Close() }()
	backoff := time.Duration(0)
	for {
		c, err := l.ln.AcceptTCP()
		if err == nil {
			backoff = 0
			l.take(c)
			continue
		}
		if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		// The process is out of descriptors, or the client left already: neither ends the listener.
		l.report(nil, fmt.Errorf("accept on %s: %w", l.Addr(), err))
		backoff = min(max(2*backoff, 5*time.Millisecond), time.Second)
		if !l.pause(backoff) {
			return
		}
	}
}

// pause waits, and tells whether the listener is to go on.
func (l *Listener) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.stopped
}

// take starts to serve an accepted connection, or closes it where there is no room.
func (l *Listener) take(nc *net.TCPConn) {
	if !l.cfg.Conns.take() {
		_ = nc.Close()
		return
	}
	c := &conn{l: l, nc: nc, info: stream.ConnInfo{
		ID: connIDs.Add(1), Remote: nc.RemoteAddr(), Local: nc.LocalAddr(), Start: time.Now(), Listener: l.cfg.Name,
	}}
	l.mu.Lock()
	l.conns[c] = struct{}{}
	l.serving.Add(1)
	l.mu.Unlock()
	go c.run()
}

// forget ends the account of a connection.
func (l *Listener) forget(c *conn) {
	l.cfg.Conns.give()
	l.mu.Lock()
	delete(l.conns, c)
	l.announceEmpty()
	l.mu.Unlock()
	l.serving.Done()
}

// announceEmpty tells Drain that it need not wait. l.mu is held.
func (l *Listener) announceEmpty() {
	if !l.stopped || len(l.conns) > 0 {
		return
	}
	select {
	case <-l.empty:
	default:
		close(l.empty)
	}
}

func (l *Listener) report(info *stream.ConnInfo, err error) {
	if l.cfg.OnError != nil && err != nil {
		l.cfg.OnError(info, err)
	}
}

// lastAccepts is how long a listener that stops still takes connections that the kernel has established: closing the
// socket would reset them.
const lastAccepts = 5 * time.Millisecond

// StopAccepting closes the listening socket; connections live on. It returns when no connection will be taken any more.
func (l *Listener) StopAccepting() { l.stop(time.Now().Add(lastAccepts)) }

func (l *Listener) stop(by time.Time) {
	l.mu.Lock()
	started := l.started
	l.stopped = l.stopped || !started
	l.mu.Unlock()
	if !started {
		_ = l.ln.Close()
	} else {
		_ = l.ln.SetDeadline(by)
		<-l.accepting
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	l.announceEmpty()
}

// Drain stops accepting, has every connection end when its requests are answered, and waits for that. When ctx is done
// first, it closes what is left and returns an error that says how many those were.
func (l *Listener) Drain(ctx context.Context) error {
	l.mu.Lock()
	l.draining = true
	for c := range l.conns {
		c.drain()
	}
	l.mu.Unlock()
	l.StopAccepting()
	select {
	case <-l.empty:
		l.serving.Wait()
		return nil
	case <-ctx.Done():
	}
	if n := l.Close(); n > 0 {
		return fmt.Errorf("drain %s: %d connections were closed with requests under way: %w", l.cfg.Name, n, ctx.Err())
	}
	return nil
}

// Close stops accepting, closes all connections now, waits until their handlers have returned, and tells how many there were.
func (l *Listener) Close() int {
	l.stop(longAgo)
	l.mu.Lock()
	n := len(l.conns)
	for c := range l.conns {
		c.close()
	}
	l.mu.Unlock()
	l.serving.Wait()
	return n
}

// conn is one connection of a listener.
type conn struct {
	l    *Listener
	nc   *net.TCPConn
	info stream.ConnInfo

	// guarded by l.mu
	sc       ServerConn // nil until the protocol is known
	sniffing bool       // waits for the first bytes
	closed   bool
}

// run serves the connection until it ends.
func (c *conn) run() {
	defer c.l.forget(c)
	nc, version, err := c.detect()
	if err != nil {
		_ = c.nc.Close()
		c.l.report(&c.info, err)
		return
	}
	c.info.Version = version
	construct := c.l.cfg.HTTP1
	if version == stream.HTTP2 {
		construct = c.l.cfg.HTTP2
	}
	sc := construct(nc, &c.info, &c.l.handler)
	c.l.mu.Lock()
	c.sc = sc
	if c.l.draining {
		sc.Drain()
	}
	closed := c.closed
	c.l.mu.Unlock()
	if closed {
		_ = sc.Close()
	}
	c.l.report(&c.info, sc.Serve())
}

// detect returns the connection to serve and the version that the client speaks on it.
func (c *conn) detect() (net.Conn, stream.Version, error) {
	if c.l.cfg.TLS != nil {
		return c.handshake()
	}
	if c.l.cfg.HTTP2 == nil {
		return c.nc, stream.HTTP11, nil
	}
	c.l.mu.Lock()
	c.sniffing = true
	by := time.Now().Add(c.l.cfg.SniffTimeout)
	if c.l.draining {
		by = time.Now().Add(lastAccepts)
	}
	_ = c.nc.SetReadDeadline(by)
	c.l.mu.Unlock()
	version, err := sniff(c.nc)
	c.l.mu.Lock()
	c.sniffing = false
	c.l.mu.Unlock()
	if err != nil {
		return nil, 0, fmt.Errorf("detect the protocol of %s: %w", c.info.Remote, err)
	}
	return c.nc, version, c.nc.SetReadDeadline(time.Time{})
}

// handshake lets ALPN decide; a client without it speaks HTTP/1.1.
func (c *conn) handshake() (net.Conn, stream.Version, error) {
	tc := tls.Server(c.nc, c.l.cfg.TLS)
	ctx, cancel := context.WithTimeout(context.Background(), c.l.cfg.SniffTimeout)
	defer cancel()
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, 0, fmt.Errorf("TLS handshake with %s: %w", c.info.Remote, err)
	}
	state := tc.ConnectionState()
	c.info.TLS = &state
	if state.NegotiatedProtocol == "h2" && c.l.cfg.HTTP2 != nil {
		return tc, stream.HTTP2, nil
	}
	return tc, stream.HTTP11, nil
}

// drain has the connection end when its requests are answered; one that has not sent a byte ends now. l.mu is held.
func (c *conn) drain() {
	switch {
	case c.sc != nil:
		c.sc.Drain()
	case c.sniffing:
		_ = c.nc.SetReadDeadline(longAgo)
	}
}

// close ends the connection now. l.mu is held.
func (c *conn) close() {
	c.closed = true
	if c.sc != nil {
		_ = c.sc.Close()
		return
	}
	_ = c.nc.Close()
}
