package engine

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/graph/policy"
	"github.com/millrace/millrace/protocol/message"
)

// defaultInFlight bounds the shadows of one tap that are under way at once, where the graph does not say.
const defaultInFlight = 64

// defaultShadowTimeout bounds a shadow, where the graph does not say.
const defaultShadowTimeout = 30 * time.Second

// Taps runs shadows: copies of messages that go elsewhere, each in a goroutine of its own. A shadow holds references, never
// copies, has its own deadline, and does not delay the request that it shadows: where too many are under way it is dropped and
// counted. It is safe for concurrent use.
type Taps struct {
	// Detach returns a copy of a request's header fields that lives on; nil: shadows have none.
	Detach func(message.Head) message.Head
	// Done, where set, is called with the end of each shadow, in its goroutine.
	Done func(s *plan.Shadow, reply *message.Message, err error)

	ctx    context.Context
	cancel context.CancelFunc
	mu     sync.Mutex // guards closed and the start of goroutines against Close
	closed bool
	under  sync.WaitGroup
	counts sync.Map // Shadow.Key → *TapCounts
}

// TapCounts are one shadow's figures.
type TapCounts struct {
	InFlight                      atomic.Int64
	Sent, Dropped, Failed, Passed atomic.Uint64 // Passed: not picked by its percentage
	// Same and Different count the replies that were compared with the primary's.
	Same, Different atomic.Uint64
}

// NewTaps returns the owner of shadows.
func NewTaps() *Taps {
	t := &Taps{}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// Close cancels all shadows and waits for their goroutines.
func (t *Taps) Close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	t.under.Wait()
}

// Wait waits for the shadows that are under way.
func (t *Taps) Wait() { t.under.Wait() }

// Counts returns the figures of a shadow by its key.
func (t *Taps) Counts(key string) *TapCounts {
	if v, ok := t.counts.Load(key); ok {
		return v.(*TapCounts)
	}
	v, _ := t.counts.LoadOrStore(key, new(TapCounts))
	return v.(*TapCounts)
}

// Each calls f with every shadow's key and figures.
func (t *Taps) Each(f func(key string, c *TapCounts)) {
	t.counts.Range(func(key, v any) bool {
		f(key.(string), v.(*TapCounts))
		return true
	})
}

// tap starts the shadows of a message. It never waits.
func (r *Run) tap(f *frame, n *plan.Tap) {
	t := r.engine.Taps
	if t == nil {
		return
	}
	for i := range n.Shadows {
		s := &n.Shadows[i]
		counts := t.Counts(s.Key)
		if !r.tapped(f, s) {
			counts.Passed.Add(1)
			continue
		}
		limit := int64(s.InFlight)
		if limit <= 0 {
			limit = defaultInFlight
		}
		if counts.InFlight.Add(1) > limit || !t.start(r, f, s, counts) {
			counts.InFlight.Add(-1)
			counts.Dropped.Add(1)
			continue
		}
		counts.Sent.Add(1)
	}
}

// tapped tells whether the message is one of the shadow's percentage.
func (r *Run) tapped(f *frame, s *plan.Shadow) bool {
	if s.Percent >= 100 {
		return true
	}
	if s.By != nil {
		r.values = r.values[:0]
		if key, err := s.By.Key(r.on(f.in, nil, -1)); err == nil && key != "" {
			return policy.Share(key, s.Percent)
		}
	}
	return r.float()*100 < s.Percent
}

// start runs one shadow in its own goroutine, unless the taps are closed.
func (t *Taps) start(r *Run, f *frame, s *plan.Shadow, counts *TapCounts) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	in := r.fork(f.in)
	scope := in.Message
	var outer forked
	if f.scope != f.in {
		outer = r.fork(f.scope)
		scope = outer.Message
	}
	var head message.Head
	if t.Detach != nil && r.Head != nil {
		head = t.Detach(r.Head)
	}
	var primary *comparison
	if len(s.Compare) > 0 {
		primary = &comparison{there: make(chan struct{})}
		f.compared = append(f.compared, primary)
	}
	timeout := s.Timeout
	if timeout <= 0 {
		timeout = defaultShadowTimeout
	}
	engine, seed := r.engine, r.Seed
	t.under.Go(func() {
		defer counts.InFlight.Add(-1)
		defer in.release()
		defer outer.release()
		shadow := engine.NewRun(t.ctx)
		defer shadow.Close()
		shadow.Head, shadow.Seed, shadow.Detached = head, seed, true
		shadow.Deadline = time.Now().Add(timeout)
		shadow.held = append(slices.Clip(in.held), outer.held...)
		m, err := shadow.run(s.To, in.Message, scope)
		if err != nil {
			counts.Failed.Add(1)
		}
		if primary != nil {
			primary.with(shadow, s, m, counts)
		}
		if t.Done != nil {
			t.Done(s, m, err)
		}
	})
	return true
}
