package engine_test

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/message"
)

// never is later than anything in these tests.
const never = time.Duration(1) << 60

// value is a message as the naive evaluator knows it. Only a plain one has the field v that conditions read.
type value struct {
	text  string
	plain bool
}

// outcome is how a part ended, and what was asked on the way.
type outcome struct {
	value  value
	failed string // the part and kind; empty for a good reply
	kind   message.Kind
	end    time.Duration
	calls  []asked
}

// naive evaluates a graph as its documentation reads, with virtual time and nothing else.
type naive struct {
	models  map[string]script
	delays  func(part string) time.Duration
	cancel  time.Duration
	partial bool
	// tied is set where a quorum was decided by several parts that ended at one time, as they do at a deadline or a cancel:
	// either may then come first.
	tied bool
}

func fails(part string, kind message.Kind, end time.Duration, calls []asked) outcome {
	return outcome{failed: fmt.Sprintf("%s %d", part, kind), kind: kind, end: end, calls: calls}
}

func (n *naive) eval(p ast.Part, in, original value, t, deadline time.Duration) outcome {
	b := p.Base().Policies
	if b.Timeout > 0 {
		deadline = min(deadline, t+b.Timeout)
	}
	attempts := 1
	if b.Retry != nil {
		attempts = b.Retry.Attempts
	}
	var calls []asked
	for attempt := 1; ; attempt++ {
		limit := deadline
		if b.Retry != nil && b.Retry.PerTryTimeout > 0 {
			limit = min(deadline, t+b.Retry.PerTryTimeout)
		}
		o := n.once(p, in, original, t, limit)
		calls = append(calls, o.calls...)
		o.calls = calls
		retried := o.failed != "" && attempt < attempts && o.kind != message.Canceled && o.kind.HTTP() >= 502 && o.end < n.cancel && o.end < deadline
		if !retried {
			if c, ok := p.(*ast.Call); ok && c.Tolerate && o.failed != "" && o.kind != message.Canceled {
				o.value, o.failed = value{text: fmt.Sprint("tolerated ", o.kind.HTTP())}, ""
			}
			return o
		}
		t = o.end
	}
}

func (n *naive) once(p ast.Part, in, original value, t, deadline time.Duration) outcome {
	switch p := p.(type) {
	case *ast.Call:
		return n.call(p, []value{in}, t, deadline)
	case *ast.Chain:
		var calls []asked
		for _, part := range p.Parts {
			o := n.eval(part, in, original, t, deadline)
			calls = append(calls, o.calls...)
			if o.calls = calls; o.failed != "" {
				return o
			}
			in, t = o.value, o.end
		}
		return outcome{value: in, end: t, calls: calls}
	case *ast.Parallel:
		return n.parallel(p, in, original, t, deadline)
	case *ast.Cascade:
		return n.cascade(p, in, original, t, deadline)
	case *ast.Choose:
		for i := range p.Arms {
			yes, ok := holds(p.Arms[i].When, in)
			if !ok {
				return fails(p.Label, message.InvalidArgument, t, nil)
			}
			if yes {
				return n.eval(p.Arms[i].Part, in, original, t, deadline)
			}
		}
		if p.Else == nil {
			return fails(p.Label, message.InvalidArgument, t, nil)
		}
		return n.eval(p.Else, in, original, t, deadline)
	case *ast.Guard:
		yes, ok := holds(p.If, in)
		if !ok {
			return fails(p.Label, message.InvalidArgument, t, nil)
		}
		if yes {
			return n.eval(p.Then, in, original, t, deadline)
		}
		return n.eval(p.Else, in, original, t, deadline)
	case *ast.Steps:
		return n.steps(p, in, original, t, deadline)
	case *ast.Scope:
		return n.eval(p.Part, in, in, t, deadline)
	case *ast.Original:
		return n.eval(p.Part, original, original, t, deadline)
	case *ast.Pass:
		return outcome{value: in, end: t}
	}
	panic("unknown part")
}

// holds evaluates the one kind of condition that the generator makes: v.contains("…").
func holds(c *ast.Condition, v value) (yes, ok bool) {
	word := strings.TrimSuffix(strings.TrimPrefix(c.Text, `v.contains("`), `")`)
	return strings.Contains(v.text, word), v.plain
}

func (n *naive) call(c *ast.Call, in []value, t, deadline time.Duration) outcome {
	switch s := n.models[c.Model]; {
	case t >= n.cancel:
		return fails(c.Label, message.Canceled, t, nil)
	case t >= deadline:
		return fails(c.Label, message.DeadlineExceeded, t, nil)
	default:
		calls := []asked{{c.Model, t}}
		switch end := t + n.delays(c.Label); {
		case n.cancel <= min(end, deadline):
			return fails(c.Label, message.Canceled, n.cancel, calls)
		case deadline < end:
			return fails(c.Label, message.DeadlineExceeded, deadline, calls)
		case s.fail != nil:
			return fails(c.Label, s.fail.Kind, end, calls)
		default:
			var texts []string
			for _, v := range in {
				texts = append(texts, v.text)
			}
			return outcome{value: value{text: c.Model + "(" + strings.Join(texts, ",") + ")", plain: true}, end: end, calls: calls}
		}
	}
}

