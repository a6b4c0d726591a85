package router

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/stream"
)

// watch has the try canceled when the client leaves.
func (x *exchange) watch() {
	ctx := x.d.Context()
	if n, ok := ctx.(notifier); ok { // HTTP/1.1 tells without an allocation
		n.NotifyCancel(x.up.Upstream)
		return
	}
	x.leave = context.AfterFunc(ctx, x.up.Upstream.Cancel)
}

type notifier interface {
	NotifyCancel(x interface{ Cancel() })
}

// unwatch ends it: afterwards the connection may serve another request.
func (x *exchange) unwatch() {
	if n, ok := x.d.Context().(notifier); ok {
		n.NotifyCancel(nil)
	} else if x.leave != nil {
		x.leave()
		x.leave = nil
	}
	if x.pump == nil {
		return
	}
	if !x.pump.finished() {
		x.up.Cancel() // a send that waits for the server ends
	}
	x.pump.detach()
}

// receive passes the response on.
func (x *exchange) receive(sendErr error) (*cluster.Error, bool) {
	var h *stream.ResponseHead
	for responded := false; ; responded = true {
		var err error
		if h, err = x.up.RecvHead(); err != nil {
			if sendErr != nil && !responded {
				err = sendErr
			}
			return x.broken(err, responded)
		}
		if h.Status >= 200 {
			break
		}
		if h.Status != 100 { // 100 is between the client and this proxy
			_ = x.d.SendInformational(h)
		}
	}
	x.info.UpstreamHead = x.info.since()
	if x.settle() && x.retry.AfterHead(h) {
		x.unwatch()
		x.up.Cancel()
		x.up.Finish(cluster.Outcome(h.Status))
		return &cluster.Error{Reason: cluster.Reset, Cluster: x.c.Name(), Host: x.attempt.Host(), Tries: x.attempt.Tries(), Limited: true}, true
	}
	if x.retry.Limited() {
		x.info.Flags |= RetryLimitExceeded
	}
	apply(x.m.target.ops.response, &h.Header)
	x.info.Status = h.Status
	if err := x.respond(h); err != nil {
		return nil, false // dealt with
	}
	return nil, false
}

// settle tells whether the request can be sent again: it is complete, and kept.
func (x *exchange) settle() bool {
	if x.whole {
		return true
	}
	if !x.retry.Possible() || !x.pump.finished() {
		return false
	}
	pieces, trailers, ok := x.pump.take()
	if !ok {
		return false
	}
	x.whole, x.pieces, x.trailers = true, append(x.pieces, pieces...), trailers
	return true
}

// broken ends a try that failed before a final head.
func (x *exchange) broken(err error, responded bool) (*cluster.Error, bool) {
	can := x.settle()
	x.unwatch()
	e, unseen := x.up.Fail(err, &x.attempt, x.perTry)
	return e, can && x.retry.AfterError(e, unseen && !responded, responded)
}

// respond sends the head on, and then the body and the trailers as they come.
func (x *exchange) respond(h *stream.ResponseHead) error {
	status, left := h.Status, int64(-1)
	if h.ContentLength >= 0 && h.Version != stream.HTTP2 {
		left = h.ContentLength // no trailers can follow
	}
	if empty := h.ContentLength == 0 || status == 204 || status == 304 || string(x.d.Head().Method) == "HEAD"; empty {
		return x.respondEmpty(h, status)
	}
	if err := x.d.SendHead(h, false); err != nil {
		return x.gone()
	}
	for {
		if x.a.idle > 0 {
			if err := x.limit(time.Time{}); err != nil {
				return x.cut(err)
			}
		}
		b, err := x.up.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return x.cut(err)
		}
		end := false
		if left >= 0 {
			left -= int64(b.Len())
			end = left == 0
		}
		if err := x.d.Send(b, end); err != nil {
			return x.gone()
		}
	}
	x.info.UpstreamDone = x.info.since()
	trailers := x.up.RecvTrailers()
	var err error
	switch {
	case trailers != nil:
		err = x.d.SendTrailers(trailers)
	case left != 0:
		err = x.d.Send(nil, true)
	}
	if err != nil {
		return x.gone()
	}
	x.done(status)
	return nil
}

// respondEmpty sends a response whose head is all of it, but for trailers of HTTP/2.
func (x *exchange) respondEmpty(h *stream.ResponseHead, status int) error {
	b, err := x.up.Recv()
	for ; err == nil; b, err = x.up.Recv() {
		b.Release()
	}
	if err != io.EOF {
		// Nothing of it was sent, so that the failure can still be said.
		x.unwatch()
		e, _ := x.up.Fail(err, &x.attempt, x.perTry)
		x.info.Status = 0
		x.fail(e)
		return err
	}
	x.info.UpstreamDone = x.info.since()
	trailers := x.up.RecvTrailers()
	err = x.d.SendHead(h, trailers == nil)
	if err == nil && trailers != nil {
		err = x.d.SendTrailers(trailers)
	}
	if err != nil {
		return x.gone()
	}
	x.done(status)
	return nil
}

// done ends a try whose response was passed on.
func (x *exchange) done(status int) {
	x.unwatch() // a request that is not complete is given up: the server has had its last word
	x.up.Finish(cluster.Outcome(status))
	x.info.Detail = "via_upstream"
}

// gone ends a try whose client does not take the response.
func (x *exchange) gone() error {
	x.unwatch()
	x.up.Cancel()
	x.up.Finish(cluster.OutcomeUnknown)
	x.left()
	return context.Canceled
}

// cut ends a try whose response ended early: the client must see that.
func (x *exchange) cut(err error) error {
	x.unwatch()
	e, _ := x.up.Fail(err, &x.attempt, x.perTry)
	x.info.Failure = e
	x.info.Flags |= FlagsOf(e)
	x.info.Detail = "upstream_reset_after_response_started{" + strconv.Quote(e.Reason.String()) + "}"
	x.d.Reset()
	return err
}
