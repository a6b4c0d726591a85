package engine

import (
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/message"
)

// Execute runs p on request, which stays the caller's and must live until Close. The reply belongs to the run: it is valid
// until Close unless it is retained. An error is always a *message.Failure that names the graph and the part.
func Execute(run *Run, p *plan.Plan, request *message.Message) (*message.Message, error) {
	if p.Single != nil {
		return run.single(p.Single, request)
	}
	return run.run(p.Root, request, request)
}

// run runs a node of a plan to its end.
func (r *Run) run(n plan.Node, in, scope *message.Message) (*message.Message, error) {
	r.asked, r.outer = in, scope
	r.begin(n, nil, 0, in, scope, r.Deadline)
	for !r.finished {
		r.advance()
	}
	if f := r.root.err; f != nil {
		return nil, f
	}
	return r.root.msg, nil
}

// single is the way of a plan that is one call without policies: start and wait, nothing else.
func (r *Run) single(c *plan.Call, request *message.Message) (*message.Message, error) {
	if err := r.Context.Err(); err != nil {
		return nil, r.failure(&c.Info, err)
	}
	r.one[0] = request
	r.call = Call{Target: c, In: r.one[:], Deadline: r.Deadline, Attempt: 1}
	started := r.now()
	m, err := r.engine.Servers.Start(r, &r.call).Wait()
	r.observe(&r.call, started, err)
	if err != nil {
		return nil, r.failure(&c.Info, err)
	}
	return r.keep(m), nil
}

// advance waits for one call and goes on from its end.
func (r *Run) advance() {
	i := 0
	if len(r.waiting) > 1 && r.hurried() {
		i = r.engine.Servers.WaitAny(r.pendings)
	}
	f := r.waiting[i]
	r.unlist(i)
	r.ended(f)
}

// unlist takes the i-th call off the list of those under way, keeping the order of the others.
func (r *Run) unlist(i int) {
	last := len(r.waiting) - 1
	copy(r.waiting[i:], r.waiting[i+1:])
	copy(r.pendings[i:], r.pendings[i+1:])
	r.waiting[last], r.pendings[last] = nil, nil
	r.waiting, r.pendings = r.waiting[:last], r.pendings[:last]
}

// hurried tells whether the end of one of the calls under way may let something else begin or end, so that the first to end must be
// taken first. Where all of them only fill one join (and joins below it), they are waited for in order.
func (r *Run) hurried() bool {
	top := r.waiting[0].fills()
	for _, f := range r.waiting[1:] {
		if f.fills() != top {
			return true
		}
	}
	return false
}

// fills returns the highest frame above f at which nothing happens before f has ended; f itself where its end matters at once.
func (f *frame) fills() *frame {
	if f.call.Target.Share > 0 {
		return f
	}
	for f.parent != nil && f.parent.joined && !f.onward && f.node.Base().Retry == nil {
		f = f.parent
	}
	return f
}

// ended takes the reply of f's call.
func (r *Run) ended(f *frame) {
	m, err := f.pending.Wait()
	f.pending = nil
	r.observe(&f.call, f.started, err)
	c := f.call.Target
	if err != nil {
		r.finish(f, result{err: r.failure(&c.Info, err)})
		return
	}
	r.finish(f, result{msg: r.keep(m)})
}

// cancel gives up what is under way below f.
func (r *Run) cancel(f *frame) {
	for i := range r.waiting {
		if r.waiting[i].below(f) {
			r.pendings[i].Cancel()
		}
	}
	for i := 0; i < len(r.waiting); {
		w := r.waiting[i]
		if !w.below(f) {
			i++
			continue
		}
		r.unlist(i)
		m, err := w.pending.Wait()
		w.pending, w.done = nil, true
		r.observe(&w.call, w.started, err)
		r.keep(m)
		if err != nil {
			_ = r.failure(&w.call.Target.Info, err) // keeps the reply that came with it
		}
		for a := w; a != f; a = a.parent {
			a.settled(errGivenUp)
			for _, c := range a.compared {
				c.tell(r, result{})
			}
			a.compared = nil
		}
	}
}

func (f *frame) below(top *frame) bool {
	for p := f.parent; p != nil; p = p.parent {
		if p == top {
			return true
		}
	}
	return false
}
