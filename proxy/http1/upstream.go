package http1

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

var (
	errBadHead   = errors.New("send request: its target or authority has characters that HTTP/1.1 cannot carry")
	errNoRequest = errors.New("receive response: no request was sent")
)

// upstream is the request that a ClientConn makes now, and the response to it.
type upstream struct {
	c *ClientConn

	rd      reader // the fields of the goroutine that receives
	head    stream.ResponseHead
	in      bodyReader
	recvErr error // final
	final   bool  // the final head was received
	keep    bool  // the server lets the connection live
	gotAny  bool  // a byte of the response was received

	wmu      sync.Mutex // guards the fields below
	out      bodyWriter
	started  bool // the head was given
	isHead   bool
	requests int    // made on the connection, this one included
	before   uint64 // bytes written before this request
	pending  atomic.Bool
	sendErr  error

	dmu      sync.Mutex // guards the fields below
	timed    bool       // the connection has a deadline
	stale    bool       // that is of the request before
	canceled bool
}

var _ stream.Upstream = (*upstream)(nil)

func (u *upstream) init(c *ClientConn) {
	u.c = c
	u.rd = newReader(c.conn)
	u.out.conn = c.conn
}

// begin makes u ready for another request.
func (u *upstream) begin() {
	u.recvErr, u.final, u.keep, u.gotAny = nil, false, false, false
	u.in.start(byNothing, 0, 0, u.c.opts.MaxHeaderBytes)
	u.started, u.sendErr = false, nil
	u.requests++
	u.before = u.out.wrote
	u.dmu.Lock()
	u.stale = u.timed
	u.dmu.Unlock()
}

// SendHead implements stream.Upstream. The head waits for the first piece of the body or the first RecvHead.
func (u *upstream) SendHead(h *stream.RequestHead, end bool) error {
	if !sendable(h) {
		return errBadHead
	}
	u.freshDeadline()
	u.wmu.Lock()
	defer u.wmu.Unlock()
	if u.started {
		return errHeadTwice
	}
	u.started, u.isHead = true, string(h.Method) == "HEAD"
	how := byNothing
	switch {
	case end:
		if h.ContentLength > 0 {
			return u.failed(errShortBody)
		}
	case h.ContentLength < 0:
		how = byChunks
	default:
		how = byLength
	}
	u.out.buf = appendRequest(u.out.buf, h, how == byChunks)
	u.out.start(how, h.ContentLength)
	if how == byLength && h.ContentLength == 0 {
		u.out.done = true
	}
	if !u.out.done {
		u.pending.Store(true)
		return nil
	}
	return u.failed(u.out.flush())
}

// Send implements stream.Upstream.
func (u *upstream) Send(b *body.Body, end bool) error {
	defer b.Release()
	u.wmu.Lock()
	defer u.wmu.Unlock()
	switch {
	case u.sendErr != nil:
		return u.sendErr
	case !u.started:
		return errNoHead
	case u.out.done && b.Len() == 0:
		return nil
	}
	u.pending.Store(false)
	return u.failed(u.out.write(b, end))
}

// SendTrailers implements stream.Upstream.
func (u *upstream) SendTrailers(h *stream.Header) error {
	u.wmu.Lock()
	defer u.wmu.Unlock()
	switch {
	case u.sendErr != nil:
		return u.sendErr
	case !u.started:
		return errNoHead
	case u.out.done:
		return nil
	}
	u.pending.Store(false)
	return u.failed(u.out.trailers(h))
}

// flush sends a head that waits for a body that is not there yet.
func (u *upstream) flush() error {
	if !u.pending.Load() {
		return nil
	}
	u.wmu.Lock()
	defer u.wmu.Unlock()
	if u.sendErr != nil || !u.pending.Load() {
		return u.sendErr
	}
	u.pending.Store(false)
	return u.failed(u.out.flush())
}

// failed notes an error of sending. u.wmu is held.
func (u *upstream) failed(err error) error {
	if err != nil {
		u.sendErr = u.explain("send request", err)
	}
	return u.sendErr
}

// SetDeadline implements stream.Upstream.
func (u *upstream) SetDeadline(t time.Time) error {
	u.dmu.Lock()
	defer u.dmu.Unlock()
	if u.canceled {
		return context.Canceled
	}
	u.timed, u.stale = !t.IsZero(), false
	return u.c.conn.SetDeadline(t)
}

// freshDeadline takes away the deadline of the request before.
func (u *upstream) freshDeadline() {
	u.dmu.Lock()
	defer u.dmu.Unlock()
	if u.stale && !u.canceled {
		u.timed, u.stale = false, false
		_ = u.c.conn.SetDeadline(time.Time{})
	}
}

// RecvHead implements stream.Upstream.
func (u *upstream) RecvHead() (*stream.ResponseHead, error) {
	switch {
	case u.recvErr != nil:
		return nil, u.recvErr
	case u.final || !u.started:
		return nil, errNoRequest
	}
	if err := u.flush(); err != nil && !isReset(err) {
		return nil, err // a server that reset the sending may have answered before
	}
	head, err := u.readHead()
	if err == nil {
		err = u.takeHead(head)
	}
	if err != nil {
		u.recvErr = u.explain("receive response", err)
		return nil, u.recvErr
	}
	return &u.head, nil
}

