package engine

import (
	"time"

	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/message"
)

// begin runs node on in as child number slot of parent. It may end before begin returns.
func (r *Run) begin(node plan.Node, parent *frame, slot int, in, scope *message.Message, until time.Time) {
	f := r.newFrame()
	f.node, f.parent, f.slot, f.in, f.scope = node, parent, slot, in, scope
	if t := node.Base().Timeout; t > 0 {
		until = earlier(until, time.Now().Add(t))
	}
	f.until = until
	r.attempt(f)
}

// beginMany is begin for an aggregating call, which takes several messages.
func (r *Run) beginMany(c *plan.Call, parent *frame, slot int, in []*message.Message) {
	f := r.newFrame()
	f.node, f.parent, f.slot, f.in, f.many, f.scope = c, parent, slot, in[0], in, parent.scope
	f.until = parent.deadline
	if c.Timeout > 0 {
		f.until = earlier(f.until, time.Now().Add(c.Timeout))
	}
	r.attempt(f)
}

// attempt runs f's node once more.
func (r *Run) attempt(f *frame) {
	info := f.node.Base()
	f.attempt++
	f.deadline = f.until
	f.left, f.next, f.results, f.rows, f.joined, f.onward = 0, 0, nil, nil, false, false
	if info.HasPolicies() {
		if info.Retry != nil && info.Retry.PerTry > 0 {
			f.deadline = earlier(f.until, time.Now().Add(info.Retry.PerTry))
		}
		if fl := r.admit(f, info); fl != nil {
			r.finish(f, result{err: fl})
			return
		}
	}
	r.enter(f)
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// enter starts the node of f.
func (r *Run) enter(f *frame) {
	switch n := f.node.(type) {
	case *plan.Call:
		r.send(f, n)
	case *plan.Chain:
		r.chain(f, n, f.in)
	case *plan.Parallel:
		r.parallel(f, n)
	case *plan.Steps:
		r.steps(f, n)
	case *plan.Choose:
		r.choose(f, n)
	case *plan.Cascade:
		r.cascade(f, n)
	case *plan.Guard:
		r.guard(f, n)
	case *plan.Map:
		m, err := r.mapped(n, f.in)
		r.end(f, m, err)
	case *plan.Answer:
		m, err := r.answer(n, f.in)
		r.end(f, m, err)
	case *plan.Pass:
		m := f.in
		if n.Status != 0 && m.Status() != n.Status {
			m = r.keep(m.WithStatus(n.Status))
		}
		r.finish(f, result{msg: m})
	case *plan.Graph:
		r.only(f, n.Root, f.in, f.in)
	case *plan.Scope:
		r.only(f, n.Part, f.in, f.in)
	case *plan.Original:
		r.only(f, n.Part, f.scope, f.scope)
	case *plan.Tap:
		r.tap(f, n)
		r.only(f, n.Part, f.in, f.scope)
	}
}

// only runs the one child whose end is f's.
func (r *Run) only(f *frame, child plan.Node, in, scope *message.Message) {
	f.left, f.joined, f.onward = 1, true, false
	r.begin(child, f, 0, in, scope, f.deadline)
}

// end ends f with a message or an error.
func (r *Run) end(f *frame, m *message.Message, err error) {
	if err != nil {
		r.finish(f, result{err: r.failure(f.node.Base(), err)})
		return
	}
	r.finish(f, result{msg: m})
}

// send starts a call on f.many, or else on f.in.
func (r *Run) send(f *frame, c *plan.Call) {
	if fl := r.halted(f); fl != nil {
		r.finish(f, result{err: fl})
		return
	}
	if c.Share > 0 && r.joinShared(f, c) {
		return
	}
	in := f.many
	if in == nil {
		f.one[0] = f.in
		in = f.one[:]
	}
	f.call = Call{Target: c, In: in, Deadline: f.deadline, Attempt: f.attempt}
	f.started = r.now()
	f.pending = r.engine.Servers.Start(r, &f.call)
	r.waiting, r.pendings = append(r.waiting, f), append(r.pendings, f.pending)
}

// finish ends f and tells its parent.
func (r *Run) finish(f *frame, res result) {
	f.settled(res.err)
	if res.err != nil {
		if r.again(f, res.err) {
			r.attempt(f)
			return
		}
		if c, ok := f.node.(*plan.Call); ok && c.Tolerate {
			res = r.tolerated(res)
		}
	}
	f.done = true
	if c, ok := f.node.(*plan.Call); ok && c.Share > 0 {
		r.tellShared(f, res)
	}
	p := f.parent
	if p == nil {
		r.root, r.finished = res, true
		return
	}
	p.left--
	switch n := p.node.(type) {
	case *plan.Chain:
		if res.err != nil {
			r.finish(p, res)
			return
		}
		r.chain(p, n, res.msg)
	case *plan.Parallel:
		r.joined(p, n, f.slot, res)
	case *plan.Steps:
		r.stepped(p, n, f.slot, res)
	case *plan.Choose:
		r.chosen(p, n, f.slot, res)
	case *plan.Cascade:
		r.tried(p, n, f.slot, res)
	case *plan.Tap:
		for _, c := range p.compared {
			c.tell(r, res)
		}
		p.compared = nil
		r.finish(p, res)
	default: // a node with one child
		r.finish(p, res)
	}
}

// again tells whether f is to be tried once more after a failure.
func (r *Run) again(f *frame, fl *message.Failure) bool {
	retry := f.node.Base().Retry
	return retry != nil && f.attempt < retry.Attempts && retry.On.Matches(fl) && r.Context.Err() == nil &&
		(f.until.IsZero() || time.Now().Before(f.until))
}

// chain runs the next part on in.
func (r *Run) chain(f *frame, n *plan.Chain, in *message.Message) {
	if f.next == len(n.Parts) {
		r.finish(f, result{msg: in})
		return
	}
	part := n.Parts[f.next]
	f.next++
	f.left, f.joined, f.onward = 1, true, f.next < len(n.Parts)
	r.begin(part, f, 0, in, f.scope, f.deadline)
}
