package engine

import (
	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/graph/policy"
	"github.com/millrace/millrace/protocol/message"
)

// early tells whether a parallel may end before all of its parts have.
func early(n *plan.Parallel) bool { return n.Combine.By == ast.First || n.Need > 0 }

// fanOut begins all parts on what reached f.
func (r *Run) fanOut(f *frame, parts []plan.Node, joined bool) {
	f.results = r.newResults(len(parts))
	f.left, f.joined = len(parts), joined
	for i, attempt := 0, f.attempt; i < len(parts); i++ {
		if f.done || f.attempt != attempt || f.next != 0 {
			return // it has ended, or gone on, with what the parts before this one gave
		}
		r.begin(parts[i], f, i, f.in, f.scope, f.deadline)
	}
}

// parallel begins all parts; KServe's Ensemble may have none.
func (r *Run) parallel(f *frame, n *plan.Parallel) {
	if len(n.Parts) == 0 {
		r.combine(f, n)
		return
	}
	f.onward = n.Combine.By == ast.ByServer
	r.fanOut(f, n.Parts, !early(n))
}

// joined takes the end of a part of a parallel.
func (r *Run) joined(f *frame, n *plan.Parallel, slot int, res result) {
	if f.next != 0 { // the combiner server's reply
		r.finish(f, res)
		return
	}
	f.results[slot] = res
	switch {
	case n.Combine.By == ast.First:
		switch {
		case res.good():
			f.next = 1
			r.cancel(f)
			r.decide(n, n.Parts[slot].Base().Name, 0)
			r.finish(f, res)
		case f.left == 0:
			r.finish(f, firstFailure(f.results))
		}
	case n.Need > 0:
		good := 0
		for i := range f.results {
			if f.results[i].good() {
				good++
			}
		}
		switch {
		case good >= n.Need:
			f.next = 1
			r.cancel(f)
			r.combine(f, n)
		case good+f.left < n.Need:
			f.next = 1
			r.cancel(f)
			first := firstFailure(f.results).err
			fl := fail(&n.Info, CodeQuorum, quorumKind(f.results), "%d of %d parts are needed, and too few answered; the first that failed: %s", n.Need, len(n.Parts), reason(first))
			fl.Cause = first
			r.finish(f, result{err: fl})
		}
	case f.left == 0:
		f.next = 1
		r.combine(f, n)
	}
}

// quorumKind blames the request only where every part that failed does.
func quorumKind(results []result) message.Kind {
	for _, res := range results {
		if res.err != nil && res.err.Kind != message.InvalidArgument {
			return message.Unavailable
		}
	}
	return message.InvalidArgument
}

func firstFailure(results []result) result {
	for _, res := range results {
		if res.err != nil {
			return res
		}
	}
	return result{}
}

// combine makes one reply of those that came.
func (r *Run) combine(f *frame, n *plan.Parallel) {
	for i, res := range f.results {
		if res.err != nil && n.Need == 0 && !(n.Parts[i].Base().Optional || r.Partial && n.Rules == ast.Own) {
			r.finish(f, result{err: res.err})
			return
		}
	}
	good := 0
	for _, res := range f.results {
		if res.good() {
			good++
		}
	}
	if good == 0 && len(f.results) > 0 {
		r.finish(f, firstFailure(f.results))
		return
	}
	switch n.Combine.By {
	case ast.FirstIn:
		for _, res := range f.results {
			if res.good() {
				r.finish(f, res)
				return
			}
		}
	case ast.ByServer:
		in := make([]*message.Message, 0, good)
		for _, res := range f.results {
			if res.good() {
				in = append(in, res.msg)
			}
		}
		f.left, f.joined, f.onward = 1, true, false
		r.beginMany(n.Combine.Server, f, len(n.Parts), in)
	case ast.Merge:
		r.finish(f, result{msg: r.merge(f, n, good)})
	case ast.JSONObject:
		m, err := r.jsonObject(f, n)
		r.end(f, m, err)
	default:
		m, err := r.compute(f, n, good)
		r.end(f, m, err)
	}
}

// merge names the replies; none is decoded.
func (r *Run) merge(f *frame, n *plan.Parallel, good int) *message.Message {
	c := &message.Content{Parts: make([]message.Part, 0, good), Errors: partErrors(f, n)}
	for i, res := range f.results {
		if res.good() {
			c.Parts = append(c.Parts, message.Part{Name: n.Parts[i].Base().Name, Message: res.msg.Retain()})
		}
	}
	return r.make(c)
}

// partErrors are the parts that a partial answer is without.
func partErrors(f *frame, n *plan.Parallel) []message.PartError {
	var errs []message.PartError
	for i, res := range f.results {
		if res.err != nil {
			errs = append(errs, message.PartError{Part: n.Parts[i].Base().Name, Failure: res.err})
		}
	}
	return errs
}

// compute combines decoded replies to tensors.
func (r *Run) compute(f *frame, n *plan.Parallel, good int) (*message.Message, error) {
	parts := make([]policy.Part, 0, good)
	tie := -1
	for i, res := range f.results {
		if !res.good() {
			continue
		}
		c, err := res.msg.Content()
		if err != nil {
			return nil, name(asFailure(err), n.Parts[i].Base())
		}
		if i == n.Combine.Tie {
			tie = len(parts)
		}
		parts = append(parts, policy.Part{Name: n.Parts[i].Base().Name, Content: c, Weight: n.Combine.Weights[i]})
	}
	var out *message.Content
	var err error
	switch n.Combine.By {
	case ast.Mean:
		out, err = policy.Mean(parts, n.Combine.Field)
	case ast.Vote:
		out, err = policy.Vote(parts, n.Combine.Field, tie)
	default:
		out, err = policy.Concat(parts)
	}
	if err != nil {
		return nil, fail(&n.Info, CodeCombine, message.BadReply, "%v", err)
	}
	out.Errors = partErrors(f, n)
	return r.make(out), nil
}
