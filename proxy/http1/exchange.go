package http1

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// exchange is the request that a ServerConn serves now, and the response to it.
type exchange struct {
	c      *ServerConn
	head   stream.RequestHead
	hop    hop
	isHead bool

	in      bodyReader // by the goroutine that receives
	readBy  deadline
	wait    func() error // awaitBody, bound once
	bodyErr error        // final

	wmu       sync.Mutex // guards the fields below: Recv writes 100 Continue
	out       bodyWriter
	writeBy   deadline
	continued bool // 100 Continue was sent or need not be
	headSent  bool
	closing   bool // the connection ends after the response
	broken    bool // the response cannot be ended

	received, sent atomic.Int64
	ended          atomic.Bool
	cut            atomic.Bool // the request's body failed: what follows it cannot be read
}

var _ stream.Downstream = (*exchange)(nil)

func (x *exchange) init(c *ServerConn) {
	x.c = c
	x.out.conn = c.conn
	x.readBy.set, x.writeBy.set = c.conn.SetReadDeadline, c.conn.SetWriteDeadline
	x.wait = x.awaitBody
}

// begin makes x ready for the request whose head was parsed.
func (x *exchange) begin(meta *hop) {
	x.hop, x.isHead = *meta, string(x.head.Method) == "HEAD"
	end := byNothing
	switch {
	case meta.chunked:
		end = byChunks
	case x.head.ContentLength > 0:
		end = byLength
	}
	x.in.start(end, max(meta.length, 0), x.c.opts.MaxBodyBytes, x.c.opts.MaxHeaderBytes)
	x.bodyErr = nil
	x.continued = !meta.expect || end == byNothing
	x.headSent, x.broken = false, false
	x.closing = meta.close || x.head.Version == stream.HTTP10 && !meta.keepAlive
	x.out.start(byNothing, 0)
	x.received.Store(0)
	x.sent.Store(0)
	x.ended.Store(false)
	x.cut.Store(false)
}

// Head implements stream.Downstream.
func (x *exchange) Head() *stream.RequestHead { return &x.head }

// Conn implements stream.Downstream.
func (x *exchange) Conn() *stream.ConnInfo { return x.c.info }

// Context implements stream.Downstream. The context has a method NotifyCancel(interface{ Cancel() }) for callers that want
// to be told without an allocation.
func (x *exchange) Context() context.Context { return &x.c.ctx }

// Progress implements stream.Downstream.
func (x *exchange) Progress() stream.Progress {
	x.wmu.Lock()
	defer x.wmu.Unlock()
	return stream.Progress{Received: x.received.Load(), Sent: x.sent.Load(), HeadSent: x.headSent, Ended: x.ended.Load()}
}

// Recv implements stream.Downstream.
func (x *exchange) Recv() (*body.Body, error) {
	if x.bodyErr != nil {
		return nil, x.bodyErr
	}
	b, err := x.in.next(&x.c.rd, x.c.opts.Budget, x.wait)
	x.received.Store(x.in.received)
	switch {
	case err == nil || err == io.EOF:
		return b, err
	case err == io.ErrUnexpectedEOF:
		x.c.ctx.leave()
		err = context.Canceled // the client left
	default:
		if err = ioError("read request body", err); isReset(err) {
			x.c.ctx.leave()
			err = context.Canceled
		}
	}
	x.bodyErr = err
	x.cut.Store(true)
	return nil, err
}

// awaitBody comes before each wait for the client to send more of its body.
func (x *exchange) awaitBody() error {
	if x.hop.expect {
		x.wmu.Lock()
		send := !x.continued && !x.headSent
		x.continued = true
		var err error
		if send {
			x.writeBy.within(x.c.opts.StreamIdle)
			x.out.buf = append(x.out.buf, "HTTP/1.1 100 Continue\r\n\r\n"...)
			err = x.out.flush()
		}
		x.wmu.Unlock()
		if err != nil {
			return err
		}
	}
	x.readBy.within(x.c.opts.StreamIdle)
	return nil
}

// RecvTrailers implements stream.Downstream.
func (x *exchange) RecvTrailers() *stream.Header {
	if !x.in.done || x.in.trailers.Len() == 0 {
		return nil
	}
	return &x.in.trailers
}

// SendInformational implements stream.Downstream. HTTP/1.0 knows no 1xx.
func (x *exchange) SendInformational(h *stream.ResponseHead) error {
	x.wmu.Lock()
	defer x.wmu.Unlock()
	if x.head.Version == stream.HTTP10 || x.headSent || h.Status < 100 || h.Status > 199 || h.Status == http.StatusSwitchingProtocols {
		return nil
	}
	if h.Status == http.StatusContinue {
		if x.continued {
			return nil
		}
		x.continued = true
	}
	x.writeBy.within(x.c.opts.StreamIdle)
	x.out.buf = appendResponse(x.out.buf, h, byNothing, true, "")
	return x.failed(x.out.flush())
}

