package engine_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/protocol/message"
)

// never is later than anything in these tests.
const never = time.Duration(1) << 60

// value is a message as the naive evaluator knows it. Only a plain one has the field v that conditions read.
type value struct {
	text   string
	plain  bool
	opaque bool // a tolerated failure's value, which has no fields at all
}

// unreadable is the kind of failure of a condition on a value without the field v.
func (v value) unreadable() message.Kind {
	if v.opaque {
		return message.Internal
	}
	return message.InvalidArgument
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
				o.value, o.failed = value{text: fmt.Sprint("tolerated ", o.kind.HTTP()), opaque: true}, ""
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
				return fails(p.Label, in.unreadable(), t, nil)
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
			return fails(p.Label, in.unreadable(), t, nil)
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
				o = fails(p.Tries[i].Part.Base().Label, o.value.unreadable(), t, calls)
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

// generator makes random graphs. Every part has a label of its own.
type generator struct {
	t     *rapid.T
	parts int
}

func (g *generator) label(p ast.Part) ast.Part {
	g.parts++
	c := p.Base()
	c.Label = fmt.Sprintf("n%d", g.parts)
	if rapid.IntRange(0, 9).Draw(g.t, "optional") == 0 {
		c.Policies.Optional = true
	}
	if rapid.IntRange(0, 9).Draw(g.t, "timeout") == 0 {
		c.Policies.Timeout = time.Duration(rapid.IntRange(1, 3000).Draw(g.t, "ms"))*time.Millisecond + time.Duration(g.parts)
	}
	if rapid.IntRange(0, 9).Draw(g.t, "retry") == 0 {
		c.Policies.Retry = &ast.Retry{Attempts: rapid.IntRange(1, 3).Draw(g.t, "attempts"), On: []string{"gateway-error"}}
		if rapid.Bool().Draw(g.t, "per try") {
			c.Policies.Retry.PerTryTimeout = 400*time.Millisecond + time.Duration(g.parts)
		}
	}
	return p
}

func (g *generator) model() string {
	return fmt.Sprintf("m%d", rapid.IntRange(0, 9).Draw(g.t, "model"))
}

func (g *generator) some(depth, least int) []ast.Part {
	parts := make([]ast.Part, rapid.IntRange(least, 4).Draw(g.t, "parts"))
	for i := range parts {
		parts[i] = g.part(depth - 1)
	}
	return parts
}

func (g *generator) condition(format string) *ast.Condition {
	return cel(fmt.Sprintf(format, g.model()))
}

func (g *generator) part(depth int) ast.Part {
	if g.parts > 40 {
		depth = 0
	}
	kind := 0
	if depth > 0 {
		kind = rapid.IntRange(0, 9).Draw(g.t, "kind")
	}
	switch kind {
	case 1, 2:
		return g.label(&ast.Chain{Parts: g.some(depth, 1)})
	case 3, 4:
		p := &ast.Parallel{Parts: g.some(depth, 1)}
		p.Combine.By = rapid.SampledFrom([]ast.Combiner{ast.Merge, ast.First, ast.FirstIn, ast.ByServer}).Draw(g.t, "combiner")
		if p.Combine.By == ast.ByServer {
			p.Combine.Server = &ast.Call{Model: g.model(), Method: message.Aggregate}
			g.parts++
			p.Combine.Server.Label = fmt.Sprintf("n%d", g.parts)
		}
		if p.Combine.By == ast.Merge {
			p.Need = rapid.IntRange(0, len(p.Parts)).Draw(g.t, "need")
		}
		return g.label(p)
	case 5:
		c := &ast.Cascade{}
		for _, p := range g.some(depth, 1) {
			try := ast.Try{Part: p}
			if rapid.Bool().Draw(g.t, "accept") {
				try.Accept = g.condition(`out.v.contains("%s")`)
			}
			c.Tries = append(c.Tries, try)
		}
		if rapid.Bool().Draw(g.t, "else") {
			c.Else = g.part(depth - 1)
		}
		return g.label(c)
	case 6:
		c := &ast.Choose{By: ast.ByCondition}
		for i, p := range g.some(depth, 1) {
			c.Arms = append(c.Arms, ast.Arm{Name: fmt.Sprint(i), When: g.condition(`v.contains("%s")`), Part: p})
		}
		if rapid.Bool().Draw(g.t, "else") {
			c.Else = g.part(depth - 1)
		}
		return g.label(c)
	case 7:
		return g.label(&ast.Guard{If: g.condition(`v.contains("%s")`), Then: g.part(depth - 1), Else: g.label(&ast.Pass{})})
	case 8:
		s := &ast.Steps{}
		for i, p := range g.some(depth, 1) {
			step := ast.Step{Name: fmt.Sprintf("s%d", i), Part: p}
			if from := rapid.IntRange(-1, i-1).Draw(g.t, "from"); from >= 0 {
				step.In = []ast.Binding{{From: fmt.Sprintf("s%d", from)}}
			}
			s.Steps = append(s.Steps, step)
		}
		return g.label(s)
	case 9:
		return g.label(&ast.Scope{Part: g.label(&ast.Chain{Parts: []ast.Part{g.part(depth - 1), g.label(&ast.Original{Part: g.part(depth - 1)})}})})
	}
	return g.label(&ast.Call{Model: g.model(), Tolerate: rapid.IntRange(0, 9).Draw(g.t, "tolerate") == 0})
}

// delays gives every part a delay that no sum of others equals, so that nothing happens at the same time by chance.
func delays(t *rapid.T) func(part string) time.Duration {
	seed := rapid.Uint32().Draw(t, "delays")
	return func(part string) time.Duration {
		h := fnv.New64a()
		fmt.Fprint(h, part, seed, part)
		return time.Duration(h.Sum64() % uint64(time.Second))
	}
}

// scripts lets some models fail.
func scripts(t *rapid.T) map[string]script {
	out := map[string]script{}
	for i := range 10 {
		name := fmt.Sprintf("m%d", i)
		s := script{}
		switch rapid.IntRange(0, 5).Draw(t, "health") {
		case 0:
			s.fail = down("down")
		case 1:
			s.fail = &message.Failure{Kind: message.InvalidArgument, Detail: "bad"}
		}
		out[name] = s
	}
	return out
}

func TestPlansGiveWhatTheNaiveEvaluatorGives(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := generator{t: rt}
		root := g.part(4)
		n := &naive{models: scripts(rt), delays: delays(rt), cancel: never, partial: rapid.IntRange(0, 4).Draw(rt, "partial") == 0}
		if rapid.IntRange(0, 2).Draw(rt, "cancel") == 0 {
			n.cancel = time.Duration(rapid.IntRange(0, 3_000_000_000).Draw(rt, "cancel after"))
		}
		want := n.eval(root, value{text: "q", plain: true}, value{text: "q", plain: true}, 0, never)
		p := compile(t, root, nil)
		wrong := ""
		synctest.Test(t, func(t *testing.T) {
			f := newFake(n.models)
			f.delays = n.delays
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if n.cancel == 0 {
				cancel()
			} else if n.cancel < never {
				defer time.AfterFunc(n.cancel, cancel).Stop()
			}
			run := (&engine.Engine{Servers: f}).NewRun(ctx)
			run.Partial = n.partial
			m, err := engine.Execute(run, p, text("q"))
			end := time.Since(f.started)
			got := ""
			if err != nil {
				fl := err.(*message.Failure)
				got = fmt.Sprintf("failed %s %d", fl.Part, fl.Kind)
			} else {
				got = tolerated(render(m))
			}
			expected := want.value.text
			if want.failed != "" {
				expected = "failed " + want.failed
			}
			if got != expected && !n.tied {
				wrong = fmt.Sprintf("reply\n got  %s\n want %s", got, expected)
			}
			if calls := sorted(f.calls); !slices.Equal(calls, sorted(want.calls)) && !n.tied {
				wrong = fmt.Sprintf("calls\n got  %v\n want %v", calls, sorted(want.calls))
			}
			if f.open != 0 {
				wrong = fmt.Sprintf("%d calls were never waited for", f.open)
			}
			if end != want.end && !n.tied {
				wrong = fmt.Sprintf("ended after %v, want %v", end, want.end)
			}
			run.Close()
		})
		if wrong != "" {
			rt.Fatalf("%s\nof %s", wrong, shown(root))
		}
	})
}

