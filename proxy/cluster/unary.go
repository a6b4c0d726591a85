package cluster

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// sendInline is the largest body that Begin sends itself. What is larger may fill the socket and would keep the caller
// from starting its other calls.
const sendInline = 256 << 10

// Request is one buffered request.
type Request struct {
	Cluster *Cluster // nil is an answer of NoCluster
	// Head stays the caller's, who must not change it until the call is closed. Its ContentLength is set from Body and Trailers.
	Head     *stream.RequestHead
	Body     *body.Body     // the call takes its own reference
	Trailers *stream.Header // nil for none; as Head
	// Informational, if not nil, gets each 1xx head but 100 during Wait, in its goroutine; a head is valid until it returns.
	Informational func(*stream.ResponseHead)
	Context       context.Context
	Deadline      time.Time // absolute; zero is none

	Idempotent bool         // may be sent again after a reset before any byte of a response
	Policy     *RetryPolicy // where set, it alone decides
	MaxBody    int64        // bytes of the response's body; 0 is without bound
}

// Call is a request under way. Begin returns it, Close must be called once. Wait, FD and Close belong to one goroutine;
// Cancel may be called by any until Close is called.
type Call struct {
	req      Request
	attempt  Attempt
	retry    Retrier
	up       Opened
	sendErr  error
	failure  error // of opening
	head     stream.ResponseHead
	trailers stream.Header
	writer   body.Writer
	tryEnds  time.Time     // of this try
	async    bool          // a goroutine opens and sends, and closes started
	started  chan struct{} // of this call

	mu       sync.Mutex // guards what follows
	canceled bool
	live     stream.Upstream    // what Cancel cancels
	stop     context.CancelFunc // ends a connect
	wake     chan struct{}      // closed by Cancel; ends a back-off
}

var calls = sync.Pool{New: func() any { return new(Call) }}

// Begin sends a request and returns at once: where there is no connection yet, or the body is large, a goroutine does the
// sending. It never fails; Wait tells. In steady state nothing is allocated.
func Begin(req *Request) *Call {
	c := calls.Get().(*Call)
	c.req = *req
	c.req.Body.Retain()
	if c.req.Head.ContentLength = int64(req.Body.Len()); req.Trailers != nil {
		c.req.Head.ContentLength = -1 // HTTP/1.1 has trailers behind chunks only
	}
	c.attempt.Context, c.attempt.Deadline, c.attempt.OneConnect = req.Context, req.Deadline, req.Policy != nil
	c.retry.Begin(req.Cluster, req.Policy, req.Idempotent)
	if req.Cluster == nil {
		c.failure = &Error{Reason: NoCluster}
		return c
	}
	if req.Body.Len() <= sendInline {
		c.attempt.noDial = true
		c.try()
		c.attempt.noDial = false // another try, in Wait, may make a connection
		if c.failure != errNotReady {
			return c
		}
	}
	c.async, c.started = true, make(chan struct{})
	c.arm()
	go func() {
		defer close(c.started)
		c.try()
	}()
	return c
}

// arm makes connecting cancelable.
func (c *Call) arm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		return
	}
	parent := c.req.Context
	if parent == nil {
		parent = context.Background()
	}
	c.attempt.Context, c.stop = context.WithCancel(parent)
	if c.canceled {
		c.stop()
	}
}

// try opens and sends once. A failed send is kept: the server may have answered before it stopped reading.
func (c *Call) try() {
	c.sendErr, c.failure = nil, nil
	c.tryEnds = c.req.Deadline
	if d := c.retry.PerTry(); d > 0 {
		if t := time.Now().Add(d); c.tryEnds.IsZero() || t.Before(c.tryEnds) {
			c.tryEnds = t
		}
	}
	up, err := c.req.Cluster.Open(&c.attempt)
	if err != nil {
		c.failure = err
		return
	}
	c.up = up
	c.mu.Lock()
	c.live = up.Upstream
	canceled := c.canceled
	c.mu.Unlock()
	if canceled {
		c.up.Cancel()
	}
	if c.sendErr = c.up.SetDeadline(c.tryEnds); c.sendErr != nil {
		return
	}
	noBody, noTrailers := c.req.Body.Len() == 0, c.req.Trailers == nil
	if c.sendErr = c.up.SendHead(c.req.Head, noBody && noTrailers); c.sendErr != nil {
		return
	}
	if !noBody {
		if c.sendErr = c.up.Send(c.req.Body.Retain(), noTrailers); c.sendErr != nil {
			return
		}
	}
	if !noTrailers {
		c.sendErr = c.up.SendTrailers(c.req.Trailers)
	}
}

