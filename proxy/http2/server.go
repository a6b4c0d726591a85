package http2

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"

	"github.com/millrace/millrace/proxy/stream"
)

const (
	idleWorkers = 128         // goroutines that a connection keeps for its next requests, for a few rounds of its clock
	drainWait   = time.Second // for a client to answer the PING of a drain
)

// ServerConn serves one client's connection.
type ServerConn struct {
	conn
	info    *stream.ConnInfo
	handler stream.Handler

	// work hands requests to idle workers, or nil, which ends one; it has room for one each. The reader closes it.
	work    chan *downstream
	workers sync.WaitGroup

	// guarded by conn.mu
	idle       int // workers that wait
	spareIdle  int // how many of them had nothing to do since the clock's last round
	running    int // handlers that have not returned, whether or not their streams live
	reset      int // by how many the requests that were reset exceed those that ended well
	drainTimer *time.Timer
}

// NewServerConn returns a server for conn, on which the client's preface is the next to read (or in opts.Preread). The
// connection belongs to it from now on. info is what every request's Conn returns.
func NewServerConn(conn net.Conn, info *stream.ConnInfo, opts ServerOptions, h stream.Handler) *ServerConn {
	s := &ServerConn{info: info, handler: h, work: make(chan *downstream, idleWorkers)}
	s.init(conn, opts.limits(), opts.Preread)
	s.srv = s
	s.inBlock = true // the preface is bound in time as a header block is
	s.greet(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: uint32(s.limits.maxStreams)})
	return s
}

// Serve serves the connection until it ends, and returns when all handlers have. The error is nil where the client closed
// it or it was drained or closed from here. Drain and Close may come before it.
func (s *ServerConn) Serve() error {
	s.open()
	err := s.readPreface()
	if err == nil {
		err = s.reader.loop()
	}
	s.finish(err)
	close(s.work)
	s.workers.Wait()
	s.mu.Lock()
	if s.drainTimer != nil {
		s.drainTimer.Stop()
	}
	s.mu.Unlock()
	return s.outcome()
}

func (s *ServerConn) readPreface() error {
	for have := 0; have < len(http2.ClientPreface); { // byte by byte, so that another protocol is not waited for
		_, err := s.reader.br.Peek(have + 1)
		if err != nil {
			return toPeerError(err)
		}
		have = min(s.reader.br.Buffered(), len(http2.ClientPreface))
		if p, _ := s.reader.br.Peek(have); string(p) != http2.ClientPreface[:have] {
			return breach(http2.ErrCodeProtocol, "the client did not send the HTTP/2 preface")
		}
	}
	s.setInBlock(false)
	if err := s.reader.skip(len(http2.ClientPreface)); err != nil {
		return err
	}
	fh, err := s.reader.frames.ReadFrameHeader()
	if err != nil {
		return toPeerError(err)
	}
	if fh.Type != http2.FrameSettings || fh.Flags.Has(http2.FlagSettingsAck) {
		return breach(http2.ErrCodeProtocol, "the first frame is not SETTINGS")
	}
	if err := s.reader.frame(fh); err != nil {
		return toPeerError(err)
	}
	return nil
}

// finish ends the connection after its reader has: it tells the peer why, gives it time to read that, and closes.
func (c *conn) finish(err error) {
	var p *peerError
	c.mu.Lock()
	if c.closing { // the rest is the peer's end of it
		err = errPeerClosed
	}
	breached := errors.As(err, &p)
	if breached {
		c.endLocked(err, p.code, true)
	} else {
		c.endLocked(err, http2.ErrCodeNo, false)
	}
	c.mu.Unlock()
	if breached {
		_ = c.nc.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.Copy(io.Discard, c.nc)
		c.mu.Lock()
		c.dead = true
		closeNow(c.nc)
		c.kickLocked()
		c.mu.Unlock()
	}
	c.writing.Wait()
	c.clock.Stop()
}

// outcome is why the connection ended, or nil where there is nothing to tell.
func (c *conn) outcome() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.err {
	case errPeerClosed, errClosedHere, errIdle, nil:
		return nil
	}
	return c.err
}

// Drain tells the client to open no more requests (RFC 9113 §6.8), lets those under way end, and then closes. It does not
// wait.
func (s *ServerConn) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining || s.err != nil {
		return
	}
	s.draining = true
	_ = s.frames.WriteGoAway(maxWindow, http2.ErrCodeNo, nil)
	_ = s.frames.WritePing(false, drainPing)
	s.drainTimer = time.AfterFunc(drainWait, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.drainedLocked()
	})
	s.kickLocked()
}

// drainedLocked says which requests were the last: the client knows of the drain.
func (s *ServerConn) drainedLocked() {
	if !s.draining || s.lastAccepted != maxWindow || s.err != nil {
		return
	}
	s.lastAccepted = s.lastPeer
	_ = s.frames.WriteGoAway(s.lastPeer, http2.ErrCodeNo, nil)
	s.kickLocked()
	s.finishLocked()
}

// Close closes the connection at once; requests under way are cancelled. It does not wait for their handlers: Serve does.
func (s *ServerConn) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(errClosedHere, http2.ErrCodeNo, false)
	return nil
}

// countResetLocked counts a request that was reset, by the client or for its fault, against those that ended well.
func (s *ServerConn) countResetLocked() error {
	if s.reset++; s.reset > s.limits.maxResets {
		return breach(http2.ErrCodeEnhanceYourCalm, "too many requests were reset")
	}
	return nil
}

