package engine

import (
	"time"

	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/message"
)

// result is how a part ended: with a message or a failure. A part that did not run has neither.
type result struct {
	msg   *message.Message
	err   *message.Failure
	begun bool // of a step
}

func (r result) good() bool { return r.msg != nil }

// frame is one node under way. Frames belong to the run and live until it is closed.
type frame struct {
	node   plan.Node
	parent *frame
	slot   int // which of the parent's children this is

	in       *message.Message   // what reached the node
	many     []*message.Message // of an aggregating call
	scope    *message.Message   // what entered the innermost Scope
	deadline time.Time          // of this attempt
	until    time.Time          // of the node, all attempts
	attempt  int
	done     bool
	// joined is set where nothing happens before all children under way have ended; onward, where something begins then.
	joined, onward bool

	left    int      // children under way
	next    int      // the next child, or the phase, by the node's type
	results []result // by child
	rows    *rows    // of a chooser or cascade that decides row by row

	compared []*comparison // of a tap: who waits for the primary's reply

	call    Call
	one     [1]*message.Message
	pending Pending
	started time.Time
	settle  func(error) // tells the breaker
}

const framesPerChunk = 8

// newFrame returns a zero frame from the run's memory.
func (r *Run) newFrame() *frame {
	chunk, i := r.frames/framesPerChunk, r.frames%framesPerChunk
	if chunk == len(r.chunks) {
		r.chunks = append(r.chunks, new([framesPerChunk]frame))
	}
	r.frames++
	return &r.chunks[chunk][i]
}

// newResults returns n zero results from the run's memory.
func (r *Run) newResults(n int) []result {
	used := len(r.arena)
	if used+n > cap(r.arena) {
		r.arena, used = make([]result, 0, max(2*cap(r.arena), n, 16)), 0
	}
	r.arena = r.arena[:used+n]
	return r.arena[used : used+n : used+n]
}

// keep makes a message the run's, which releases it on Close.
func (r *Run) keep(m *message.Message) *message.Message {
	if m != nil {
		r.made = append(r.made, m)
	}
	return m
}

// make makes a message of the run's from content.
func (r *Run) make(c *message.Content) *message.Message { return r.keep(message.FromContent(c)) }
