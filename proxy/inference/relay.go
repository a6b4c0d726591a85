package inference

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/inference/catalog"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
)

// relay is the stream to the server of one model within a conversation. One goroutine, which end waits for, takes the server's
// messages to the client as they are; requests go the other way with the model's name replaced.
type relay struct {
	talk          *conversation
	of            *catalog.Target
	name, version string // as the client names the model
	target        message.Target
	attempt       cluster.Attempt
	deadline      time.Time   // of the whole; zero is none
	said          atomic.Bool // the client has said all: from now on the server may not be silent for ever
	done          chan struct{}

	sending sync.Mutex // guards up for those who send, and is held meanwhile
	up      cluster.Opened
	over    bool
}

// relays tells whether q's plan is one call of a server that speaks gRPC and knows the client's names.
func (s *session) relays() bool {
	return s.serverSays() && s.target.Plan.Single.Model.Handle.(*catalog.Model).Native
}

// open opens a stream to the server of q's target.
func (c *conversation) open(q *session, name, version string) (*relay, *message.Failure) {
	call := q.target.Plan.Single
	p := pending{session: q, native: true, model: call.Model.Handle.(*catalog.Model)}
	p.way = p.model.Transport(q.client)
	p.target = message.Target{Model: p.model.Remote, Version: p.model.Version}
	if call.Version != "" {
		p.target.Version = call.Version
	}
	r := &relay{talk: c, of: q.target, name: name, version: version, target: p.target, done: make(chan struct{})}
	if d, ok := router.Deadline(q.d.Head()); ok {
		r.deadline = q.info.Start.Add(d)
	}
	p.deadline = r.deadline
	q.passedHead(&p)
	p.head.ContentLength = -1
	r.attempt = cluster.Attempt{Context: q.d.Context(), Deadline: q.deadline()}
	target := p.way.Cluster.Load()
	if target == nil {
		return nil, failureOf(&cluster.Error{Reason: cluster.NoCluster})
	}
	up, err := target.Open(&r.attempt)
	if err != nil {
		return nil, failureOf(err)
	}
	r.up = up
	if err = up.SetDeadline(r.deadline); err == nil {
		err = up.SendHead(&p.head, false)
	}
	if err != nil {
		e, _ := r.up.Fail(err, &r.attempt, false)
		return nil, failureOf(e)
	}
	c.session.info.Host, c.session.info.Tries = r.attempt.Host(), r.attempt.Tries()
	c.cancels(up.Upstream)
	go r.run()
	return r, nil
}

// is tells whether a request names the relay's model.
func (r *relay) is(name, version string) bool { return r.name == name && r.version == version }

// send sends a request on. That the server takes no more is told by its own end.
func (r *relay) send(payload *body.Body) error {
	budget := r.talk.session.filter.Budget
	renamed, err := renameModel(message.OpenInferenceGRPC, payload.Retain(), &r.target, budget)
	if err != nil {
		return err
	}
	framed, err := frame(renamed, budget)
	renamed.Release()
	if err != nil {
		return err
	}
	r.sending.Lock()
	defer r.sending.Unlock()
	if r.over {
		framed.Release()
		return nil
	}
	_ = r.up.Send(framed, false)
	return nil
}

// end ends the requests, or gives the stream up where err ended the client's, and waits until the server has said all.
func (r *relay) end(err error) {
	r.said.Store(true)
	r.sending.Lock()
	switch {
	case r.over:
	case err != nil:
		r.up.Cancel()
	default:
		_ = r.up.SetDeadline(r.patience())
		_ = r.up.Send(nil, true)
	}
	r.sending.Unlock()
	<-r.done
}

// patience is until when the server's next message is waited for.
func (r *relay) patience() time.Time {
	if !r.said.Load() {
		return r.deadline
	}
	if t := time.Now().Add(streamIdle); r.deadline.IsZero() || t.Before(r.deadline) {
		return t
	}
	return r.deadline
}

// run takes what the server says to the client.
func (r *relay) run() {
	defer close(r.done)
	head, trailers, err := r.receive()
	up := r.detach()
	c := r.talk
	if err != nil {
		e, _ := up.Fail(err, &r.attempt, false)
		if e.Reason == cluster.Canceled {
			return // the conversation says why
		}
		f := failureOf(e)
		var bad *message.Failure
		if errors.As(err, &bad) {
			f = catalog.BadReply(bad)
		}
		trailers = new(stream.Header)
		trailers.Add("grpc-status", itoa(f.Kind.GRPC()))
		trailers.Add("grpc-message", encodeMessage(f.Error()))
	} else {
		up.Finish(cluster.Outcome(head.Status))
	}
	c.endWith(nil, trailers)
}

// detach takes the stream away from those who send on it.
func (r *relay) detach() cluster.Opened {
	r.talk.cancels(nil)
	if !r.said.Load() {
		r.up.Cancel() // a send that waits for the server ends
	}
	r.sending.Lock()
	defer r.sending.Unlock()
	r.over = true
	up := r.up
	r.up = cluster.Opened{}
	return up
}

// receive passes messages on until the stream ends; the trailers are made for the client.
func (r *relay) receive() (head stream.ResponseHead, trailers *stream.Header, err error) {
	for head.Status < 200 {
		h, err := r.up.RecvHead()
		if err != nil {
			return head, nil, err
		}
		head.CopyFrom(h)
	}
	f := frames{limit: r.talk.session.filter.MaxBody, recv: func() (*body.Body, error) {
		if err := r.up.SetDeadline(r.patience()); err != nil {
			return nil, err
		}
		return r.up.Recv()
	}}
	defer f.release()
	for {
		framed, err := f.next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = r.pass(framed, &head)
		}
		if err != nil {
			return head, nil, err
		}
	}
	from := r.up.RecvTrailers()
	if from == nil || !from.Has("grpc-status") {
		from = &head.Header // trailers only
	}
	trailers = new(stream.Header)
	status := from.Get("grpc-status")
	if _, err := strconv.Atoi(string(status)); err != nil {
		kind := kindWithoutStatus(head.Status)
		trailers.Add("grpc-status", itoa(kind.GRPC()))
		trailers.Add("grpc-message", encodeMessage("its server broke gRPC: HTTP "+strconv.Itoa(head.Status)+" and no grpc-status"))
		return head, trailers, nil
	}
	trailers.AddBytes([]byte("grpc-status"), status)
	if m := from.Get("grpc-message"); len(m) > 0 {
		trailers.AddBytes([]byte("grpc-message"), m)
	}
	copyMetadata(trailers, from)
	return head, trailers, nil
}

// pass sends one message of the server to the client, unpacked where it is packed.
func (r *relay) pass(framed *body.Body, head *stream.ResponseHead) error {
	c := r.talk
	flag := framed.Slice(0, 1)
	packed := flag.Bytes()[0] != 0
	flag.Release()
	if packed {
		payload, err := unframe(framed, head.Header.Get("grpc-encoding"), c.session.filter.Budget, c.session.filter.MaxBody)
		framed.Release()
		if err != nil {
			return err
		}
		framed, err = frame(payload, c.session.filter.Budget)
		payload.Release()
		if err != nil {
			return err
		}
	}
	if err := c.writeFramed(framed, &head.Header); err != nil {
		return errors.Join(context.Canceled, err)
	}
	return nil
}