func (u *upstream) readHead() ([]byte, error) {
	limit := u.c.opts.MaxHeaderBytes
	for resume := 0; ; {
		if p := u.rd.buffered(); len(p) > 0 {
			u.gotAny = true
			end, next, err := blockEnd(p, resume)
			switch {
			case err != nil:
				return nil, err
			case end > limit, end == 0 && len(p) > limit:
				return nil, errHeadTooBig
			case end > 0:
				return p[:end], nil
			}
			resume = next
		}
		switch err := u.rd.fill(limit + 1); {
		case err == nil:
		case err == errBufferFull:
			return nil, errHeadTooBig
		case err == io.EOF && len(u.rd.buffered()) == 0:
			return nil, stream.ErrReset
		case err == io.EOF:
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
}

// takeHead parses a complete head and prepares for the body behind it.
func (u *upstream) takeHead(head []byte) error {
	meta, err := parseResponse(head, &u.head)
	if err != nil {
		return err
	}
	u.rd.consume(len(head))
	if u.head.Status == http.StatusSwitchingProtocols {
		return errUpgraded
	}
	if u.head.Status < 200 {
		return nil
	}
	u.final = true
	u.keep = !meta.close && (u.head.Version == stream.HTTP11 || meta.keepAlive)
	how := byClose
	switch {
	case bodyless(u.head.Status, u.isHead):
		how = byNothing
	case meta.chunked:
		how = byChunks
	case meta.length >= 0:
		how = byLength
	default:
		u.keep = false
	}
	u.in.start(how, max(meta.length, 0), 0, u.c.opts.MaxHeaderBytes)
	return nil
}

// Recv implements stream.Upstream.
func (u *upstream) Recv() (*body.Body, error) {
	switch {
	case u.recvErr != nil:
		return nil, u.recvErr
	case !u.final:
		return nil, errNoRequest
	}
	b, err := u.in.next(&u.rd, u.c.opts.Budget, noWait)
	if err == nil || err == io.EOF {
		return b, err
	}
	if err = u.explain("receive response body", err); isReset(err) {
		err = errors.Join(io.ErrUnexpectedEOF, err)
	}
	u.recvErr = err
	return nil, err
}

// RecvTrailers implements stream.Upstream.
func (u *upstream) RecvTrailers() *stream.Header {
	if !u.in.done || u.in.trailers.Len() == 0 {
		return nil
	}
	return &u.in.trailers
}

// explain names an error of the connection.
func (u *upstream) explain(op string, err error) error {
	u.dmu.Lock()
	canceled := u.canceled
	u.dmu.Unlock()
	if canceled {
		return context.Canceled
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return ioError(op, err)
}

// Unprocessed implements stream.Upstream. On a connection that served a request before, the server's kernel tells: where it
// acknowledged nothing beyond what was sent before, nobody has seen this request. (The SYN counts as one byte; a server
// cannot have acted on the one byte of a request that might hide behind it.)
func (u *upstream) Unprocessed() bool {
	u.wmu.Lock()
	defer u.wmu.Unlock()
	if u.gotAny || !u.c.plain || u.requests < 2 || !isReset(u.recvErr) && !isReset(u.sendErr) {
		return false // after a timeout or a cancel, what was written may still arrive
	}
	if u.out.wrote == u.before {
		return true
	}
	acked, ok := u.c.probe.acked()
	if !ok || acked > u.before+1 {
		return false
	}
	if s, ok := u.c.conn.(interface{ SetLinger(int) error }); ok {
		_ = s.SetLinger(0) // what is not acknowledged now must not arrive after the close
	}
	return true
}

// FD implements stream.Upstream. Bytes that were read together with the last ones are not seen by a poll: RecvHead
// comes first where the one before returned a 1xx head.
func (u *upstream) FD() int { return u.c.fd }

// Cancel implements stream.Upstream.
func (u *upstream) Cancel() {
	u.dmu.Lock()
	defer u.dmu.Unlock()
	if !u.canceled {
		u.canceled = true
		halt(u.c.conn)
	}
}

// Close implements stream.Upstream.
func (u *upstream) Close() {
	u.wmu.Lock()
	sent := u.started && u.out.done && u.sendErr == nil
	u.wmu.Unlock()
	u.dmu.Lock()
	sent = sent && !u.canceled
	u.dmu.Unlock()
	reusable := sent && u.recvErr == nil && u.final && u.keep && u.in.done && len(u.rd.buffered()) == 0
	if !u.started && u.recvErr == nil && !u.isCanceled() {
		reusable = true // nothing was asked
	}
	u.rd.shrink()
	u.c.release(reusable)
}

func (u *upstream) isCanceled() bool {
	u.dmu.Lock()
	defer u.dmu.Unlock()
	return u.canceled
}

// sendable tells whether method, target and authority can stand in a request line and a Host field: a byte that ends
// either would make another request of it.
func sendable(h *stream.RequestHead) bool {
	if !isToken(h.Method) || len(h.Path) == 0 || !validHost(h.Authority) {
		return false
	}
	for _, c := range h.Path {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}