func sorted(calls []asked) []asked {
	calls = slices.Clone(calls)
	slices.SortFunc(calls, func(a, b asked) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return strings.Compare(a.model, b.model)
	})
	return calls
}

// tolerated shortens the value of a tolerated failure to its status, which is all the naive evaluator knows of it.
func tolerated(s string) string {
	for {
		i := strings.Index(s, ` {"error":`)
		if i < 0 {
			return s
		}
		j := strings.Index(s[i:], "}")
		s = s[:i-3] + "tolerated " + s[i-3:i] + s[i+j+1:]
	}
}

// shown writes a graph for the reader of a failure.
func shown(p ast.Part) string {
	b := p.Base()
	s := b.Label
	if b.Policies.Timeout > 0 {
		s += fmt.Sprint(" timeout ", b.Policies.Timeout)
	}
	if r := b.Policies.Retry; r != nil {
		s += fmt.Sprint(" retry ", r.Attempts, " ", r.PerTryTimeout)
	}
	if b.Policies.Optional {
		s += " optional"
	}
	all := func(parts ...ast.Part) string {
		var out []string
		for _, p := range parts {
			if p != nil {
				out = append(out, shown(p))
			}
		}
		return "(" + strings.Join(out, ", ") + ")"
	}
	switch p := p.(type) {
	case *ast.Call:
		return s + " " + p.Model + fmt.Sprint(p.Tolerate)
	case *ast.Chain:
		return s + " chain" + all(p.Parts...)
	case *ast.Parallel:
		return s + fmt.Sprint(" parallel ", p.Combine.By, " need ", p.Need) + all(p.Parts...)
	case *ast.Cascade:
		var parts []ast.Part
		for _, t := range p.Tries {
			parts = append(parts, t.Part)
			if t.Accept != nil {
				s += " " + t.Accept.Text
			}
		}
		return s + " cascade" + all(append(parts, p.Else)...)
	case *ast.Choose:
		var parts []ast.Part
		for _, a := range p.Arms {
			parts = append(parts, a.Part)
			s += " " + a.When.Text
		}
		return s + " choose" + all(append(parts, p.Else)...)
	case *ast.Guard:
		return s + " guard " + p.If.Text + all(p.Then, p.Else)
	case *ast.Steps:
		var parts []ast.Part
		for _, x := range p.Steps {
			parts = append(parts, x.Part)
			s += fmt.Sprint(" ", x.In)
		}
		return s + " steps" + all(parts...)
	case *ast.Scope:
		return s + " scope" + all(p.Part)
	case *ast.Original:
		return s + " original" + all(p.Part)
	}
	return s + fmt.Sprintf(" %T", p)
}
