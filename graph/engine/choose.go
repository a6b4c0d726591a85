package engine

import (
	"slices"
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/condition"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/graph/policy"
	"github.com/millrace/millrace/protocol/message"
)

// The phases of a chooser, in frame.next.
const (
	preparing = iota // a router or the values of `with` are under way
	running          // the chosen arm, or several
)

// choose prepares a choice: it asks the router or computes the values of `with`, where there are some.
func (r *Run) choose(f *frame, n *plan.Choose) {
	switch {
	case n.By == ast.ByServerRoute:
		f.results = r.newResults(1)
		f.left, f.joined, f.onward = 1, true, true
		r.begin(n.Router, f, 0, f.in, f.scope, f.deadline)
	case len(n.With) > 0:
		r.prepare(f, n)
	default:
		r.pick(f, n)
	}
}

// prepare starts every part of the `with` once, however many values are taken from it.
func (r *Run) prepare(f *frame, n *plan.Choose) {
	f.results = r.newResults(len(n.With))
	f.joined, f.onward = true, true
	for i := range n.With {
		if sourceOf(n, i) == i {
			f.left++
		}
	}
	for i, attempt := 0, f.attempt; i < len(n.With) && !f.done && f.attempt == attempt; i++ {
		if sourceOf(n, i) == i {
			r.begin(n.With[i].Part, f, i, f.in, f.scope, f.deadline)
		}
	}
}

// sourceOf returns the first value with the same part as value i.
func sourceOf(n *plan.Choose, i int) int {
	return slices.IndexFunc(n.With, func(w plan.With) bool { return w.Part == n.With[i].Part })
}

// chosen takes the end of the router, of a value or of an arm.
func (r *Run) chosen(f *frame, n *plan.Choose, slot int, res result) {
	if f.next == preparing {
		f.results[slot] = res
		switch {
		case f.left > 0:
		case firstFailure(f.results).err != nil:
			r.finish(f, firstFailure(f.results))
		case n.By == ast.ByServerRoute:
			r.route(f, n, res.msg)
		default:
			r.pick(f, n)
		}
		return
	}
	switch {
	case f.rows != nil:
		r.groupEnded(f, n, slot, res)
	case len(f.results) > 1: // a router chose all
		f.results[slot] = res
		if f.left > 0 {
			return
		}
		if failed := firstFailure(f.results); failed.err != nil {
			r.finish(f, failed)
			return
		}
		r.finish(f, f.results[0])
	default:
		r.finish(f, res)
	}
}

// route follows a router server's reply by Seldon's rules: one branch, -1 for all, of which the first answers, -2 for none.
func (r *Run) route(f *frame, n *plan.Choose, reply *message.Message) {
	branch, err := r.engine.Servers.Route(reply)
	f.next = running
	switch {
	case err != nil:
		fl := fail(&n.Router.Info, CodeRoute, message.BadReply, "%v", err)
		fl.Cause = err
		r.finish(f, result{err: fl})
	case branch == -1:
		r.decide(n, "-1", 0)
		f.results = r.newResults(len(n.Arms))
		f.left, f.joined, f.onward = len(n.Arms), true, false
		for i, attempt := 0, f.attempt; i < len(n.Arms) && !f.done && f.attempt == attempt; i++ {
			r.begin(n.Arms[i].Part, f, i, f.in, f.scope, f.deadline)
		}
	case branch == -2:
		r.decide(n, "-2", 0)
		r.finish(f, result{msg: f.in})
	case branch < 0 || branch >= len(n.Arms):
		r.finish(f, result{err: fail(&n.Router.Info, CodeRoute, message.BadReply, "the router chose branch %d; there are %d, counted from 0", branch, len(n.Arms))})
	default:
		r.arm(f, n, branch)
	}
}

// arm runs the arm that was chosen, or, for -1, else.
func (r *Run) arm(f *frame, n *plan.Choose, i int) {
	f.next, f.results = running, nil
	if i < 0 {
		r.decide(n, "else", 0)
		if n.Else == nil {
			r.finish(f, result{err: noBranch(n)})
			return
		}
		r.only(f, n.Else, f.in, f.scope)
		return
	}
	r.decide(n, n.Arms[i].Name, 0)
	r.only(f, n.Arms[i].Part, f.in, f.scope)
}

func noBranch(n *plan.Choose) *message.Failure {
	kind := message.InvalidArgument
	if n.NoMatch != 0 {
		kind = message.KindOf(n.NoMatch)
	}
	return fail(&n.Info, CodeNoBranch, kind, "no branch matches the request")
}

// pick chooses an arm, or one for each row.
func (r *Run) pick(f *frame, n *plan.Choose) {
	f.next = running
	if n.Rows != ast.RowsWhole {
		r.pickRows(f, n)
		return
	}
	i, err := r.choice(f, n, -1)
	if err != nil {
		r.finish(f, result{err: conditionFailure(&n.Info, err)})
		return
	}
	r.arm(f, n, i)
}

// choice returns the arm for a row, or for the whole message (row -1); -1 where none matches.
func (r *Run) choice(f *frame, n *plan.Choose, row int) (int, error) {
	r.values = r.values[:0]
	for i := range f.results {
		w := &n.With[i]
		r.values = append(r.values, condition.Value{Name: w.Name, Message: f.results[sourceOf(n, i)].msg, Output: w.Output})
	}
	switch n.By {
	case ast.ByWeight:
		if n.Sticky != nil {
			key, err := n.Sticky.Key(r.on(f.in, nil, row))
			if err != nil {
				return 0, err
			}
			if key != "" {
				return policy.Rendezvous(key, n.Hashes, n.Weights), nil
			}
		}
		return policy.Pick(n.Weights, r.float()), nil
	case ast.ByWish:
		return r.wish(n), nil
	}
	for i := range n.Arms {
		yes, err := n.Arms[i].When.Bool(r.on(f.in, nil, row))
		if err != nil {
			return 0, err
		}
		if yes {
			return i, nil
		}
	}
	return -1, nil
}

// wish returns the arm that the caller named in a header.
func (r *Run) wish(n *plan.Choose) int {
	if r.Head == nil {
		return -1
	}
	wish := strings.TrimSpace(string(r.Head.Get(n.Wish)))
	return slices.IndexFunc(n.Arms, func(a plan.Arm) bool { return a.Name == wish })
}
