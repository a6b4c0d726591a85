package engine_test

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/message"
)

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
