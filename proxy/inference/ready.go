package inference

import (
	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// WaitAny implements engine.Servers. It is asked where a reply lets something else begin or end, and each call is then
// received by a goroutine of its own: polling sockets would tell of the first byte of a reply where the last one matters, and
// nothing of HTTP/2, of TLS and of connections that are still being made. Joins that wait for all never come here.
func (servers) WaitAny(list []engine.Pending) int {
	var wake chan struct{}
	for _, e := range list {
		p := e.(*pending)
		if p.call == nil {
			continue
		}
		if wake = p.session.wakes(); p.received == nil {
			p.receive(wake)
		}
	}
	for {
		for i, e := range list {
			if e.(*pending).there() {
				return i
			}
		}
		<-wake
	}
}

// wakes returns the channel on which the session is told of a reply; it has room for one word, and may tell of a reply of
// the session before.
func (s *session) wakes() chan struct{} {
	if s.wake == nil {
		s.wake = make(chan struct{}, 1)
	}
	return s.wake
}

// reception is what a goroutine received for a pending.
type reception struct {
	done     chan struct{} // closed when what follows is there
	head     *stream.ResponseHead
	body     *body.Body
	trailers *stream.Header
	err      error
}

// receive has a goroutine wait for the reply. Whoever waits for p or closes it waits for the goroutine.
func (p *pending) receive(wake chan<- struct{}) {
	r := &reception{done: make(chan struct{})}
	p.received = r
	call := p.call
	go func() {
		r.head, r.body, r.trailers, r.err = call.Wait()
		close(r.done)
		select {
		case wake <- struct{}{}:
		default:
		}
	}()
}

// there tells whether Wait would not wait.
func (p *pending) there() bool {
	if p.call == nil {
		return true
	}
	select {
	case <-p.received.done:
		return true
	default:
		return false
	}
}

// response waits for the response, here or by the goroutine that is at it.
func (p *pending) response() (h *stream.ResponseHead, b *body.Body, trailers *stream.Header, streams bool, err error) {
	r := p.received
	if r == nil {
		if p.session.streams(p) {
			return p.call.WaitOr(piecewise)
		}
		h, b, trailers, err = p.call.Wait()
		return h, b, trailers, false, err
	}
	<-r.done
	b = r.body
	r.body = nil // the caller's
	return r.head, b, r.trailers, false, r.err
}
