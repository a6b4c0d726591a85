package inference

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/inference/catalog"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
)

// session is one request of a client on its way through a plan. It is used again through a pool. A shadow has a session of
// its own that owns nothing.
type session struct {
	filter   *Filter
	d        stream.Downstream
	info     *router.Info
	target   *catalog.Target
	address  address
	client   message.Dialect
	detached bool
	puid     string
	fields   *fields
	own      fields
	wire     message.Wire
	request  *message.Message // &asked once the body is there
	asked    message.Message
	whole    bool   // one server of the client's own protocol gets the request as it was sent
	refusal  int    // of a refusal, where its kind has another
	allow    string // the methods, where another was used
	name     string // as the client named the target
	one      [1]*message.Message
	names    []string
	head     stream.ResponseHead
	run      *engine.Run
	wake     chan struct{}              // see WaitAny
	interim  func(*stream.ResponseHead) // passes a 1xx head on; made once, for the session is used again

	mu       sync.Mutex // guards what follows
	calls    []*pending
	canceled bool
	// conversation, where this is one, is canceled too.
	conversation *conversation
}

var sessions = sync.Pool{New: func() any { return new(session) }}

// fields are the client's header fields, as conditions and calls see them, and the rules by which calls are sent.
type fields struct {
	header    *stream.Header
	authority []byte
	rules     ast.Rules
}

// Get implements message.Head.
func (f *fields) Get(name string) []byte { return f.header.Get(name) }

// detach copies header fields for a shadow that outlives the request.
func detach(h message.Head) message.Head {
	f, ok := h.(*fields)
	if !ok {
		return nil
	}
	own := new(stream.Header)
	own.CopyFrom(f.header)
	return &fields{own, slices.Clone(f.authority), f.rules}
}

// hold keeps p until the session ends.
func (s *session) hold(p *pending) {
	if s.detached {
		return
	}
	s.mu.Lock()
	s.calls = append(s.calls, p)
	s.mu.Unlock()
}

// sent makes call the call of p, and cancels it if the client is gone already.
func (s *session) sent(p *pending, call *cluster.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.call = call
	if s.canceled {
		call.Cancel()
	}
}

// Cancel gives up all calls under way: the client left. It may be called by any goroutine.
func (s *session) Cancel() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.canceled = true
	for _, p := range s.calls {
		p.Cancel()
	}
	if s.conversation != nil {
		s.conversation.Cancel()
	}
}

// canceler is a context that tells without a goroutine.
type canceler interface {
	NotifyCancel(x interface{ Cancel() })
}

// follow has Cancel called when the client leaves, until unfollow is called with the result.
func (s *session) follow() (stop func()) {
	ctx := s.d.Context()
	if n, ok := ctx.(canceler); ok {
		n.NotifyCancel(s)
		return nil
	}
	canceled := make(chan struct{})
	end := context.AfterFunc(ctx, func() {
		s.Cancel()
		close(canceled)
	})
	return func() {
		if !end() {
			<-canceled
		}
	}
}

// unfollow ends what follow began; after it, Cancel is not being called.
func (s *session) unfollow(stop func()) {
	if stop != nil {
		stop()
	} else if n, ok := s.d.Context().(canceler); ok {
		n.NotifyCancel(nil)
	}
}

// note tells the access log which endpoint was asked.
func (s *session) note(c *cluster.Call) {
	if s.info == nil {
		return
	}
	s.info.Host = c.Host()
	s.info.Tries += c.Tries()
}

// release ends the session and gives it back to the pool.
func (s *session) release() {
	for i, p := range s.calls {
		p.close()
		s.calls[i] = nil
	}
	if s.request != nil {
		s.request.Release()
	} else {
		s.wire.Body.Release() // read, and refused before it became a message
	}
	s.head.Reset()
	clear(s.names)
	*s = session{calls: s.calls[:0], names: s.names[:0], head: s.head, interim: s.interim}
	sessions.Put(s)
}

// grpcTimeout renders a duration as gRPC does, rounded up: at most eight digits and a unit.
func grpcTimeout(d time.Duration) string {
	if d <= 0 {
		return "1n"
	}
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{time.Nanosecond, "n"}, {time.Microsecond, "u"}, {time.Millisecond, "m"}, {time.Second, "S"}} {
		if n := (d + u.unit - 1) / u.unit; n < 1e8 {
			return strconv.FormatInt(int64(n), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(d/time.Hour)+1, 10) + "H"
}
