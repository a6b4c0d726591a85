package http2

import (
	"context"
	"time"

	"golang.org/x/net/http2"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// upstream is one request to a server. After Close it serves another request, so nothing may be called any more.
type upstream struct {
	exchange
	cc *ClientConn

	// guarded by conn.mu
	heads       []*stream.ResponseHead // kept for reuse; [next:count] wait to be received
	next, count int
	final       bool   // a head that is not 1xx came
	isHead      bool   // the request's method is HEAD
	unprocessed bool   // by the server's word, or since nothing was sent
	batch       uint64 // that the head stands in
	opened      bool   // SendHead gave it a stream
	asked       bool   // RecvHead was called: what is sent goes out at once
}

var _ stream.Upstream = (*upstream)(nil)

func (u *upstream) renewLocked() {
	u.next, u.count = 0, 0
	u.final, u.isHead, u.unprocessed, u.opened, u.asked = false, false, false, false, false
}

// pushLocked returns the head to fill next.
func (u *upstream) pushLocked() *stream.ResponseHead {
	if u.count == len(u.heads) {
		u.heads = append(u.heads, new(stream.ResponseHead))
	}
	u.count++
	return u.heads[u.count-1]
}

// SendHead implements stream.Upstream.
func (u *upstream) SendHead(h *stream.RequestHead, end bool) error {
	if err := checkRequestHead(h); err != nil {
		return err
	}
	c := &u.cc.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := u.sendableLocked(); err != nil {
		return err
	}
	switch {
	case u.headSent:
		return errHeadTwice
	case u.cc.nextID > maxWindow:
		u.failLocked(&ResetError{Cause: errStreamIDs})
	case c.err != nil:
		u.failLocked(&ResetError{Cause: c.err})
	case u.cc.gone:
		u.failLocked(&ResetError{Cause: errGoAway})
	}
	if u.sendErr != nil {
		u.unprocessed = true
		return u.sendErr
	}
	u.id = u.cc.nextID
	u.cc.nextID += 2
	u.headSent, u.opened = true, true
	u.isHead = string(h.Method) == "HEAD"
	u.outWindow = c.peerWindow
	u.tick, u.batch = c.tick, c.written+1
	c.streams[u.id] = &u.exchange
	c.fields.begin()
	c.fields.appendRequest(h)
	c.writeHeadersLocked(u.id, end)
	if end {
		u.endLocalLocked()
		c.flushHereLocked()
	} else {
		u.pushOutLocked()
	}
	return nil
}

// Send implements stream.Upstream. Until RecvHead is called for the first time, small pieces wait for more.
func (u *upstream) Send(b *body.Body, end bool) error { return u.send(b, end) }

// SendTrailers implements stream.Upstream.
func (u *upstream) SendTrailers(h *stream.Header) error { return u.sendTrailers(h) }

// SetDeadline implements stream.Upstream. The error is always nil.
func (u *upstream) SetDeadline(t time.Time) error {
	u.setDeadline(t)
	return nil
}

// RecvHead implements stream.Upstream. Where the head is all of the response, Recv answers io.EOF at once and ContentLength
// is 0 (or, for HEAD, what the server declared). A gRPC server may answer so, with grpc-status in the head: such a head has
// to be sent on with its end.
func (u *upstream) RecvHead() (*stream.ResponseHead, error) {
	c := &u.cc.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if !u.asked {
		u.asked = true
		c.flushHereLocked()
	}
	for {
		switch {
		case u.stopErr != nil:
			return nil, u.stopErr
		case u.next < u.count:
			u.next++
			return u.heads[u.next-1], nil
		case u.recvErr != nil:
			return nil, u.recvErr
		case u.final:
			return nil, errHeadTwice
		}
		c.mu.Unlock()
		<-u.recvWake
		c.mu.Lock()
	}
}

// Recv implements stream.Upstream.
func (u *upstream) Recv() (*body.Body, error) { return u.recv() }

// RecvTrailers implements stream.Upstream.
func (u *upstream) RecvTrailers() *stream.Header { return u.recvTrailers() }

// Unprocessed implements stream.Upstream: the server refused the stream, said GOAWAY with a lower id, or no byte of the
// head was written.
func (u *upstream) Unprocessed() bool {
	c := &u.cc.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	return u.unprocessed || u.opened && u.batch > c.written
}

// FD implements stream.Upstream: there is none for one stream of many.
func (u *upstream) FD() int { return -1 }

// Cancel implements stream.Upstream.
func (u *upstream) Cancel() { u.stop(context.Canceled) }

// Close implements stream.Upstream.
func (u *upstream) Close() {
	c := &u.cc.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if !u.localEnded || !u.remoteEnded {
		code := http2.ErrCodeCancel
		if u.remoteEnded { // we do not send the rest of a request that is answered
			code = http2.ErrCodeNo
		}
		c.resetLocked(&u.exchange, code)
	}
	u.releaseLocked()
	c.recycleLocked(&u.exchange)
	u.cc.claimed--
	if u.cc.claimed == 0 {
		u.cc.since = time.Now()
		c.finishLocked()
	}
}
