package engine

import (
	"strings"

	"github.com/millrace/millrace/graph/condition"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// steps begins every step that takes from the request only.
func (r *Run) steps(f *frame, n *plan.Steps) {
	f.results = r.newResults(len(n.Steps))
	r.ready(f, n)
}

// ready begins every step whose sources have ended, until there is none, and ends f when all have.
func (r *Run) ready(f *frame, n *plan.Steps) {
	if f.next != 0 { // an outer call of ready is at it
		f.next = 2
		return
	}
	for again, attempt := true, f.attempt; again; {
		f.next = 1
		for i := range n.Steps {
			if f.results[i].begun || !f.sourcesEnded(&n.Steps[i]) {
				continue
			}
			f.results[i].begun = true
			r.step(f, n, i)
			if f.done || f.attempt != attempt {
				return
			}
		}
		again = f.next == 2
	}
	f.next = 0
	f.joined = true
	for i := range f.results {
		f.joined = f.joined && f.results[i].begun
	}
	if f.joined && f.left == 0 {
		m, err := r.out(f, n)
		r.end(f, m, err)
	}
}

// ended tells whether a step has ended: with a reply, with a failure, or skipped.
func (res *result) ended() bool { return res.msg != nil || res.err != nil }

func (f *frame) sourcesEnded(s *plan.Step) bool {
	for _, from := range s.After {
		if !f.results[from].ended() {
			return false
		}
	}
	return true
}

// skipped stands in place of the failure of a step that did not run.
var skipped = &message.Failure{}

// step begins one step, or skips it.
func (r *Run) step(f *frame, n *plan.Steps, i int) {
	s := &n.Steps[i]
	f.left++
	for _, from := range s.After {
		if f.results[from].err != nil { // it cannot have what it takes or looks at
			r.stepEnded(f, n, i, result{err: skipped})
			return
		}
	}
	if s.When != nil {
		yes, err := s.When.Bool(r.stepEnv(f, n, s.After))
		if err != nil {
			r.stepEnded(f, n, i, result{err: conditionFailure(s.Part.Base(), err)})
			return
		}
		if !yes {
			r.stepEnded(f, n, i, result{err: skipped})
			return
		}
	}
	in := f.in
	if len(s.In) > 0 {
		m, err := r.bind(f, n, s.In, false)
		if err != nil {
			r.stepEnded(f, n, i, result{err: name(asFailure(err), s.Part.Base())})
			return
		}
		in = m
	}
	r.begin(s.Part, f, i, in, f.scope, f.deadline)
}

func (r *Run) stepEnded(f *frame, n *plan.Steps, i int, res result) {
	f.left--
	r.stepped(f, n, i, res)
}

// stepEnv lets a condition see the steps before it by name.
func (r *Run) stepEnv(f *frame, n *plan.Steps, after []int) *condition.Env {
	r.values = r.values[:0]
	for _, i := range after {
		r.values = append(r.values, condition.Value{Name: n.Steps[i].Name, Message: f.results[i].msg})
	}
	return r.on(f.in, nil, -1)
}

// stepped takes the end of a step.
func (r *Run) stepped(f *frame, n *plan.Steps, i int, res result) {
	res.begun = true
	f.results[i] = res
	r.ready(f, n)
}

// out makes the reply of the steps. Steps that did not fail go on whatever happens elsewhere, and the first failure in the order of
// the steps is the failure of all, but for optional steps.
func (r *Run) out(f *frame, n *plan.Steps) (*message.Message, error) {
	for i := range n.Steps {
		if err := f.results[i].err; err != nil && err != skipped && !n.Steps[i].Part.Base().Optional {
			return nil, err
		}
	}
	if len(n.Out) > 0 {
		return r.bind(f, n, n.Out, true)
	}
	for i := len(n.Steps) - 1; i >= 0; i-- {
		if f.results[i].good() {
			return f.results[i].msg, nil
		}
	}
	return nil, fail(&n.Info, CodeNothing, message.Unavailable, "no step that could give the reply has run")
}

// bind makes a message of fields taken from the request and from steps. With partial, fields of steps that did not run are left
// out, and those that failed are told.
func (r *Run) bind(f *frame, n *plan.Steps, bindings []plan.Binding, partial bool) (*message.Message, error) {
	if len(bindings) == 1 && bindings[0].Field == "" && bindings[0].Output == "" {
		if m := f.source(&bindings[0]); m != nil {
			return m, nil // all of one value: as it is
		}
	}
	c := &message.Content{}
	if !partial || f.in.Decoded() {
		request, err := f.in.Content()
		if err != nil {
			return nil, err
		}
		c.Model, c.Version, c.ID, c.Parameters, c.Scalar = request.Model, request.Version, request.ID, request.Parameters, request.Scalar
	}
	if partial {
		c.Parameters = nil
	}
	told := map[int]bool{}
	for i := range bindings {
		b := &bindings[i]
		m := f.source(b)
		if m == nil {
			if err := f.results[b.From].err; err != skipped && !told[b.From] {
				told[b.From] = true
				c.Errors = append(c.Errors, message.PartError{Part: n.Steps[b.From].Name, Failure: err})
			}
			continue
		}
		from, err := m.Content()
		if err != nil {
			return nil, err
		}
		if b.Output == "" && b.Field == "" {
			c.Tensors = append(c.Tensors, from.Tensors...)
			continue
		}
		t, err := output(from, b, n)
		if err != nil {
			return nil, err
		}
		c.Tensors = append(c.Tensors, t)
	}
	if len(c.Tensors) == 0 {
		return nil, fail(&n.Info, CodeNothing, message.Unavailable, "no step that could give the reply has run")
	}
	return r.make(c), nil
}

// source returns the value that a binding takes from, or nil where that step did not run.
func (f *frame) source(b *plan.Binding) *message.Message {
	if b.From == plan.Request {
		return f.in
	}
	return f.results[b.From].msg
}

// output returns the field that a binding takes, under its new name. Without an output it is the value's answer.
func output(from *message.Content, b *plan.Binding, n *plan.Steps) (tensor.Tensor, error) {
	t := from.Tensor(b.Output)
	if b.Output == "" {
		if t = from.Tensor(from.Answer); t == nil && len(from.Tensors) > 0 {
			t = &from.Tensors[0]
		}
	}
	for _, p := range from.Parts { // part.output of a merge
		if part, out, ok := strings.Cut(b.Output, "."); t == nil && ok && part == p.Name {
			c, err := p.Message.Content()
			if err != nil {
				return tensor.Tensor{}, err
			}
			t = c.Tensor(out)
		}
	}
	if t == nil {
		source := "request"
		if b.From != plan.Request {
			source = n.Steps[b.From].Name
		}
		kind := message.BadReply
		if b.From == plan.Request {
			kind = message.InvalidArgument
		}
		return tensor.Tensor{}, &message.Failure{Code: CodeMissing, Kind: kind, Detail: "field " + b.Field + " takes " + source + "." + b.Output + ", which is not there; there is " + namesOf(from)}
	}
	out := *t
	if b.Field != "" {
		out.Name = b.Field
	}
	return out, nil
}

// namesOf lists the fields of a content for people.
func namesOf(c *message.Content) string {
	var all []string
	for i := range c.Tensors {
		all = append(all, c.Tensors[i].Name)
	}
	for _, p := range c.Parts {
		all = append(all, p.Name)
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}
