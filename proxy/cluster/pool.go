package cluster

import (
	"errors"
	"sync"
	"time"

	"github.com/millrace/millrace/proxy/stream"
)

// poolKey tells connections apart that must not be mixed. It has no version of a cluster in it: a pool outlives updates
// that change none of this.
type poolKey struct {
	address  string
	tls      string // fingerprint of the transport socket, ALPN included
	protocol Protocol
}

// pool holds the connections to one endpoint. HTTP/1.1's idle ones are a stack, so that the least used go cold and are
// closed; HTTP/2's are used while they have room.
type pool struct {
	key   poolKey
	tls   *TLS
	state *state
	dial  *dialer

	mu      sync.Mutex // guards what follows
	users   int        // endpoint sets that hold the pool
	idle    []*conn    // HTTP/1.1
	shared  []*conn    // HTTP/2
	all     map[*conn]struct{}
	waiters []chan *conn // for a connection, where max_connections is reached; nil is sent for "try again"
	dialing *sharedDial  // HTTP/2: one at a time
	closed  bool
}

// conn is one connection of a pool.
type conn struct {
	stream.ClientConn
	pool   *pool
	made   time.Time
	served uint64 // requests; guarded by pool.mu
	gone   bool   // no longer counted; guarded by pool.mu
}

// sharedDial is a connection being made that several requests wait for.
type sharedDial struct {
	done chan struct{}
	err  *Error // valid after done
}

var errNotReady = errors.New("no connection is ready")

// ready opens a request on a connection that is there, or returns nil.
func (p *pool) ready() (stream.Upstream, *conn) {
	if p.key.protocol.Version == stream.HTTP2 {
		return p.readyShared()
	}
	for {
		p.mu.Lock()
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return nil, nil
		}
		cn := p.idle[n-1]
		p.idle[n-1], p.idle = nil, p.idle[:n-1]
		cn.served++
		p.mu.Unlock()
		if !p.stale(cn, time.Now()) {
			if up, err := cn.Open(); err == nil {
				return up, cn
			}
		}
		p.drop(cn)
	}
}

func (p *pool) readyShared() (stream.Upstream, *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit := p.key.protocol.MaxStreams
	for i := 0; i < len(p.shared); i++ {
		cn := p.shared[i]
		if limit > 0 && cn.Active() >= int(limit) {
			continue
		}
		up, err := cn.Open()
		if err == nil {
			if cn.served++; p.key.protocol.MaxRequests > 0 && cn.served >= p.key.protocol.MaxRequests {
				p.dropLocked(cn)
			}
			return up, cn
		}
		if !errors.Is(err, stream.ErrNoRoom) {
			p.dropLocked(cn)
			i--
		}
	}
	return nil, nil
}

// stale tells whether an idle connection is too old to be used again.
func (p *pool) stale(cn *conn, now time.Time) bool {
	pr := &p.key.protocol
	if pr.MaxAge > 0 && now.Sub(cn.made) > pr.MaxAge {
		return true
	}
	if pr.IdleTimeout <= 0 {
		return false
	}
	since := cn.IdleSince()
	return !since.IsZero() && now.Sub(since) > pr.IdleTimeout
}

// add takes in a new connection, which the caller has claimed.
func (p *pool) add(cn stream.ClientConn) *conn {
	c := &conn{ClientConn: cn, pool: p, made: time.Now()}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[c] = struct{}{}
	if p.key.protocol.Version == stream.HTTP2 && !p.closed {
		p.shared = append(p.shared, c)
	}
	return c
}

// release takes a connection back after a request on it was closed.
func (p *pool) release(cn *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.key.protocol.Version == stream.HTTP2 {
		if cn.Closed() || p.closed {
			p.dropLocked(cn)
		}
		return
	}
	if max := p.key.protocol.MaxRequests; p.closed || cn.gone || cn.Closed() || max > 0 && cn.served >= max {
		p.dropLocked(cn)
		return
	}
	if len(p.waiters) > 0 {
		w := p.waiters[0]
		p.waiters = append(p.waiters[:0], p.waiters[1:]...)
		cn.served++
		w <- cn // has room for one
		return
	}
	p.idle = append(p.idle, cn)
}

// drop forgets a connection and closes it when its last request is done.
func (p *pool) drop(cn *conn) {
	p.mu.Lock()
	p.dropLocked(cn)
	p.mu.Unlock()
}

func (p *pool) dropLocked(cn *conn) {
	if cn.gone {
		return
	}
	cn.gone = true
	for i, o := range p.shared {
		if o == cn {
			p.shared = append(p.shared[:i], p.shared[i+1:]...)
			break
		}
	}
	delete(p.all, cn)
	p.state.connections.Add(-1)
	p.state.ConnectionsClosed.Add(1)
	cn.Drain()
	if len(p.waiters) > 0 { // the room that it leaves is for one that waits
		w := p.waiters[0]
		p.waiters = append(p.waiters[:0], p.waiters[1:]...)
		w <- nil
	}
}

// sweep closes connections that were idle for too long. The stack's bottom is the oldest.
func (p *pool) sweep(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.idle) && p.stale(p.idle[n], now) {
		n++
	}
	for _, cn := range p.idle[:n] {
		p.dropLocked(cn)
	}
	if n > 0 {
		p.idle = append(p.idle[:0], p.idle[n:]...)
	}
	for i := 0; i < len(p.shared); i++ {
		if cn := p.shared[i]; cn.Closed() || p.stale(cn, now) {
			p.dropLocked(cn)
			i--
		}
	}
}

// close gives the pool up: idle connections now, others after their request, or all of them now.
func (p *pool) close(now bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	for _, cn := range idle {
		p.dropLocked(cn)
	}
	for cn := range p.all {
		if now {
			p.dropLocked(cn)
			_ = cn.Close()
		} else if p.key.protocol.Version == stream.HTTP2 {
			p.dropLocked(cn)
		}
	}
}