// Wait returns the response: the head and the trailers (nil for none) are valid until Close; the body (nil where it is
// empty) is the caller's. It retries as the request allows. The error is an [*Error]. It may be called once.
func (c *Call) Wait() (*stream.ResponseHead, *body.Body, *stream.Header, error) {
	h, b, trailers, _, err := c.WaitOr(nil)
	return h, b, trailers, err
}

// WaitOr is Wait for a caller who may want to take the response's body in pieces, as it comes: where piecewise says so of the
// head, and no retry policy may want another try, streams is true, the body is not there yet, and Recv brings it. Nothing is sent again from then on.
func (c *Call) WaitOr(piecewise func(*stream.ResponseHead) bool) (h *stream.ResponseHead, b *body.Body, trailers *stream.Header, streams bool, err error) {
	if c.async {
		<-c.started
		c.async = false
	}
	for {
		failed := c.receiveHead()
		if failed == nil && piecewise != nil && c.req.Policy == nil && piecewise(&c.head) {
			c.retry.End(true)
			return &c.head, nil, nil, true, nil
		}
		if failed == nil {
			b, trailers, failed = c.receiveRest()
		}
		if failed == nil {
			if c.retry.AfterHead(&c.head) && c.pause() {
				b.Release()
				c.again()
				continue
			}
			c.retry.End(true)
			return &c.head, b, trailers, false, nil
		}
		if failed.again && c.pause() {
			c.again()
			continue
		}
		c.retry.End(false)
		return nil, nil, nil, false, failed.Error
	}
}

// Recv returns the next piece of a body that WaitOr left; the caller owns the reference. io.EOF follows the last, and
// Trailers are there then. A piece may be waited for until by; the zero time is for ever. Other errors are *Error and final.
func (c *Call) Recv(by time.Time) (*body.Body, error) {
	if c.up.Upstream == nil {
		return nil, io.EOF
	}
	err := c.up.SetDeadline(by)
	if err == nil {
		var piece *body.Body
		if piece, err = c.up.Recv(); err == nil {
			return piece, nil
		}
	}
	if err != io.EOF {
		return nil, c.broken(err, true).Error
	}
	if t := c.up.RecvTrailers(); t != nil {
		c.trailers.CopyFrom(t)
	}
	c.finish(Outcome(c.head.Status))
	return nil, io.EOF
}

// Trailers returns those of a response that was received by Recv to its end; nil where there are none.
func (c *Call) Trailers() *stream.Header {
	if c.trailers.Len() == 0 {
		return nil
	}
	return &c.trailers
}

// Host returns the address of the endpoint that answered or was tried last, or "".
func (c *Call) Host() string { return c.attempt.Host() }

// Tries returns how many connections were tried or requests sent.
func (c *Call) Tries() int { return c.attempt.tries }

// FD returns the descriptor on which the response's readiness can be polled, or -1. Valid until Wait.
func (c *Call) FD() int {
	if c.async || c.up.Upstream == nil {
		return -1
	}
	return c.up.FD()
}

// Cancel gives the call up: Wait returns soon with the reason Canceled.
func (c *Call) Cancel() {
	c.mu.Lock()
	c.canceled = true
	if c.live != nil {
		c.live.Cancel()
	}
	if c.stop != nil {
		c.stop()
	}
	if c.wake != nil {
		close(c.wake)
		c.wake = nil
	}
	c.mu.Unlock()
}

// Close ends the call, which is given up if it was not waited for.
func (c *Call) Close() {
	if c.async {
		c.Cancel()
		<-c.started
		c.async = false
	}
	if c.up.Upstream != nil {
		c.up.Cancel()
		c.finish(OutcomeUnknown)
	}
	c.retry.End(false)
	if c.stop != nil {
		c.stop()
	}
	c.req.Body.Release()
	c.attempt.Reset()
	c.head.Reset()
	c.trailers.Reset()
	c.req, c.retry, c.sendErr, c.failure = Request{}, Retrier{}, nil, nil
	c.canceled, c.stop = false, nil
	calls.Put(c)
}