// blockLocked obeys a header block: the head of a request or its trailers.
func (s *ServerConn) blockLocked(id uint32, end bool) error {
	blk := &s.reader.blk
	if x := s.streams[id]; x != nil {
		return s.trailersLocked(x, end)
	}
	switch {
	case id%2 == 0:
		return breach(http2.ErrCodeProtocol, "a client's stream with an even id")
	case id <= s.lastPeer:
		if s.resetHereLocked(id) {
			return nil
		}
		return breach(http2.ErrCodeStreamClosed, "HEADERS on a closed stream")
	case id > s.lastAccepted || s.closing:
		return nil // after our GOAWAY; the client knows that it may send it again
	}
	s.lastPeer = id
	if blk.tooLarge {
		s.replyLocked(id, 431, end)
		return s.countResetLocked()
	}
	if bad := blk.checkRequest(); bad != "" {
		return &streamBreach{id, http2.ErrCodeProtocol, bad}
	}
	if end && blk.length > 0 {
		return &streamBreach{id, http2.ErrCodeProtocol, "content-length without a body"}
	}
	// Handlers of streams that were reset count as well, with some room for those that are about to return.
	if len(s.streams) >= s.limits.maxStreams || s.running >= s.limits.maxStreams+s.limits.maxStreams/4+16 {
		s.refuseLocked(id, http2.ErrCodeRefusedStream)
		return s.countResetLocked()
	}
	s.beginLocked(id, end)
	return nil
}

func (s *ServerConn) beginLocked(id uint32, end bool) {
	var d *downstream
	if x := s.takeLocked(); x != nil {
		d = x.down
	} else {
		d = &downstream{s: s}
		d.down = d
		d.initLocked(&s.conn)
	}
	d.resetLocked()
	d.ctx = d.ctx.renewed()
	d.id, d.remoteEnded = id, end
	s.reader.blk.moveRequest(&d.head)
	d.expect = d.head.ContentLength
	if end {
		d.head.ContentLength = 0
	}
	d.isHead = string(d.head.Method) == "HEAD"
	d.continues = d.head.ExpectContinue && !end
	s.streams[id] = &d.exchange
	s.running++
	s.reader.begun = append(s.reader.begun, d)
}

// trailersLocked obeys a header block on a stream that is open.
func (s *ServerConn) trailersLocked(x *exchange, end bool) error {
	if x.remoteEnded {
		return &streamBreach{x.id, http2.ErrCodeStreamClosed, "HEADERS after the end of the stream"}
	}
	return x.endWithTrailersLocked(&s.reader, end)
}

// endWithTrailersLocked takes trailers, on either side.
func (x *exchange) endWithTrailersLocked(r *reader, end bool) error {
	bad := r.blk.checkTrailers()
	switch {
	case !end:
		bad = "trailers do not end the stream"
	case r.blk.tooLarge:
		bad = "the trailers are larger than they may be"
	}
	if bad == "" {
		x.tick = x.c.tick
		if r.blk.header.Len() > 0 {
			x.trailed = true
			x.trailers, r.blk.header = r.blk.header, x.trailers
		}
		bad = x.endRemoteLocked()
	}
	if bad != "" {
		return &streamBreach{x.id, http2.ErrCodeProtocol, bad}
	}
	r.notify(x)
	return nil
}

// replyLocked answers a request that gets no exchange.
func (s *ServerConn) replyLocked(id uint32, status int, end bool) {
	if s.err != nil {
		return
	}
	h := stream.ResponseHead{Status: status, ContentLength: -1}
	s.fields.begin()
	s.fields.appendResponse(&h)
	s.writeHeadersLocked(id, true)
	s.kickLocked()
	if !end {
		s.refuseLocked(id, http2.ErrCodeNo)
	}
}

// start has a worker run the handler. The reader calls it, without the mutex.
func (s *ServerConn) start(d *downstream) {
	s.mu.Lock()
	if d.sendErr != nil { // reset before it began
		s.endExchangeLocked(d)
		s.mu.Unlock()
		return
	}
	waiting := s.idle > 0
	if waiting {
		s.idle--
		s.spareIdle = min(s.spareIdle, s.idle)
	}
	s.mu.Unlock()
	if waiting {
		s.work <- d
		return
	}
	s.workers.Add(1)
	go s.worker(d)
}

// worker runs handlers, one after another.
func (s *ServerConn) worker(d *downstream) {
	defer s.workers.Done()
	for ; d != nil; d = <-s.work {
		s.handler.Serve(d)
		s.mu.Lock()
		s.endExchangeLocked(d)
		stay := s.idle < idleWorkers
		if stay {
			s.idle++
		}
		s.mu.Unlock()
		if !stay {
			return
		}
	}
}

// endExchangeLocked ends what the handler left open.
func (s *ServerConn) endExchangeLocked(d *downstream) {
	switch {
	case !d.localEnded:
		s.resetLocked(&d.exchange, http2.ErrCodeInternal)
	case !d.remoteEnded: // RFC 9113 §8.1: the response does not depend on the rest of the request
		s.resetLocked(&d.exchange, http2.ErrCodeNo)
	}
	if d.localEnded && d.recvErr == nil {
		s.reset = max(0, s.reset-1)
	}
	d.releaseLocked()
	s.running--
	s.recycleLocked(&d.exchange)
	if s.running == 0 {
		s.idleTick = s.tick
		s.finishLocked()
	}
}
