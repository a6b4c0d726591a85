package router

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/stream"
)

// keepDefault is the size up to which a request's body is kept so that it can be sent again or mirrored.
const keepDefault = 64 << 10

// Forwarder is the terminal of plain routes: it answers from the route itself or streams to a cluster. It is safe for
// concurrent use; Close waits for mirrored requests.
type Forwarder struct {
	shadows  sync.WaitGroup
	shadowed atomic.Int64 // under way

	// MirrorsDropped counts copies that were not sent, because the body is larger than what is kept, too many were under
	// way, or there is no such cluster.
	MirrorsDropped atomic.Uint64
}

// Close waits for the mirrored requests under way.
func (f *Forwarder) Close() { f.shadows.Wait() }

// Serve answers one request by its route's action.
func (f *Forwarder) Serve(d stream.Downstream, m *Match, info *Info) {
	if m.Route == nil {
		Reply(d, info, 404, "", NoRouteFound, "route_not_found")
		return
	}
	switch a := m.Action.(type) {
	case *Local:
		Reply(d, info, 404, "", NoRouteFound, "route_not_found")
	case *Direct:
		var h stream.ResponseHead
		apply(a.ops.response, &h.Header)
		ReplyWith(d, info, &h, a.Status, a.Body, 0, "direct_response")
	case *Redirect:
		var h stream.ResponseHead
		h.Header.Add("location", a.location(m.Route, d.Head(), d.Conn().TLS != nil))
		ReplyWith(d, info, &h, a.status, "", 0, "direct_response")
	case *Forward:
		x := exchanges.Get().(*exchange)
		x.f, x.d, x.m, x.a, x.info = f, d, m, a, info
		x.run()
		x.reset()
		exchanges.Put(x)
	}
}

// exchange forwards one request.
type exchange struct {
	f    *Forwarder
	d    stream.Downstream
	m    *Match
	a    *Forward
	info *Info

	c       *cluster.Cluster
	attempt cluster.Attempt
	retry   cluster.Retrier
	up      cluster.Opened
	bounds  bounds
	due     atomic.Int64 // deadline as Unix nanoseconds; 0 is none
	perTry  bool         // the deadline of the upstream is the try's
	leave   func() bool  // ends the watch for the client's leaving

	// The request, where it is complete before a connection is taken.
	whole    bool
	pieces   []*body.Body
	trailers *stream.Header
	pump     *pump // else

	local stream.ResponseHead
}

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

func (x *exchange) reset() {
	x.attempt.Reset()
	for i, b := range x.pieces {
		b.Release()
		x.pieces[i] = nil
	}
	x.pieces = x.pieces[:0]
	x.f, x.d, x.m, x.a, x.info, x.c, x.pump, x.trailers, x.leave = nil, nil, nil, nil, nil, nil, nil, nil, nil
	x.retry, x.bounds, x.whole, x.perTry = cluster.Retrier{}, bounds{}, false, false
	x.due.Store(0)
	x.local.Reset()
}

func (x *exchange) keep() int64 {
	if x.m.bufferMax > 0 {
		return x.m.bufferMax
	}
	return keepDefault
}

func (x *exchange) run() {
	h := x.d.Head()
	x.c, x.info.Cluster = x.m.target.cluster(h)
	if x.c == nil {
		Reply(x.d, x.info, x.a.notFound, "no such cluster", NoClusterFound, "cluster_not_found")
		return
	}
	x.bounds = x.a.limits(h, x.info.Start)
	x.prepare(h)
	if h.ContentLength == 0 || h.ContentLength > 0 && h.ContentLength <= x.keep() {
		if err := x.readAll(); err != nil {
			x.refuse(err)
			return
		}
	}
	x.retry.Begin(x.c, x.a.retry, false)
	x.attempt.OneConnect = x.a.retry != nil
	x.attempt.Context = x.d.Context()
	for {
		e, again := x.try()
		if e == nil {
			x.retry.End(true)
			break
		}
		if again && x.pause() {
			continue
		}
		x.retry.End(false)
		x.fail(e)
		break
	}
	x.info.Tries = x.attempt.Tries()
	x.info.Host = x.attempt.Host()
	if x.pump != nil {
		x.pump.stop()
	}
}

// prepare changes the head as the route says, once for all tries.
func (x *exchange) prepare(h *stream.RequestHead) {
	h.Header.Del("x-envoy-upstream-rq-timeout-ms")
	if x.a.rewrite != "" {
		x.m.rewritePath(h, x.a.rewrite)
	}
	if t := x.m.target; t.host != "" {
		if x.a.forwarded {
			h.Header.AddBytes([]byte("x-forwarded-host"), h.Authority)
		}
		h.Authority = append(h.Authority[:0], t.host...)
	}
	apply(x.m.target.ops.request, &h.Header)
}

// rewritePath puts to in the place of what the route matched.
func (r *Route) rewritePath(h *stream.RequestHead, to string) {
	path, _ := h.SplitPath()
	cut := len(r.path)
	if r.kind == byRegex {
		cut = 0
	}
	if cut > len(path) {
		return
	}
	h.Header.Del("x-envoy-original-path")
	h.Header.AddBytes([]byte("x-envoy-original-path"), h.Path)
	rest := len(h.Path) - cut
	if grow := len(to) - cut; grow > 0 {
		h.Path = append(h.Path, to[:grow]...) // room; overwritten below
		copy(h.Path[len(to):], h.Path[cut:cut+rest])
	} else {
		copy(h.Path[len(to):], h.Path[cut:])
		h.Path = h.Path[:len(to)+rest]
	}
	copy(h.Path, to)
}

