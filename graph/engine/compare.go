package engine

import (
	"sync"
	"time"

	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/graph/policy"
	"github.com/millrace/millrace/protocol/message"
)

// comparison brings a primary's reply to the shadow that compares itself with it, whichever comes first.
type comparison struct {
	there chan struct{} // closed when the primary has ended

	mu    sync.Mutex // guards what follows
	reply forked
	over  bool // the shadow has ended
}

// tell gives the primary's end, in run r, to the shadow; it never waits.
func (c *comparison) tell(r *Run, res result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if res.good() && !c.over {
		c.reply = r.fork(res.msg)
	}
	close(c.there)
}

// with compares the shadow's reply m (nil where it failed) with the primary's, for which it waits within the shadow's time.
func (c *comparison) with(shadow *Run, s *plan.Shadow, m *message.Message, counts *TapCounts) {
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.over = true
		c.reply.release()
	}()
	left := time.NewTimer(time.Until(shadow.Deadline))
	defer left.Stop()
	select {
	case <-c.there:
	case <-left.C:
		return
	case <-shadow.Context.Done():
		return
	}
	if c.reply.Message == nil || m == nil {
		return // one of them failed: there is nothing to compare
	}
	if same(s, c.reply.Message, m) {
		counts.Same.Add(1)
	} else {
		counts.Different.Add(1)
	}
}

func same(s *plan.Shadow, a, b *message.Message) bool {
	x, err := a.Content()
	if err != nil {
		return false
	}
	y, err := b.Content()
	if err != nil {
		return false
	}
	for _, c := range s.Compare {
		tolerance := c.Abs
		if c.Exact {
			tolerance = 0
		}
		if !policy.Close(x.Tensor(c.Field), y.Tensor(c.Field), tolerance) {
			return false
		}
	}
	return true
}