func (n *naive) parallel(p *ast.Parallel, in, original value, t, deadline time.Duration) outcome {
	all := make([]outcome, len(p.Parts))
	order := make([]int, len(p.Parts))
	end, ender := t, len(p.Parts)
	for i, part := range p.Parts {
		all[i], order[i] = n.eval(part, in, original, t, deadline), i
		end = max(end, all[i].end)
	}
	made := slices.Clone(all)
	need := p.Need
	if p.Combine.By == ast.First {
		need = 1
	}
	good, bad := 0, 0
	if need > 0 { // the first `need` good replies, in order of time
		sort.SliceStable(order, func(a, b int) bool { return all[order[a]].end < all[order[b]].end })
		for k, i := range order {
			if all[i].failed == "" {
				good++
			} else {
				bad++
			}
			if good == need || len(all)-bad < need {
				end, ender = all[i].end, i
				for _, j := range order {
					n.tied = n.tied || j != i && all[j].end == end && end > t
				}
				for _, j := range order[k+1:] {
					all[j] = outcome{failed: "given up"}
				}
				break
			}
		}
	}
	var calls []asked
	for i, o := range made {
		for _, c := range o.calls {
			if c.at < end || c.at == end && i <= ender { // parts before the one that ended it all were begun at the same time
				calls = append(calls, c)
			}
		}
	}
	if need > 0 {
		if good < need {
			kind := message.InvalidArgument
			for i := range all {
				switch {
				case all[i].failed == "" || all[i].failed == "given up":
				case p.Combine.By == ast.First:
					o := all[i]
					o.end, o.calls = end, calls
					return o
				case all[i].kind != message.InvalidArgument:
					kind = message.Unavailable
				}
			}
			return fails(p.Label, kind, end, calls)
		}
	}
	optional := func(i int) bool { return need > 0 || n.partial || p.Parts[i].Base().Policies.Optional }
	var texts, errors []string
	var values []value
	first := -1
	for i, o := range all {
		switch {
		case o.failed == "":
			texts, values = append(texts, p.Parts[i].Base().Label+":"+o.value.text), append(values, o.value)
		case !optional(i):
			o.end, o.calls = end, calls
			return o
		case o.failed == "given up":
		default:
			errors = append(errors, "!"+p.Parts[i].Base().Label)
			if first < 0 {
				first = i
			}
		}
	}
	if len(values) == 0 {
		o := all[first]
		o.end, o.calls = end, calls
		return o
	}
	switch p.Combine.By {
	case ast.First, ast.FirstIn:
		return outcome{value: values[0], end: end, calls: calls}
	case ast.ByServer:
		o := n.call(p.Combine.Server, values, end, deadline)
		o.calls = append(calls, o.calls...)
		return o
	}
	sort.Strings(errors)
	return outcome{value: value{text: "{" + strings.Join(append(texts, errors...), " ") + "}"}, end: end, calls: calls}
}

func (n *naive) cascade(p *ast.Cascade, in, original value, t, deadline time.Duration) outcome {
	var calls []asked
	for i := range p.Tries {
		o := n.eval(p.Tries[i].Part, in, original, t, deadline)
		calls = append(calls, o.calls...)
		o.calls, t = calls, o.end
		accepted := o.failed == ""
		if accepted && p.Tries[i].Accept != nil {
			word := strings.TrimSuffix(strings.TrimPrefix(p.Tries[i].Accept.Text, `out.v.contains("`), `")`)
			accepted = strings.Contains(o.value.text, word) && o.value.plain
			if !o.value.plain {
				o = fails(p.Tries[i].Part.Base().Label, message.InvalidArgument, t, calls)
			}
		}
		if accepted || i == len(p.Tries)-1 && p.Else == nil {
			return o
		}
	}
	o := n.eval(p.Else, in, original, t, deadline)
	o.calls = append(calls, o.calls...)
	return o
}

func (n *naive) steps(p *ast.Steps, in, original value, t, deadline time.Duration) outcome {
	all := map[string]outcome{}
	var calls []asked
	end := t
	var failure *outcome
	last := outcome{failed: "nothing"}
	for i := range p.Steps {
		s := &p.Steps[i]
		from, start, skipped := in, t, false
		for _, b := range s.In {
			if b.From == "request" {
				continue
			}
			o := all[b.From]
			from, start = o.value, max(start, o.end)
			skipped = skipped || o.failed != ""
		}
		o := outcome{failed: "skipped", end: start}
		if !skipped {
			o = n.eval(s.Part, from, original, start, deadline)
			calls = append(calls, o.calls...)
			if o.failed != "" && failure == nil && !s.Part.Base().Policies.Optional {
				failure = &o
			}
		}
		if o.failed == "" {
			last = o
		}
		all[s.Name] = o
		end = max(end, o.end)
	}
	if failure != nil {
		failure.end, failure.calls = end, calls
		return *failure
	}
	if last.failed != "" {
		return fails(p.Label, message.Unavailable, end, calls)
	}
	last.end, last.calls = end, calls
	return last
}
