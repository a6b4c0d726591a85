package http1

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/millrace/millrace/proxy/stream"
)

// ClientConn is a connection to a server, for one request at a time. Its one exchange object serves all of them, so that an
// [stream.Upstream] must not be used after its Close. It is safe for concurrent use.
type ClientConn struct {
	conn  net.Conn
	raw   syscall.RawConn // nil where there is no socket
	fd    int             // -1 where readiness of the descriptor does not say that there is something to read
	plain bool            // what is written is what the socket carries
	opts  ClientOptions
	ex    upstream
	probe probe

	idleSince atomic.Int64 // nanoseconds since 1970, 0 while a request is under way

	mu       sync.Mutex // guards the fields below
	open     bool
	draining bool
	closed   bool
}

var _ stream.ClientConn = (*ClientConn)(nil)

// NewClientConn returns a client for a connection that is established, after TLS's handshake where there is one. The
// connection belongs to it.
func NewClientConn(conn net.Conn, opts ClientOptions) *ClientConn {
	c := &ClientConn{conn: conn, raw: rawConn(conn), fd: -1, opts: opts}
	c.opts.MaxHeaderBytes = headerLimit(opts.MaxHeaderBytes)
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn:
		c.plain = true
		if c.raw != nil {
			_ = c.raw.Control(func(fd uintptr) { c.fd = int(fd) })
		}
	}
	c.probe.init(c)
	c.ex.init(c)
	c.idleSince.Store(time.Now().UnixNano())
	return c
}

// Open implements stream.ClientConn. A connection that the server has closed or written to without being asked is closed.
func (c *ClientConn) Open() (stream.Upstream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed || c.draining:
		return nil, stream.ErrClosed
	case c.open:
		return nil, stream.ErrNoRoom
	case !c.probe.alive():
		c.shut()
		return nil, stream.ErrClosed
	}
	c.open = true
	c.idleSince.Store(0)
	c.ex.begin()
	return &c.ex, nil
}

// release ends the use of the connection by a request.
func (c *ClientConn) release(reusable bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = false
	c.idleSince.Store(time.Now().UnixNano())
	if !reusable || c.draining {
		c.shut()
	}
}

// shut closes the connection. c.mu is held.
func (c *ClientConn) shut() {
	if !c.closed {
		c.closed = true
		_ = c.conn.Close()
	}
}

// Active implements stream.ClientConn.
func (c *ClientConn) Active() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open {
		return 1
	}
	return 0
}

// Max implements stream.ClientConn: one.
func (c *ClientConn) Max() int { return 1 }

// Closed implements stream.ClientConn.
func (c *ClientConn) Closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed || c.draining
}

// Drain implements stream.ClientConn.
func (c *ClientConn) Drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	if !c.open {
		c.shut()
	}
}

// Close implements stream.ClientConn.
func (c *ClientConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open {
		// Closed by the request's own Close: its descriptor may be polled until then.
		c.draining = true
		halt(c.conn)
		return nil
	}
	c.shut()
	return nil
}

// Version implements stream.ClientConn.
func (c *ClientConn) Version() stream.Version { return stream.HTTP11 }

// IdleSince implements stream.ClientConn.
func (c *ClientConn) IdleSince() time.Time {
	if ns := c.idleSince.Load(); ns != 0 {
		return time.Unix(0, ns)
	}
	return time.Time{}
}