// SendHead implements stream.Downstream. The head of a response whose length is known waits for the first piece of the
// body, to be written with it.
func (x *exchange) SendHead(h *stream.ResponseHead, end bool) error {
	draining := x.c.ending()
	x.wmu.Lock()
	defer x.wmu.Unlock()
	if x.headSent {
		return x.failed(errHeadTwice)
	}
	x.headSent = true
	if draining || !x.continued || x.cut.Load() {
		// A client that waits for 100 may or may not send its body after this response: what comes next is unclear.
		x.closing = true
	}
	how := byLength
	switch {
	case bodyless(h.Status, x.isHead):
		how = byNothing
		end = true
	case end:
		if how = byNothing; h.ContentLength > 0 {
			return x.failed(errShortBody)
		}
	case h.ContentLength >= 0:
	case x.head.Version == stream.HTTP10:
		how, x.closing = byClose, true
	default:
		how = byChunks
	}
	connection := ""
	switch {
	case x.closing:
		connection = "close"
	case x.head.Version == stream.HTTP10:
		connection = "keep-alive"
	}
	x.out.buf = appendResponse(x.out.buf, h, how, x.isHead, connection)
	x.out.start(how, h.ContentLength)
	if x.out.done = end || how == byLength && h.ContentLength == 0; !x.out.done && how == byLength {
		return nil
	}
	x.writeBy.within(x.c.opts.StreamIdle)
	return x.failed(x.out.flush())
}

// Send implements stream.Downstream.
func (x *exchange) Send(b *body.Body, end bool) error {
	defer b.Release()
	x.wmu.Lock()
	defer x.wmu.Unlock()
	switch {
	case !x.headSent:
		return x.failed(errNoHead)
	case x.broken:
		return stream.ErrReset
	case x.out.done && (b.Len() == 0 || x.out.end == byNothing):
		return nil
	}
	x.writeBy.within(x.c.opts.StreamIdle)
	err := x.out.write(b, end)
	x.sent.Store(x.out.sent)
	return x.failed(err)
}

// SendTrailers implements stream.Downstream.
func (x *exchange) SendTrailers(h *stream.Header) error {
	x.wmu.Lock()
	defer x.wmu.Unlock()
	switch {
	case !x.headSent:
		return x.failed(errNoHead)
	case x.broken:
		return stream.ErrReset
	case x.out.done:
		return nil
	}
	x.writeBy.within(x.c.opts.StreamIdle)
	return x.failed(x.out.trailers(h))
}

// failed notes what an error of writing means, and that the response is whole. x.wmu is held.
func (x *exchange) failed(err error) error {
	if err == nil {
		if x.out.done && x.headSent {
			x.ended.Store(true)
		}
		return nil
	}
	x.broken = true
	if err = ioError("send response", err); isReset(err) {
		x.c.ctx.leave()
	}
	return err
}

// Reset implements stream.Downstream.
func (x *exchange) Reset() {
	x.wmu.Lock()
	defer x.wmu.Unlock()
	if !x.ended.Load() {
		x.broken = true
	}
	x.closing = true
}

// finish ends the request after the handler returned and tells whether the connection can take another.
func (x *exchange) finish() (again bool) {
	x.wmu.Lock()
	closing, ended, untouched := x.closing, x.ended.Load(), !x.continued
	x.wmu.Unlock()
	if !ended {
		x.abort()
		return false
	}
	if x.in.done && !closing {
		return true
	}
	if x.in.done {
		if asked := x.hop.close || x.head.Version == stream.HTTP10; !asked || len(x.c.rd.buffered()) > 0 {
			x.c.linger() // the client may be sending another request, which is not served
		}
		return false
	}
	if closing || untouched || x.bodyErr != nil || !x.discard() {
		x.c.linger()
		return false
	}
	return true
}

const (
	discardBytes = 64 << 10
	discardTime  = 500 * time.Millisecond
)

// discard takes the rest of a request body that the handler did not want, within bounds, so that the next request is read
// from where it starts.
func (x *exchange) discard() bool {
	if x.in.end == byLength && x.in.left > discardBytes {
		return false
	}
	x.in.limit = 0
	start := x.in.received
	x.readBy.exactly(discardTime)
	for !x.in.done {
		b, err := x.in.next(&x.c.rd, nil, noWait)
		b.Release()
		if err != nil && err != io.EOF || x.in.received-start > discardBytes {
			return false
		}
	}
	return true
}

func noWait() error { return nil }

// abort gives an unfinished response up. A body that only the connection's end ends must not look whole, so that end is a
// reset there.
func (x *exchange) abort() {
	x.wmu.Lock()
	defer x.wmu.Unlock()
	if x.headSent && x.out.end == byClose {
		if s, ok := socket(x.c.conn).(interface{ SetLinger(int) error }); ok {
			_ = s.SetLinger(0)
		}
	}
}

// replyRefusal answers a request that was refused before there was one.
func (x *exchange) replyRefusal(breach *stream.ProtocolError) {
	x.wmu.Lock()
	defer x.wmu.Unlock()
	h := stream.ResponseHead{Status: breach.Status, ContentLength: int64(len(breach.Reason) + 1)}
	h.Header.Add("Content-Type", "text/plain; charset=utf-8")
	x.writeBy.exactly(lingerPause)
	x.out.buf = appendResponse(x.out.buf[:0], &h, byLength, false, "close")
	x.out.buf = append(append(x.out.buf, breach.Reason...), '\n')
	_ = x.out.flush()
}
