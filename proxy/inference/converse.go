package inference

import (
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/oip"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
)

// conversation is a ModelStreamInfer: requests come one after the other, and answers go as they come. What is for the first model that is
// named whose server speaks gRPC is relayed to a stream of the server's own, which may answer a request often or not at all. Every other
// request runs its plan, in the order of requests, as ModelInfer does.
type conversation struct {
	session *session
	frames  frames
	relay   *relay // nil where there is none

	// writing guards the client's side of the stream: the relay and the plans answer side by side.
	writing  sync.Mutex
	headSent bool
	ended    bool

	mu       sync.Mutex      // guards what follows
	asking   *session        // runs its plan
	upstream stream.Upstream // the relay's, while it may be canceled
	canceled bool
}

// converse serves a ModelStreamInfer.
func (s *session) converse() {
	c := &conversation{session: s, frames: frames{recv: s.d.Recv, limit: s.filter.MaxBody}}
	s.own = fields{header: &s.d.Head().Header, authority: s.d.Head().Authority}
	s.fields = &s.own
	s.attach(c)
	defer c.frames.release()
	err := c.listen()
	if c.relay != nil {
		c.relay.end(err)
	}
	c.end(err)
	if done := s.filter.Done; done != nil && c.relay != nil {
		done(c.relay.of, s.info, nil)
	}
}

// attach has c canceled with the session.
func (s *session) attach(c *conversation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conversation = c; s.canceled {
		c.Cancel()
	}
}

// Cancel gives up what is under way: the client left. It may be called by any goroutine.
func (c *conversation) Cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.canceled = true
	if c.asking != nil {
		c.asking.Cancel()
	}
	if c.upstream != nil {
		c.upstream.Cancel()
	}
}

// cancels has Cancel cancel a relay's upstream, until it is called with nil.
func (c *conversation) cancels(up stream.Upstream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.upstream = up; c.canceled && up != nil {
		up.Cancel()
	}
}

// listen takes requests until there are no more; nil is a client that has said all.
func (c *conversation) listen() error {
	s := c.session
	for {
		framed, err := c.frames.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		payload, err := unframe(framed, s.d.Head().Header.Get("grpc-encoding"), s.filter.Budget, s.filter.MaxBody)
		framed.Release()
		if err != nil {
			return err
		}
		err = c.hear(payload)
		payload.Release()
		if err != nil {
			return err
		}
	}
}

// hear has one request answered. An error ends the stream; what is wrong with the request alone is an answer.
func (c *conversation) hear(payload *body.Body) error {
	name, version, err := oip.PeekModel(payload)
	if err != nil {
		return err
	}
	if c.relay != nil && c.relay.is(name, version) {
		return c.relay.send(payload)
	}
	q := sessions.Get().(*session)
	info := router.Info{Start: c.session.info.Start}
	answer := answer{Downstream: c.session.d}
	defer func() {
		answer.body.Release()
		q.release()
	}()
	q.filter, q.d, q.info, q.client = c.session.filter, &answer, &info, c.session.client
	q.address = address{action: infer, dialect: q.client, world: inBody, name: []byte(name), version: []byte(version)}
	q.own = c.session.own
	q.fields = &q.own
	q.wire = message.Wire{Dialect: q.client, Body: payload.Retain(), JSONLength: -1, Native: true, Head: q.fields, ContentType: "application/grpc"}
	if f := q.find(q.filter.Catalog.Snapshot()); f != nil {
		q.refuse(f)
	} else if c.relay == nil && q.relays() {
		r, f := c.open(q, name, version)
		if f == nil {
			c.relay = r
			return r.send(payload)
		}
		q.refuse(f)
	} else {
		c.ask(q)
	}
	if c.relay == nil { // else the relay's are shown
		c.session.info.Graph, c.session.info.Host = info.Graph, info.Host
	}
	return c.tell(q, &answer)
}

// ask runs q's plan, and has it canceled if the client leaves.
func (c *conversation) ask(q *session) {
	c.mu.Lock()
	if c.asking = q; c.canceled {
		q.Cancel()
	}
	c.mu.Unlock()
	q.execute()
	c.mu.Lock()
	c.asking = nil
	c.mu.Unlock()
}

