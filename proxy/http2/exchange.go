package http2

import (
	"context"
	"io"
	"time"

	"golang.org/x/net/http2"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// exchange is the state of one stream that both sides have in common. The connection's mutex guards it. It is used again
// for another stream after its user is done with it.
type exchange struct {
	c    *conn
	id   uint32
	down *downstream // one of the two is set: what it is a part of
	up   *upstream

	headSent    bool // a final head
	localEnded  bool // we have said all
	remoteEnded bool // the peer has
	muted       bool // this side sends a message without a body: HEAD, 204, 304
	trailed     bool // trailers came

	in       body.Writer // what came and was not received yet
	trailers stream.Header
	expect   int64 // bytes that content-length declared, or -1
	received int64
	sent     int64
	inWindow int64 // bytes that we let the peer send on this stream
	inOwed   int64

	out       *body.Body // what Send waits with
	outAt     int
	outEnd    bool
	queued    bool // in the connection's queue
	outWindow int64

	recvErr error // what follows what is in
	sendErr error
	stopErr error // of whoever uses the exchange: a cancel or a deadline; it comes before all else

	recvWake, sendWake chan struct{} // room for one; each has one goroutine that waits on it
	timer              *time.Timer
	until              time.Time
	tick               uint32 // the round in which a frame came or went
	woken              bool   // owned by the reader: in its list
}

func (x *exchange) initLocked(c *conn) {
	x.c = c
	x.recvWake, x.sendWake = make(chan struct{}, 1), make(chan struct{}, 1)
}

// resetLocked makes x ready for another stream.
func (x *exchange) resetLocked() {
	x.id, x.headSent, x.localEnded, x.remoteEnded, x.muted, x.trailed = 0, false, false, false, false, false
	x.in = body.Writer{Budget: x.c.limits.budget}
	x.trailers.Reset()
	x.expect, x.received, x.sent = -1, 0, 0
	x.inWindow, x.inOwed, x.outWindow = int64(x.c.limits.streamWindow), 0, x.c.peerWindow
	x.recvErr, x.sendErr, x.stopErr, x.until = nil, nil, nil, time.Time{}
	x.tick = x.c.tick
	drain(x.recvWake)
	drain(x.sendWake)
}

func drain(ch chan struct{}) {
	select {
	case <-ch:
	default:
	}
}

// begun tells whether a part of the peer's message has come.
func (x *exchange) begun() bool { return x.down != nil || x.up.final }

// failLocked ends x for its user: what came can still be received, then err follows. It takes x off the connection.
func (x *exchange) failLocked(err error) {
	if _, reset := err.(*ResetError); reset && x.down != nil {
		err = context.Canceled // the client left
	}
	if x.recvErr == nil && !x.remoteEnded {
		x.recvErr = err
	}
	if x.sendErr == nil && !x.localEnded {
		x.sendErr = err
	}
	x.c.forgetLocked(x)
	x.dropOutLocked()
	if x.down != nil {
		x.down.ctx.leave()
	}
	x.wakeLocked()
}

func (x *exchange) wakeLocked() {
	wake(x.recvWake)
	wake(x.sendWake)
}

func (x *exchange) dropOutLocked() {
	x.out.Release()
	x.out = nil
}

// endLocalLocked notes that all was said.
func (x *exchange) endLocalLocked() {
	x.localEnded = true
	if x.remoteEnded {
		x.c.forgetLocked(x)
	}
}

// endRemoteLocked notes that the peer said all, and tells what is wrong with it, or "".
func (x *exchange) endRemoteLocked() string {
	if x.expect >= 0 && x.received != x.expect {
		return "the body is shorter than its content-length"
	}
	x.remoteEnded = true
	if x.localEnded {
		x.c.forgetLocked(x)
	}
	return ""
}

// recv implements Recv of both sides.
func (x *exchange) recv() (*body.Body, error) {
	c := x.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case x.stopErr != nil:
			return nil, x.stopErr
		case x.in.Len() > 0:
			b, err := x.in.Body()
			if err != nil {
				return nil, err
			}
			x.consumedLocked(int64(b.Len()))
			return b, nil
		case x.recvErr != nil:
			return nil, x.recvErr
		case x.remoteEnded:
			return nil, io.EOF
		}
		c.mu.Unlock()
		<-x.recvWake
		c.mu.Lock()
	}
}

// consumedLocked gives the peer back what it used of the windows.
func (x *exchange) consumedLocked(n int64) {
	c := x.c
	c.consumedLocked(n)
	if x.remoteEnded || c.streams[x.id] != x {
		return
	}
	x.inOwed += n
	if x.inOwed >= int64(c.limits.streamWindow)/2 {
		_ = c.frames.WriteWindowUpdate(x.id, uint32(x.inOwed))
		x.inWindow += x.inOwed
		x.inOwed = 0
		c.kickLocked()
	}
}

// refuseBodyLocked drops what is in and all that will come: the user gets err.
func (x *exchange) refuseBodyLocked(err error) {
	n := x.in.Len()
	x.in.Discard()
	x.c.consumedLocked(n)
	x.recvErr = err
}

