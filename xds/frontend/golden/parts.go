package golden

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/message"
)

// Part prints a tree of the algebra, a line for each part with its column where that is known.
func Part(b *strings.Builder, p ast.Part, indent string) {
	line := func(format string, args ...any) {
		c := p.Base()
		text := fmt.Sprintf(format, args...)
		if c.Label != "" {
			text = c.Label + "= " + text
		}
		fmt.Fprintf(b, "%s%s%s  @%d:%d\n", indent, text, policies(&c.Policies), c.Pos.Line, c.Pos.Column)
	}
	under := func(title string, part ast.Part) {
		if part == nil {
			return
		}
		b.WriteString(indent + "  " + title + ":\n")
		Part(b, part, indent+"    ")
	}
	parts := func(ps []ast.Part) {
		for _, q := range ps {
			Part(b, q, indent+"  ")
		}
	}
	switch p := p.(type) {
	case *ast.Call:
		line("call %s", callText(p))
	case *ast.Chain:
		line("chain")
		parts(p.Parts)
	case *ast.Steps:
		line("steps out %s", bindings(p.Out))
		for _, s := range p.Steps {
			under(fmt.Sprintf("%s takes %s%s", s.Name, bindings(s.In), when(" when", s.When)), s.Part)
		}
	case *ast.Parallel:
		line("parallel by %s%s", combine(&p.Combine), number(" need", p.Need))
		parts(p.Parts)
	case *ast.Choose:
		by := [...]string{"weight", "condition", "router", "wish"}[p.By]
		if p.Router != nil {
			by += " " + callText(p.Router)
		}
		line("choose by %s%s%s%s", by, when(" sticky", p.Sticky), rows(p.Rows), number(" no match answers", p.NoMatch))
		for _, w := range p.With {
			under(fmt.Sprintf("with %s = %s of", w.Name, w.Output), w.Part)
		}
		for _, a := range p.Arms {
			under(fmt.Sprintf("arm %s%s%s", a.Name, weight(p.By, a.Weight), when(" when", a.When)), a.Part)
		}
		under("else", p.Else)
	case *ast.Cascade:
		line("cascade%s", rows(p.Rows))
		for _, t := range p.Tries {
			under("try"+when(" accept", t.Accept), t.Part)
		}
		under("else", p.Else)
	case *ast.Map:
		line("map")
		for _, o := range p.Operations {
			fmt.Fprintf(b, "%s  %s\n", indent, operation(&o))
		}
	case *ast.Answer:
		text := "answer " + string(p.JSON)
		for i := range p.Fields {
			f := &p.Fields[i]
			text += fmt.Sprintf(" %s %s%v=%s", f.Name, f.Datatype, f.Shape, f.Preview())
		}
		if p.Failure != nil {
			text += fmt.Sprintf("error %d %q", p.Failure.Kind.HTTP(), p.Failure.Detail)
		}
		line("%s", text)
	case *ast.Pass:
		line("pass%s", number(" status", p.Status))
	case *ast.Guard:
		line("guard%s", when(" if", p.If))
		under("then", p.Then)
		under("else", p.Else)
	case *ast.Original:
		line("original")
		parts([]ast.Part{p.Part})
	case *ast.Scope:
		line("scope")
		parts([]ast.Part{p.Part})
	case *ast.Tap:
		line("tap")
		parts([]ast.Part{p.Part})
		for _, s := range p.Shadows {
			title := fmt.Sprintf("shadow %v%%%s%s", s.Percent, number(" in flight", s.InFlight), when(" by", s.Key))
			for _, c := range s.Compare {
				title += fmt.Sprintf(" compare %s exact=%v abs=%v", c.Field, c.Exact, c.Abs)
			}
			under(title, s.To)
		}
	case *ast.Repeat:
		line("repeat max %d%s", p.Max, when(" while", p.While))
		parts([]ast.Part{p.Part})
	case *ast.Each:
		line("each%s", number(" chunk", p.Chunk))
		parts([]ast.Part{p.Part})
	}
}

func callText(c *ast.Call) string {
	text := c.Model
	if c.Version != "" {
		text += "@" + c.Version
	}
	if c.Method != message.Predict {
		text += " by " + c.Method.String()
	}
	if c.As != "" {
		text += " as " + c.As
	}
	if c.Tolerate {
		text += " tolerated"
	}
	for _, p := range c.Parameters {
		text += fmt.Sprintf(" %s=%v", p.Name, p.Value)
	}
	return text
}

func bindings(bs []ast.Binding) string {
	var out []string
	for _, x := range bs {
		out = append(out, strings.TrimPrefix(x.Field+"="+strings.TrimSuffix(x.From+"."+x.Output, "."), "="))
	}
	if out == nil {
		return "all"
	}
	return strings.Join(out, " ")
}

func combine(c *ast.Combine) string {
	text := [...]string{"merge", "concat", "mean", "vote", "first", "first in order", "server", "JSON object"}[c.By]
	if c.Field != "" {
		text += " of " + c.Field
	}
	for _, k := range slices.Sorted(maps.Keys(c.Weights)) {
		text += fmt.Sprintf(" %s:%v", k, c.Weights[k])
	}
	if c.Tie != "" {
		text += " tie " + c.Tie
	}
	if c.Server != nil {
		text += " " + callText(c.Server)
	}
	return text
}

func operation(o *ast.Operation) string {
	switch o.Op {
	case ast.Rename:
		return "rename " + o.Field + " to " + o.To
	case ast.Select:
		return fmt.Sprintf("select %v", o.Fields)
	case ast.Drop:
		return fmt.Sprintf("drop %v", o.Fields)
	case ast.Cast:
		return "cast " + o.Field + " to " + o.Type.String()
	case ast.Reshape:
		return fmt.Sprintf("reshape %s to %v", o.Field, o.Shape)
	case ast.Compute:
		return "compute " + o.Field + when(" as", o.Value)
	}
	return fmt.Sprintf("parameter %s=%v", o.Field, o.Param)
}

func policies(p *ast.Policies) string {
	var b strings.Builder
	if p.Timeout > 0 {
		b.WriteString(" timeout " + p.Timeout.String())
	}
	if p.Optional {
		b.WriteString(" optional")
	}
	if p.Retry != nil {
		fmt.Fprintf(&b, " retry %+v", *p.Retry)
	}
	if p.Breaker != nil {
		fmt.Fprintf(&b, " breaker %+v", *p.Breaker)
	}
	if p.Hedge != nil {
		fmt.Fprintf(&b, " hedge %+v", *p.Hedge)
	}
	if p.Cache != nil {
		fmt.Fprintf(&b, " cache %+v", *p.Cache)
	}
	if p.Batch != nil {
		fmt.Fprintf(&b, " batch %+v", *p.Batch)
	}
	if p.Limit != nil {
		fmt.Fprintf(&b, " limit %+v", *p.Limit)
	}
	return b.String()
}

func when(word string, c *ast.Condition) string {
	if c == nil {
		return ""
	}
	return fmt.Sprintf("%s %s%s", word, [...]string{"", "gjson "}[c.Language], c.Text)
}

func rows(r ast.Rows) string { return [...]string{"", " rows each", " rows same"}[r] }

func weight(by ast.Chooser, w float64) string {
	if by != ast.ByWeight {
		return ""
	}
	return fmt.Sprintf(" %.4g", w)
}

func number(word string, n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s %d", word, n)
}
