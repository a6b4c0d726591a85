package engine

import (
	"errors"

	"github.com/millrace/millrace/graph/condition"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/graph/policy"
	"github.com/millrace/millrace/protocol/message"
)

// on sets up the run's environment for conditions over in and, where there is one, a reply.
func (r *Run) on(in, reply *message.Message, row int) *condition.Env {
	r.env = condition.Env{Request: in, Reply: reply, Head: r.Head, Values: r.values, Row: row}
	return &r.env
}

// conditionFailure says that a condition of a node could not be evaluated.
func conditionFailure(at *plan.Info, err error) *message.Failure {
	var f *message.Failure
	if errors.As(err, &f) {
		return name(asFailure(f), at)
	}
	kind := message.InvalidArgument
	if errors.Is(err, condition.ErrNotJSON) {
		kind = message.Internal // KServe's router answers 500
	}
	return fail(at, CodeCondition, kind, "%v", err)
}

// guard goes one of two ways.
func (r *Run) guard(f *frame, n *plan.Guard) {
	r.values = r.values[:0]
	yes, err := n.If.Bool(r.on(f.in, nil, -1))
	if err != nil {
		r.finish(f, result{err: conditionFailure(&n.Info, err)})
		return
	}
	next, arm := n.Then, "then"
	if !yes {
		next, arm = n.Else, "else"
	}
	r.decide(n, arm, 0)
	r.only(f, next, f.in, f.scope)
}

// answer makes a reply without asking anyone.
func (r *Run) answer(n *plan.Answer, in *message.Message) (*message.Message, error) {
	if n.Failure != nil {
		own := *n.Failure
		return nil, &own
	}
	if n.PerRow && len(n.Fields) > 0 {
		request, err := in.Content()
		if err != nil {
			return nil, err
		}
		c, err := policy.Repeat(&message.Content{Tensors: n.Fields, ID: request.ID, Scalar: request.Scalar}, request)
		if err != nil {
			return nil, fail(&n.Info, CodeRows, message.InvalidArgument, "%v", err)
		}
		return r.make(c), nil
	}
	if n.JSON == nil {
		return r.make(&message.Content{Tensors: n.Fields}), nil
	}
	if n.Status == 0 {
		return r.make(&message.Content{Tensors: n.Fields, JSON: n.JSON}), nil
	}
	return r.keep(message.FromWire(jsonWire(n.JSON, n.Status), func(*message.Wire) (*message.Content, error) {
		return &message.Content{Tensors: n.Fields, JSON: n.JSON}, nil
	})), nil
}
