package engine

import (
	"context"
	"sync"
	"time"

	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/message"
)

// Engine is what all runs share. It is safe for concurrent use; its fields must not change after the first run.
type Engine struct {
	Servers Servers
	// Breakers keeps the state of graphs' breakers; nil: policies with a breaker run without.
	Breakers *Breakers
	// Taps runs shadows; nil: no shadow is sent.
	Taps *Taps
}

// Run is the state of one request on its way through a graph. Get one with [Engine.NewRun], set the exported fields that
// matter, call [Execute] once, use the reply, then [Run.Close]. It belongs to one goroutine.
type Run struct {
	// Context bounds the run: its end is a cancel, which Servers watches and the engine looks at before each call.
	Context context.Context
	// Deadline bounds every call; the zero time is none.
	Deadline time.Time
	// Head has the request's header fields for conditions; nil: none.
	Head message.Head
	// Partial makes every part of a merge optional (the caller asked for what there is).
	Partial bool
	// Seed makes random choices repeatable; 0 means random.
	Seed uint64
	// Observer is told about parts; nil is off and costs nothing.
	Observer Observer
	// Handle is the caller's own, for its Servers; a shadow's run has none.
	Handle any
	// Detached says that this is a shadow's run: the request that caused it may have ended.
	Detached bool

	// Decisions are the choices made, in order; valid until Close.
	Decisions []Decision

	engine *Engine
	state
}

// Decision is one choice made: the arm of a chooser, the try of a cascade that was accepted. Rows is the number of rows
// it was made for, 0 for the whole message.
type Decision struct {
	Node plan.Node
	Arm  string
	Rows int
}

// Observer is told about the calls of a run, in the run's goroutine.
type Observer interface {
	CallDone(call *Call, start time.Time, err error)
}

var runs = sync.Pool{New: func() any { return new(Run) }}

// NewRun returns a run for one request, from a pool.
func (e *Engine) NewRun(ctx context.Context) *Run {
	r := runs.Get().(*Run)
	r.engine, r.Context = e, ctx
	return r
}

// Close releases every message that came up in the run, its reply included, and gives the run back to the pool. The
// run must not be used afterwards.
func (r *Run) Close() {
	s := r.state
	s.reset()
	*r = Run{state: s, Decisions: r.Decisions[:0]}
	runs.Put(r)
}

// decide notes a choice.
func (r *Run) decide(n plan.Node, arm string, rows int) {
	r.Decisions = append(r.Decisions, Decision{n, arm, rows})
}
