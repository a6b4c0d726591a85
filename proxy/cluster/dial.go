package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/millrace/millrace/proxy/stream"
)

// dialer makes connections for all pools.
type dialer struct {
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	http1 func(net.Conn) stream.ClientConn
	http2 func(net.Conn, Protocol) (stream.ClientConn, error)
}

// connect opens a request on a new connection, or on one that becomes free where no more may be made.
func (p *pool) connect(c *Cluster, a *Attempt) (stream.Upstream, *conn, *Error) {
	s := c.state
	if s.pending.Add(1) > c.spec.Limits.Pending {
		s.pending.Add(-1)
		s.PendingOverflows.Add(1)
		return nil, nil, c.fail(Overflow, p, errors.New("max_pending_requests"))
	}
	defer s.pending.Add(-1)
	if p.key.protocol.Version == stream.HTTP2 {
		return p.connectShared(c, a)
	}
	for {
		cn, err := p.claim(c, a)
		if err != nil {
			return nil, nil, err
		}
		if cn == nil {
			cc, err := p.make(c, a)
			if err != nil {
				return nil, nil, err
			}
			cn = p.add(cc)
			cn.served = 1
		}
		up, oerr := cn.Open()
		if oerr == nil {
			return up, cn, nil
		}
		p.drop(cn)
		if a.expired() {
			return nil, nil, c.fail(Timeout, p, oerr)
		}
	}
}

// connectShared lets requests that come while an HTTP/2 connection is being made wait for it.
func (p *pool) connectShared(c *Cluster, a *Attempt) (stream.Upstream, *conn, *Error) {
	for {
		if up, cn := p.readyShared(); up != nil {
			return up, cn, nil
		}
		p.mu.Lock()
		d := p.dialing
		if d == nil {
			d = &sharedDial{done: make(chan struct{})}
			p.dialing = d
			p.mu.Unlock()
			d.err = p.makeShared(c, a)
			p.mu.Lock()
			p.dialing = nil
			p.mu.Unlock()
			close(d.done)
			if d.err != nil {
				return nil, nil, d.err
			}
			continue
		}
		p.mu.Unlock()
		if err := wait(a, d.done); err != nil {
			return nil, nil, c.fail(classify(err), p, err)
		}
		// Another's deadline or hanging up says nothing about this request.
		if d.err != nil && d.err.Reason != Timeout && d.err.Reason != Canceled {
			return nil, nil, d.err
		}
	}
}

func (p *pool) makeShared(c *Cluster, a *Attempt) *Error {
	c.state.connections.Add(1)
	p.mu.Lock()
	first := len(p.all) == 0
	p.mu.Unlock()
	if c.state.connections.Load() > c.spec.Limits.Connections && !first {
		c.state.connections.Add(-1)
		c.state.ConnectionOverflows.Add(1)
		return c.fail(Overflow, p, errors.New("max_connections"))
	}
	cc, err := p.make(c, a)
	if err == nil {
		p.add(cc)
	}
	return err
}

// claim waits until a connection may be made (nil) or until one is free. An endpoint may always have one, as in Envoy.
func (p *pool) claim(c *Cluster, a *Attempt) (*conn, *Error) {
	for {
		if c.state.connections.Add(1) <= c.spec.Limits.Connections {
			return nil, nil
		}
		p.mu.Lock()
		if len(p.all) == 0 {
			p.mu.Unlock()
			return nil, nil
		}
		c.state.connections.Add(-1)
		if n := len(p.idle); n > 0 { // it became free since ready looked
			cn := p.idle[n-1]
			p.idle[n-1], p.idle = nil, p.idle[:n-1]
			cn.served++
			p.mu.Unlock()
			return cn, nil
		}
		w := make(chan *conn, 1)
		p.waiters = append(p.waiters, w)
		p.mu.Unlock()
		c.state.ConnectionOverflows.Add(1)
		cn, err := p.await(a, w)
		if err != nil {
			return nil, c.fail(classify(err), p, err)
		}
		if cn != nil {
			return cn, nil
		}
	}
}

func (p *pool) await(a *Attempt, w chan *conn) (*conn, error) {
	timer, ctx := a.clock()
	defer timer.Stop()
	var err error
	select {
	case cn := <-w:
		return cn, nil
	case <-timer.C:
		err = context.DeadlineExceeded
	case <-ctx.Done():
		err = context.Canceled
	}
	p.mu.Lock()
	for i, o := range p.waiters {
		if o == w {
			p.waiters = append(p.waiters[:i], p.waiters[i+1:]...)
			p.mu.Unlock()
			return nil, err
		}
	}
	p.mu.Unlock()
	if cn := <-w; cn != nil { // it came at the last moment and goes to the next
		p.release(cn)
	}
	return nil, err
}

// make makes a connection that the caller has claimed; on failure the claim is given back.
func (p *pool) make(c *Cluster, a *Attempt) (stream.ClientConn, *Error) {
	cc, err := p.tryMake(c, a)
	if err != nil {
		c.state.connections.Add(-1)
	}
	return cc, err
}

func (p *pool) tryMake(c *Cluster, a *Attempt) (stream.ClientConn, *Error) {
	_, parent := a.base()
	timeout, late := c.spec.ConnectTimeout, ConnectTimeout
	if !a.Deadline.IsZero() {
		if left := time.Until(a.Deadline); left < timeout {
			timeout, late = left, Timeout
		}
	}
	ctx, cancel := context.WithTimeout(parent, timeout)
	defer cancel()
	c.state.Connects.Add(1)
	cc, err := p.dialTo(ctx)
	switch {
	case err == nil:
		return cc, nil
	case parent.Err() != nil:
		return nil, c.fail(Canceled, p, err)
	case ctx.Err() != nil:
		if late == ConnectTimeout {
			c.state.ConnectTimeouts.Add(1)
		}
		return nil, c.fail(late, p, err)
	}
	c.state.ConnectFailures.Add(1)
	return nil, c.fail(ConnectFailed, p, err)
}

func (p *pool) dialTo(ctx context.Context) (stream.ClientConn, error) {
	nc, err := p.dial.open(ctx, p.key.address, p.tls)
	if err != nil {
		return nil, err
	}
	return p.dial.speak(nc, p.key.protocol)
}

// open makes a connection, TLS included.
func (d *dialer) open(ctx context.Context, address string, t *TLS) (net.Conn, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	nc, err := d.dial(ctx, network, address)
	if err != nil || t == nil {
		return nc, err
	}
	tc := tls.Client(nc, t.config)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("tls handshake: %w", err)
	}
	return tc, nil
}

func (d *dialer) speak(nc net.Conn, p Protocol) (stream.ClientConn, error) {
	if p.Version != stream.HTTP2 {
		return d.http1(nc), nil
	}
	cc, err := d.http2(nc, p)
	if err != nil {
		_ = nc.Close()
	}
	return cc, err
}

// wait waits for done within an attempt's bounds.
func wait(a *Attempt, done <-chan struct{}) error {
	timer, ctx := a.clock()
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-timer.C:
		return context.DeadlineExceeded
	case <-ctx.Done():
		return context.Canceled
	}
}
