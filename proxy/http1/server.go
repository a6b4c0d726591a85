package http1

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/millrace/millrace/proxy/stream"
)

// ServerConn serves the requests of one client's connection, one after another. Serve runs in the goroutine that calls it;
// Drain and Close may be called by any. A client that ends its sending side counts as one that left, as with Envoy: the
// contexts of its requests are done.
type ServerConn struct {
	conn    net.Conn
	info    *stream.ConnInfo
	opts    ServerOptions
	handler stream.Handler
	rd      reader
	ctx     leaveContext
	ex      exchange // the request being served; its memory is used for all

	mu       sync.Mutex // guards the fields below
	idle     bool       // no byte of a next request was seen
	draining bool
	closed   bool
}

// NewServerConn returns a connection that Serve has to be called on, once. The connection belongs to it.
func NewServerConn(conn net.Conn, info *stream.ConnInfo, opts ServerOptions, h stream.Handler) *ServerConn {
	c := &ServerConn{conn: conn, info: info, opts: opts, handler: h}
	c.opts.MaxHeaderBytes = headerLimit(opts.MaxHeaderBytes)
	c.rd = newReader(conn)
	c.ex.init(c)
	return c
}

// ServeConn serves a connection until it ends.
func ServeConn(conn net.Conn, info *stream.ConnInfo, opts ServerOptions, h stream.Handler) error {
	return NewServerConn(conn, info, opts, h).Serve()
}

// Serve reads requests and has the handler answer them until the client leaves, a request asks for the connection's end or
// breaks the protocol, or the connection is drained or closed. It closes the connection. The error is nil where the end was
// in order, and a *stream.ProtocolError where the client broke the protocol; a panic of the handler is an error, too.
func (c *ServerConn) Serve() (err error) {
	stop := watch(c.conn, &c.ctx)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("serve %s: handler panicked: %v\n%s", c.info.Remote, p, debug.Stack())
		}
		c.ctx.leave()
		stop()
		_ = c.conn.Close()
	}()
	for {
		head, err := c.nextHead()
		if err != nil || head == nil {
			return c.refuse(err)
		}
		meta, err := parseRequest(head, &c.ex.head, c.info.TLS != nil)
		if err != nil {
			return c.refuse(err)
		}
		c.rd.consume(len(head))
		c.ex.begin(&meta)
		c.handler.Serve(&c.ex)
		again := c.ex.finish()
		c.ctx.finish()
		if !again || c.ctx.Err() != nil {
			return nil
		}
		c.rd.shrink()
	}
}

// nextHead waits for the head of the next request and returns it as a view of the read buffer; nil where the connection
// ended in order.
func (c *ServerConn) nextHead() ([]byte, error) {
	if err := c.firstBytes(); err != nil {
		return nil, err
	}
	limit := c.opts.MaxHeaderBytes
	started, resume, empty := false, 0, 0
	for {
		p := c.rd.buffered()
		// An empty line before a request is skipped (RFC 9112, section 2.2), but a client cannot send them for ever.
		for resume == 0 && len(p) >= 2 && p[0] == '\r' && p[1] == '\n' {
			if empty++; empty > 4 {
				return nil, errStartLine
			}
			c.rd.consume(2)
			p = c.rd.buffered()
		}
		if len(p) > 0 {
			end, next, err := blockEnd(p, resume)
			switch {
			case err != nil:
				return nil, err
			case end > limit, end == 0 && len(p) > limit:
				return nil, tooLarge(next, end)
			case end > 0:
				if started {
					c.ex.readBy.clear()
				}
				return p[:end], nil
			}
			resume = next
		}
		if !started && c.opts.HeaderTimeout > 0 {
			started = true
			c.ex.readBy.exactly(c.opts.HeaderTimeout)
		}
		switch err := c.rd.fill(limit + 1); {
		case err == nil:
		case err == errBufferFull:
			return nil, tooLarge(resume, 0)
		case errors.Is(err, os.ErrDeadlineExceeded) && started:
			return nil, errHeadTimeout
		case err == io.EOF && len(c.rd.buffered()) == 0:
			return nil, nil
		default:
			return nil, err
		}
	}
}

// tooLarge tells a target that is too long from a header that is.
func tooLarge(lineStart, end int) error {
	if lineStart == 0 && end == 0 {
		return errURITooLong
	}
	return errHeadTooBig
}

// firstBytes waits until there is something of a next request. It is the one place where the connection is idle.
func (c *ServerConn) firstBytes() error {
	if len(c.rd.buffered()) > 0 {
		return nil
	}
	c.mu.Lock()
	switch {
	case c.closed:
		c.mu.Unlock()
		return io.EOF
	case c.draining:
		c.ex.readBy.exactly(max(c.opts.DrainGrace, minDrainGrace))
	default:
		c.ex.readBy.within(c.opts.IdleTimeout)
	}
	c.idle = true
	c.mu.Unlock()
	err := c.rd.fill(smallBuffer)
	c.mu.Lock()
	c.idle = false
	if c.draining {
		c.ex.readBy.at = longAgo // Drain may have set another
		c.ex.readBy.clear()
	}
	c.mu.Unlock()
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return io.EOF // idle for too long, or drained
	}
	return err
}

// refuse ends the connection after err, with a reply where the client broke the protocol.
func (c *ServerConn) refuse(err error) error {
	var breach *stream.ProtocolError
	if errors.As(err, &breach) {
		if c.opts.OnProtocolError != nil {
			c.opts.OnProtocolError(c.info, breach)
		}
		c.ex.replyRefusal(breach)
		c.linger()
		return breach
	}
	if err == nil || err == io.EOF || errors.Is(err, net.ErrClosed) {
		return nil
	}
	switch err = ioError("read request", err); {
	case errors.Is(err, stream.ErrReset), errors.Is(err, context.DeadlineExceeded):
		return nil // the client went away, or Close was called
	}
	return err
}

// minDrainGrace lets a request be read that has arrived by the time that its connection is drained.
const minDrainGrace = 5 * time.Millisecond

// How long a refused client may go on sending: without a pause, and in all. The time bounds what it costs; a bound on bytes
// would take the answer from an honest client with a large body.
const (
	lingerPause = time.Second
	lingerTime  = 5 * time.Second
)

// linger ends our direction and takes what the client still sends, within bounds: closing with unread bytes would reset the
// connection and could take the response from the client (RFC 9112, section 9.6).
func (c *ServerConn) linger() {
	if closeWrite(c.conn) != nil {
		return
	}
	for end := time.Now().Add(lingerTime); ; {
		now := time.Now()
		if !now.Before(end) {
			return
		}
		_ = c.conn.SetReadDeadline(earlier(now.Add(lingerPause), end))
		c.rd.r, c.rd.w = 0, 0
		if c.rd.fill(smallBuffer) != nil {
			return
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Drain has the connection end after the request that it serves now, whose response says "Connection: close" if its head
// is still to be sent; an idle connection ends after DrainGrace.
func (c *ServerConn) Drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining {
		return
	}
	c.draining = true
	if c.idle {
		by := longAgo
		if c.opts.DrainGrace > 0 {
			by = time.Now().Add(c.opts.DrainGrace)
		}
		_ = c.conn.SetReadDeadline(by)
	}
}

// Close ends the connection now. The handler's calls fail, and its context is done.
func (c *ServerConn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.ctx.leave()
	return c.conn.Close()
}

func (c *ServerConn) ending() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.draining || c.closed
}
