package router

import (
	"io"
	"sync"
	"sync/atomic"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// pump sends a request on while it arrives, in a goroutine of its own. It keeps what it sends while that is little.
type pump struct {
	x    *exchange
	max  int64
	done chan struct{} // closed when the goroutine is about to end

	mu sync.Mutex      // guards up, and is held while something is sent
	up stream.Upstream // nil when there is nobody to send to

	stopping atomic.Bool // nobody wants the rest

	// The goroutine's, valid for others after done.
	kept     []*body.Body
	size     int64
	keeping  bool
	complete bool // the whole request was read
	readErr  error
	trailers *stream.Header
}

// newPump starts the pump of a request whose head was sent to x.up.
func newPump(x *exchange) *pump {
	p := &pump{x: x, max: x.keep(), done: make(chan struct{}), up: x.up.Upstream,
		keeping: x.retry.Possible() || len(x.a.mirrors) > 0}
	go p.run()
	return p
}

func (p *pump) run() {
	defer close(p.done)
	sending := true
	for (sending || p.keeping) && !p.stopping.Load() {
		b, err := p.x.d.Recv()
		switch {
		case err == io.EOF:
			p.end()
			return
		case err != nil:
			p.readErr = err
			p.send(func(up stream.Upstream) error { up.Cancel(); return nil })
			return
		}
		p.keep(b)
		sending = p.send(func(up stream.Upstream) error { return up.Send(b.Retain(), false) }) && sending
		b.Release()
	}
}

// end sends the end of the request, from where the route's timeout counts.
func (p *pump) end() {
	p.complete = true
	p.trailers = p.x.d.RecvTrailers()
	p.x.info.RequestDone = p.x.info.since()
	deadline := p.x.bounds.deadline()
	p.x.setDue(deadline)
	p.send(func(up stream.Upstream) error {
		if err := up.SetDeadline(deadline); err != nil {
			return err
		}
		if p.trailers != nil {
			return up.SendTrailers(p.trailers)
		}
		return up.Send(nil, true)
	})
	if len(p.x.a.mirrors) > 0 {
		if p.keeping {
			p.x.sendMirrors(p.kept, p.trailers)
		} else {
			p.x.f.MirrorsDropped.Add(uint64(len(p.x.a.mirrors)))
		}
	}
}

// keep takes a reference on b while the whole is small.
func (p *pump) keep(b *body.Body) {
	if !p.keeping {
		return
	}
	if p.size += int64(b.Len()); p.size <= p.max {
		p.kept = append(p.kept, b.Retain())
		return
	}
	p.keeping = false
	p.discard()
}

func (p *pump) discard() {
	for _, b := range p.kept {
		b.Release()
	}
	p.kept = nil
}

// send calls f with the upstream and tells whether sending goes on.
func (p *pump) send(f func(stream.Upstream) error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up != nil && f(p.up) == nil
}

// finished tells whether the whole request was read and sent, or could not be.
func (p *pump) finished() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// take hands the kept request over, once, where it is whole.
func (p *pump) take() (pieces []*body.Body, trailers *stream.Header, ok bool) {
	if !p.complete || !p.keeping {
		return nil, nil, false
	}
	pieces, p.kept = p.kept, nil
	return pieces, p.trailers, true
}

// detach takes the upstream away from the pump; a send under way has ended then.
func (p *pump) detach() {
	p.mu.Lock()
	p.up = nil
	p.mu.Unlock()
}

// stop waits for the pump and gives back what it kept. A pump that waits for the client's next piece ends with that.
func (p *pump) stop() {
	p.stopping.Store(true)
	<-p.done
	p.discard()
}