// readAll reads a request that is small.
func (x *exchange) readAll() error {
	x.whole = true
	for {
		b, err := x.d.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		x.pieces = append(x.pieces, b)
	}
	x.trailers = x.d.RecvTrailers()
	x.info.RequestDone = x.info.since()
	return nil
}

// refuse answers a request that could not be read.
func (x *exchange) refuse(err error) {
	var large *body.TooLarge
	var bad *stream.ProtocolError
	switch {
	case errors.As(err, &large):
		Reply(x.d, x.info, 413, "Payload Too Large", 0, "request_payload_too_large")
	case errors.Is(err, body.ErrBudget):
		Reply(x.d, x.info, 503, "out of memory for bodies", OverloadManager, "overload")
	case errors.As(err, &bad):
		Reply(x.d, x.info, bad.Status, bad.Reason, DownstreamProtocolError, bad.Detail)
	case errors.Is(err, context.DeadlineExceeded):
		Reply(x.d, x.info, 408, "request timeout", StreamIdleTimeout, "stream_idle_timeout")
	default:
		x.left()
	}
}

// left notes that the client is gone.
func (x *exchange) left() {
	x.info.Flags |= DownstreamTermination
	x.info.Detail = "downstream_remote_disconnect"
	x.d.Reset()
}

// fail answers when there is no response.
func (x *exchange) fail(e *cluster.Error) {
	e.Limited = x.retry.Limited()
	x.info.Failure = e
	if x.pump != nil && (e.Reason == cluster.Canceled || x.pump.finished()) {
		x.pump.stop() // where the try was canceled, the pump did it or ends with the client
		if err := x.pump.readErr; err != nil {
			x.refuse(err)
			return
		}
	}
	if e.Reason == cluster.Canceled {
		x.left()
		return
	}
	if e.Reason == cluster.Overflow {
		x.local.Header.Add("x-envoy-overloaded", "true")
	}
	status, flags, detail := e.Status(), FlagsOf(e), e.Detail()
	if x.perTry && e.Reason == cluster.PerTryTimeout && x.a.retry == nil {
		flags, detail = StreamIdleTimeout, "stream_idle_timeout" // the route's idle_timeout
	}
	ReplyWith(x.d, x.info, &x.local, status, e.Reason.String(), flags, detail)
}

// pause waits out the retry's back-off and tells whether to go on.
func (x *exchange) pause() bool {
	x.retry.Next(&x.attempt)
	d := x.retry.BackOff()
	if d <= 0 {
		return x.d.Context().Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-x.d.Context().Done():
		return false
	}
}

// try sends the request once and passes the response on. A nil error is a response that was passed on, or whose failure
// was dealt with; again tells that it may be tried again.
func (x *exchange) try() (e *cluster.Error, again bool) {
	if x.whole && x.due.Load() == 0 {
		x.setDue(x.bounds.deadline())
	} else if !x.whole {
		x.setDue(x.bounds.until)
	}
	x.attempt.Deadline = x.deadline()
	up, err := x.c.Open(&x.attempt)
	if err != nil {
		e, ok := err.(*cluster.Error)
		if !ok {
			e = &cluster.Error{Reason: cluster.Reset, Cluster: x.c.Name(), Cause: err}
		}
		return e, x.retry.AfterError(e, false, false)
	}
	x.up = up
	x.info.Host, x.info.Tries = x.attempt.Host(), x.attempt.Tries()
	x.watch()
	sendErr := x.send()
	return x.receive(sendErr)
}

func (x *exchange) setDue(t time.Time) {
	if t.IsZero() {
		x.due.Store(0)
		return
	}
	x.due.Store(t.UnixNano())
}

func (x *exchange) deadline() time.Time {
	if n := x.due.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

// limit sets the try's next deadline: the request's, the policy's per_try_timeout, or the route's idle_timeout.
func (x *exchange) limit(tryEnds time.Time) error {
	t := x.deadline()
	x.perTry = false
	if !tryEnds.IsZero() && (t.IsZero() || tryEnds.Before(t)) {
		t, x.perTry = tryEnds, true
	}
	if x.a.idle > 0 {
		if idle := time.Now().Add(x.a.idle); t.IsZero() || idle.Before(t) {
			t, x.perTry = idle, true
		}
	}
	return x.up.SetDeadline(t)
}

// send sends what there is of the request, and starts the pump for what is to come.
func (x *exchange) send() error {
	var tryEnds time.Time
	if d := x.retry.PerTry(); d > 0 {
		tryEnds = time.Now().Add(d)
	}
	if err := x.limit(tryEnds); err != nil {
		return err
	}
	h := x.d.Head()
	if !x.whole {
		if err := x.up.SendHead(h, false); err != nil {
			return err
		}
		if x.pump == nil {
			x.pump = newPump(x)
		}
		return nil
	}
	last := len(x.pieces) - 1
	if err := x.up.SendHead(h, last < 0 && x.trailers == nil); err != nil {
		return err
	}
	for i, b := range x.pieces {
		if err := x.up.Send(b.Retain(), i == last && x.trailers == nil); err != nil {
			return err
		}
	}
	if x.trailers != nil {
		if err := x.up.SendTrailers(x.trailers); err != nil {
			return err
		}
	}
	x.mirror()
	return nil
}
