package engine

import (
	"time"

	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/message"
)

// shared is one call of a pure model whose reply others take as well.
type shared struct {
	class    int
	in       *message.Message
	deadline time.Time
	leader   *frame
	waiters  []*frame
	reply    *message.Message // once it is there
}

// joinShared makes f wait for an identical call, or ends it with that call's reply; false where f is the first.
func (r *Run) joinShared(f *frame, c *plan.Call) bool {
	for i := range r.shared {
		s := &r.shared[i]
		if s.class != c.Share || s.in != f.in || !s.deadline.Equal(f.deadline) {
			continue
		}
		if s.reply != nil {
			r.finish(f, result{msg: s.reply})
		} else {
			s.waiters = append(s.waiters, f)
		}
		return true
	}
	r.shared = append(r.shared, shared{class: c.Share, in: f.in, deadline: f.deadline, leader: f})
	return false
}

// tellShared gives the end of a leader's call to all that wait for it. A failure is told to them and not kept.
func (r *Run) tellShared(f *frame, res result) {
	for i := range r.shared {
		s := &r.shared[i]
		if s.leader != f {
			continue
		}
		waiters := s.waiters
		s.waiters, s.reply = nil, res.msg
		if res.err != nil {
			s.leader, s.class = nil, 0
		}
		for _, w := range waiters {
			r.finish(w, res)
		}
		return
	}
}