// tell sends what came of q to the client.
func (c *conversation) tell(q *session, a *answer) error {
	budget := c.session.filter.Budget
	if a.body != nil {
		payload := a.body.Slice(prefixBytes, a.body.Len())
		defer payload.Release()
		reply, err := oip.StreamReply(payload, budget)
		if err != nil {
			return err
		}
		defer reply.Release()
		return c.write(reply)
	}
	id := ""
	if content, err := decodeRequest(&q.wire); err == nil {
		id = content.ID
	}
	reply, err := body.Copy(budget, oip.AppendStreamFailure(nil, id, a.why))
	if err != nil {
		return err
	}
	defer reply.Release()
	return c.write(reply)
}

// write sends one message, without its prefix, to the client.
func (c *conversation) write(payload *body.Body) error {
	framed, err := frame(payload, c.session.filter.Budget)
	if err != nil {
		return err
	}
	return c.writeFramed(framed, nil)
}

// writeFramed sends a message with its prefix and takes over the reference. The metadata go with the first one.
func (c *conversation) writeFramed(framed *body.Body, metadata *stream.Header) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.ended {
		framed.Release()
		return io.ErrClosedPipe
	}
	if err := c.headLocked(metadata); err != nil {
		framed.Release()
		return err
	}
	return c.session.d.Send(framed, false)
}

func (c *conversation) headLocked(metadata *stream.Header) error {
	if c.headSent {
		return nil
	}
	c.headSent = true
	h := stream.ResponseHead{Status: http.StatusOK, ContentLength: -1}
	h.Header.Add("content-type", "application/grpc")
	if metadata != nil {
		copyMetadata(&h.Header, metadata)
	}
	return c.session.d.SendHead(&h, false)
}

// end ends the stream, if it has not ended: well, or by what ended it.
func (c *conversation) end(err error) {
	s := c.session
	c.writing.Lock()
	ended := c.ended
	c.writing.Unlock()
	if ended {
		return
	}
	if s.d.Context().Err() != nil {
		s.fail(&message.Failure{Kind: message.Canceled, Detail: "the client left", Flag: "DC"})
		return
	}
	var t stream.Header
	if err == nil {
		t.Add("grpc-status", "0")
	} else {
		f := s.conversationFailure(err)
		s.info.Failure = f
		s.info.Flags |= flags(f.Flag)
		t.Add("grpc-status", itoa(f.Kind.GRPC()))
		t.Add("grpc-message", encodeMessage(f.Error()))
	}
	c.endWith(nil, &t)
}

// endWith ends the stream with these trailers, if it has not ended.
func (c *conversation) endWith(metadata, trailers *stream.Header) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.ended {
		return
	}
	c.ended = true
	s := c.session
	s.info.Status, s.info.Detail = http.StatusOK, "via_upstream"
	err := c.headLocked(metadata)
	if err == nil {
		err = s.d.SendTrailers(trailers)
	}
	_ = s.gone(err)
}

// conversationFailure says why a stream ends before the client's end.
func (s *session) conversationFailure(err error) *message.Failure {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return message.Invalid(CodeFraming, "the stream ends within a message")
	}
	return s.bodyFailure(err)
}

// answer is the client's side as one request of a conversation sees it: it keeps what is sent.
type answer struct {
	stream.Downstream
	headSent bool
	body     *body.Body // the message with its prefix; nil where there is none
	why      string     // there is none
}

// SendHead implements stream.Downstream.
func (a *answer) SendHead(h *stream.ResponseHead, end bool) error {
	a.headSent = true
	if end {
		a.why = decodeMessage(h.Header.Get("grpc-message"))
		if a.why == "" {
			a.why = "its server answered nothing"
		}
	}
	return nil
}

// Send implements stream.Downstream.
func (a *answer) Send(b *body.Body, _ bool) error {
	a.body.Release()
	a.body = b
	return nil
}

// SendTrailers implements stream.Downstream.
func (a *answer) SendTrailers(*stream.Header) error { return nil }

// SendInformational implements stream.Downstream.
func (a *answer) SendInformational(*stream.ResponseHead) error { return nil }

// Reset implements stream.Downstream: the client is gone, and the conversation will see it.
func (a *answer) Reset() { a.why = "canceled" }

// Progress implements stream.Downstream.
func (a *answer) Progress() stream.Progress { return stream.Progress{HeadSent: a.headSent} }
