package http2

import (
	"context"
	"errors"

	"golang.org/x/net/http2"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// downstream is one request of a client.
type downstream struct {
	exchange
	s         *ServerConn
	head      stream.RequestHead
	ctx       *leaving
	isHead    bool // the request's method, which filters may change, was HEAD
	continues bool // the client waits for 100; guarded by conn.mu
}

var _ stream.Downstream = (*downstream)(nil)

// Head implements stream.Downstream.
func (d *downstream) Head() *stream.RequestHead { return &d.head }

// Recv implements stream.Downstream.
func (d *downstream) Recv() (*body.Body, error) {
	d.s.mu.Lock()
	if limit := d.s.limits.maxBody; limit > 0 && d.expect > limit && d.recvErr == nil {
		d.refuseBodyLocked(&body.TooLarge{Limit: limit})
	}
	if d.continues && d.recvErr == nil {
		d.continues = false
		if d.received == 0 && !d.headSent && d.sendableLocked() == nil {
			d.informLocked(&stream.ResponseHead{Status: 100, ContentLength: -1})
		}
	}
	d.s.mu.Unlock()
	return d.recv()
}

// RecvTrailers implements stream.Downstream.
func (d *downstream) RecvTrailers() *stream.Header { return d.recvTrailers() }

// SendInformational implements stream.Downstream.
func (d *downstream) SendInformational(h *stream.ResponseHead) error {
	if h.Status == 101 { // HTTP/2 has none (RFC 9113 §8.6)
		return nil
	}
	if err := checkResponseHead(h); err != nil {
		return err
	}
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	switch err := d.sendableLocked(); {
	case err != nil:
		return err
	case d.headSent:
		return errHeadTwice
	}
	if h.Status == 100 {
		d.continues = false
	}
	d.informLocked(h)
	return nil
}

func (d *downstream) informLocked(h *stream.ResponseHead) {
	d.s.fields.begin()
	d.s.fields.appendResponse(h)
	d.s.writeHeadersLocked(d.id, false)
	d.s.kickLocked()
	d.tick = d.s.tick
}

// SendHead implements stream.Downstream. The head goes out with what follows it at once, and alone where nothing does.
func (d *downstream) SendHead(h *stream.ResponseHead, end bool) error {
	if err := checkResponseHead(h); err != nil {
		return err
	}
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	switch err := d.sendableLocked(); {
	case err != nil:
		return err
	case d.headSent:
		return errHeadTwice
	}
	d.headSent = true
	d.muted = d.isHead || h.Status == 204 || h.Status == 304
	d.s.fields.begin()
	d.s.fields.appendResponse(h)
	d.s.writeHeadersLocked(d.id, end)
	d.tick = d.s.tick
	if end {
		d.endLocalLocked()
		d.s.flushHereLocked()
	} else {
		d.s.kickLocked()
	}
	return nil
}

// Send implements stream.Downstream. When it returns, the piece is on its way: it was written, or stands in the batch that
// the connection writes without anyone's doing.
func (d *downstream) Send(b *body.Body, end bool) error { return d.send(b, end) }

// SendTrailers implements stream.Downstream.
func (d *downstream) SendTrailers(h *stream.Header) error { return d.sendTrailers(h) }

// Reset implements stream.Downstream. The client sees INTERNAL_ERROR.
func (d *downstream) Reset() { d.reset(http2.ErrCodeInternal) }

// ResetAs is Reset with the code that a server reset its side with, where err says so: a gRPC client then sees what it
// would see without a proxy between. It is found by a type assertion to interface{ ResetAs(error) }.
func (d *downstream) ResetAs(err error) {
	code := http2.ErrCodeInternal
	if r := (*ResetError)(nil); errors.As(err, &r) && r.Cause == nil {
		code = r.Code
	}
	d.reset(code)
}

func (d *downstream) reset(code http2.ErrCode) {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	if !d.localEnded && d.sendErr == nil {
		d.s.resetLocked(&d.exchange, code)
		d.failLocked(stream.ErrReset)
	}
}

// Context implements stream.Downstream.
func (d *downstream) Context() context.Context { return d.ctx }

// Conn implements stream.Downstream.
func (d *downstream) Conn() *stream.ConnInfo { return d.s.info }

// Progress implements stream.Downstream.
func (d *downstream) Progress() stream.Progress {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	return stream.Progress{Received: d.received, Sent: d.sent, HeadSent: d.headSent, Ended: d.localEnded}
}