// recvTrailers implements RecvTrailers of both sides.
func (x *exchange) recvTrailers() *stream.Header {
	x.c.mu.Lock()
	defer x.c.mu.Unlock()
	if !x.trailed {
		return nil
	}
	return &x.trailers
}

// sendableLocked tells why nothing can be sent.
func (x *exchange) sendableLocked() error {
	switch {
	case x.stopErr != nil:
		return x.stopErr
	case x.sendErr != nil:
		return x.sendErr
	case x.localEnded:
		return errEnded
	}
	return nil
}

// send implements Send of both sides.
func (x *exchange) send(b *body.Body, end bool) error {
	c := x.c
	c.mu.Lock()
	defer c.mu.Unlock()
	err := x.sendableLocked()
	if err == nil && !x.headSent {
		err = errNoHead
	}
	if err != nil {
		b.Release()
		return err
	}
	n := b.Len()
	if x.muted {
		n = 0
	}
	switch {
	case n == 0:
		b.Release()
		if end {
			c.dataLocked(x, nil, 0, 0, true)
			x.endLocalLocked()
			c.flushHereLocked()
		}
		return nil
	case len(c.queue) == 0 && c.out.size < batchLimit && int64(n) <= min(x.outWindow, c.outWindow):
		for at := 0; at < n; at += c.peerFrame {
			part := min(n-at, c.peerFrame)
			c.dataLocked(x, b, at, part, end && at+part == n)
		}
		b.Release()
		if end {
			x.endLocalLocked()
			c.flushHereLocked()
		} else {
			x.pushOutLocked()
		}
		return nil
	}
	x.out, x.outAt, x.outEnd = b, 0, end
	c.queueLocked(x)
	c.kickLocked()
	for x.out != nil {
		if x.stopErr != nil {
			c.unqueueLocked(x)
			x.dropOutLocked()
			return x.stopErr
		}
		c.mu.Unlock()
		<-x.sendWake
		c.mu.Lock()
	}
	return x.sendErr
}

// pushOutLocked has the batch written, unless x is a request whose user is not yet waiting for its answer: then what it
// sends next goes out with it.
func (x *exchange) pushOutLocked() {
	if x.up == nil || x.up.asked || x.c.out.size > yieldLimit {
		x.c.kickLocked()
	}
}

// unqueueLocked takes x out of the queue.
func (c *conn) unqueueLocked(x *exchange) {
	if !x.queued {
		return
	}
	x.queued = false
	for i, q := range c.queue {
		if q == x {
			c.queue = append(c.queue[:i], c.queue[i+1:]...)
			return
		}
	}
}

// sendTrailers implements SendTrailers of both sides.
func (x *exchange) sendTrailers(h *stream.Header) error {
	if err := checkFields(h); err != nil {
		return err
	}
	c := x.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := x.sendableLocked(); err != nil {
		return err
	}
	if !x.headSent {
		return errNoHead
	}
	if h.Len() == 0 { // RFC 9113 §8.1 would allow an empty block, but peers do not all
		c.dataLocked(x, nil, 0, 0, true)
	} else {
		c.fields.begin()
		c.fields.appendFields(h)
		c.writeHeadersLocked(x.id, true)
	}
	x.tick = c.tick
	x.endLocalLocked()
	c.flushHereLocked()
	return nil
}

// stop makes all calls fail with err and resets the stream.
func (x *exchange) stop(err error) {
	x.c.mu.Lock()
	defer x.c.mu.Unlock()
	x.stopLocked(err)
}

func (x *exchange) stopLocked(err error) {
	if x.stopErr == nil {
		x.stopErr = err
	}
	x.c.resetLocked(x, http2.ErrCodeCancel)
	x.wakeLocked()
}

// setDeadline implements SetDeadline.
func (x *exchange) setDeadline(t time.Time) {
	x.c.mu.Lock()
	defer x.c.mu.Unlock()
	x.until = t
	switch {
	case t.IsZero():
		if x.timer != nil {
			x.timer.Stop()
		}
	case x.timer == nil:
		x.timer = time.AfterFunc(time.Until(t), x.expire)
	default:
		x.timer.Reset(time.Until(t))
	}
}

// expire is the timer's function. The timer may belong to a stream that x was used for before, hence the look at until.
func (x *exchange) expire() {
	x.c.mu.Lock()
	defer x.c.mu.Unlock()
	if !x.until.IsZero() && !time.Now().Before(x.until) {
		x.stopLocked(context.DeadlineExceeded)
	}
}

// releaseLocked gives back what x holds, at the end of its use.
func (x *exchange) releaseLocked() {
	x.c.forgetLocked(x)
	x.dropOutLocked()
	if n := x.in.Len(); n > 0 {
		x.in.Discard()
		x.c.consumedLocked(n)
	}
	if x.timer != nil && !x.until.IsZero() {
		x.timer.Stop()
	}
	x.until = time.Time{}
}