// again makes another try, in the goroutine of Wait.
func (c *Call) again() {
	c.retry.Next(&c.attempt)
	c.arm()
	c.try()
}

// pause waits out the back-off and tells whether the call goes on.
func (c *Call) pause() bool {
	d := c.retry.BackOff()
	if d > 0 {
		if !c.req.Deadline.IsZero() && time.Until(c.req.Deadline) <= d {
			return false
		}
		c.sleep(d)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.canceled
}

// sleep waits, unless the call is or becomes canceled.
func (c *Call) sleep(d time.Duration) {
	c.mu.Lock()
	if c.canceled {
		c.mu.Unlock()
		return
	}
	wake := make(chan struct{})
	c.wake = wake
	c.mu.Unlock()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake:
	}
	c.mu.Lock()
	c.wake = nil
	c.mu.Unlock()
}

// finish closes the try.
func (c *Call) finish(out Outcome) {
	c.mu.Lock()
	c.live = nil // from here on the connection may serve another request
	c.mu.Unlock()
	c.up.Finish(out)
}

// failed is a try without a response.
type failed struct {
	*Error
	again bool
}

// receiveHead reads the head of the response of the try that was sent.
func (c *Call) receiveHead() *failed {
	if c.failure != nil {
		return c.unopened()
	}
	responded := false
	for {
		h, err := c.up.RecvHead()
		if err != nil {
			if c.sendErr != nil && !responded {
				err = c.sendErr
			}
			return c.broken(err, responded)
		}
		if responded = true; h.Status >= 200 {
			c.head.CopyFrom(h)
			return nil
		}
		if h.Status != 100 && c.req.Informational != nil { // 100 is between this proxy and the server
			c.req.Informational(h)
		}
	}
}

// receiveRest reads what follows the head.
func (c *Call) receiveRest() (*body.Body, *stream.Header, *failed) {
	b, err := c.receiveBody()
	if err != nil {
		return nil, nil, c.broken(err, true)
	}
	var trailers *stream.Header
	if t := c.up.RecvTrailers(); t != nil {
		c.trailers.CopyFrom(t)
		trailers = &c.trailers
	}
	c.finish(Outcome(c.head.Status))
	return b, trailers, nil
}

func (c *Call) receiveBody() (*body.Body, error) {
	var first *body.Body // a body of one piece is passed on as it is
	c.writer.Limit = c.req.MaxBody
	many := false
	for {
		piece, err := c.up.Recv()
		if err == io.EOF {
			if !many {
				return first, nil
			}
			return c.writer.Body()
		}
		switch {
		case err != nil:
		case c.req.MaxBody > 0 && int64(piece.Len()+first.Len())+c.writer.Len() > c.req.MaxBody:
			piece.Release()
			err = &body.TooLarge{Limit: c.req.MaxBody}
		case first == nil && !many:
			first = piece
			continue
		default:
			if !many {
				many = true
				err = c.writer.Append(first)
				first.Release()
				first = nil
			}
			err = errors.Join(err, c.writer.Append(piece))
			piece.Release()
		}
		if err != nil {
			first.Release()
			c.writer.Discard()
			return nil, err
		}
	}
}

// unopened is the failure of a try for which nothing was opened.
func (c *Call) unopened() *failed {
	e, ok := c.failure.(*Error)
	if !ok {
		e = &Error{Reason: Reset, Cause: c.failure}
	}
	if e.Reason == NoCluster || !c.retry.AfterError(e, false, false) {
		e.Limited = c.retry.limited
		return &failed{e, false}
	}
	return &failed{e, true}
}

// broken is the failure of a try that was sent, or partly.
func (c *Call) broken(err error, responded bool) *failed {
	c.mu.Lock()
	c.live = nil // from here on the connection may serve another request
	c.mu.Unlock()
	e, unseen := c.up.Fail(err, &c.attempt, c.tryEnds != c.req.Deadline)
	again := c.retry.AfterError(e, unseen && !responded, responded)
	e.Limited = c.retry.limited
	return &failed{e, again}
}
