package engine

import (
	"time"

	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/message"
)

// Servers is how the engine reaches model servers. Its methods are called in the goroutine that runs the graph, and, for
// shadows, in others at the same time: with another Run.
type Servers interface {
	// Start sends the call, or as much of it as can be sent without waiting for the server, and returns at once. It never
	// returns nil; what goes wrong is told by Wait. The call is valid until Wait has returned.
	Start(run *Run, call *Call) Pending
	// WaitAny waits until one of pending, which is not empty, can be waited for without keeping the others from progress,
	// and returns its index. It may return at once where it cannot tell. It ends also when the run's context does.
	WaitAny(pending []Pending) int
	// Route reads a router's reply (method Route): the index of a branch, -1 for all, -2 for none.
	Route(reply *message.Message) (int, error)
}

// Pending is a call under way. The engine calls Wait exactly once for each, also after Cancel; Cancel at most once, before Wait.
type Pending interface {
	// Wait returns the reply, whose reference becomes the run's. The error is a *message.Failure where it can be; a reply with an
	// error status is a failure of kind FailedUpstream with that Reply, whose reference becomes the run's too. Wait ends at the
	// call's deadline (DeadlineExceeded) and when the run's context is done (Canceled) at the latest.
	Wait() (*message.Message, error)
	// Cancel gives the call up; Wait then returns soon.
	Cancel()
}

// Call is one question to a model server.
type Call struct {
	// Target is what is called: model, method, parameters.
	Target *plan.Call
	// In is the message to send: one, and several for the method Aggregate only. The messages are the run's. Content is in
	// the contract's fields; a message that still has its wire form may pass as it is.
	In []*message.Message
	// Deadline bounds the call; the zero time is none.
	Deadline time.Time
	// Attempt counts the part's tries by the graph's retry policy, from 1.
	Attempt int
}
