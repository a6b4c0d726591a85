package plan

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/condition"
	"github.com/millrace/millrace/protocol/message"
)

// maxDepth bounds how deep parts are nested, maxNodes how many there are with all nested graphs.
const (
	maxDepth = 100
	maxNodes = 10_000
)

// Check finds what is wrong in g alone, whatever models there are.
func Check(g *ast.Graph) []Diagnostic {
	c := newChecker(g)
	c.graph()
	return c.found
}

// checker walks a graph as it was written. It compiles the conditions on its way.
type checker struct {
	g          *ast.Graph
	found      []Diagnostic
	conditions map[*ast.Condition]*condition.Condition
	depth      int
}

func newChecker(g *ast.Graph) *checker {
	return &checker{g: g, conditions: map[*ast.Condition]*condition.Condition{}}
}

// report adds an error. Remedy may be empty.
func (c *checker) report(code message.Code, pos ast.Position, path, remedy, format string, args ...any) {
	if !pos.Known() {
		pos = c.g.Pos
	}
	c.found = append(c.found, Diagnostic{Code: code, Pos: pos, Graph: c.g.Name, Path: path, Message: fmt.Sprintf(format, args...), Remedy: remedy})
}

func (c *checker) graph() {
	if c.g.Root == nil {
		c.report(CodeEmpty, c.g.Pos, "", "", "the graph has no parts")
		return
	}
	c.part(c.g.Root, "")
}

// part checks one part and those below it.
func (c *checker) part(p ast.Part, path string) {
	if p == nil {
		c.report(CodeEmpty, c.g.Pos, path, "", "%s: a part is missing", orRoot(path))
		return
	}
	if c.depth++; c.depth > maxDepth {
		c.report(CodeSize, p.Base().Pos, path, "", "parts are nested more than %d deep", maxDepth)
		c.depth--
		return
	}
	defer func() { c.depth-- }()
	c.policies(p.Base(), path)
	switch p := p.(type) {
	case *ast.Call:
		if p.Model == "" {
			c.report(CodeEmpty, p.Pos, path, "", "%s: a call names no model", orRoot(path))
		}
	case *ast.Chain:
		c.parts(p.Parts, "chain", p.Pos, path)
	case *ast.Parallel:
		c.parallel(p, path)
	case *ast.Steps:
		c.steps(p, path)
	case *ast.Choose:
		c.choose(p, path)
	case *ast.Cascade:
		c.cascade(p, path)
	case *ast.Map:
		c.mapping(p, path)
	case *ast.Answer:
		if p.Status != 0 && p.JSON == nil && p.Failure == nil {
			c.report(CodeAnswer, p.Pos, path, "write the answer as JSON", "%s: an answer with a status has no JSON", orRoot(path))
		}
	case *ast.Pass:
	case *ast.Guard:
		c.condition(p.If, condition.WantBool, condition.Scope{}, p.Pos, path)
		c.part(p.Then, below(path, "then", p.Then))
		c.part(p.Else, below(path, "else", p.Else))
	case *ast.Original:
		c.part(p.Part, below(path, "original", p.Part))
	case *ast.Scope:
		c.part(p.Part, path)
	case *ast.Tap:
		c.tap(p, path)
	case *ast.Repeat:
		c.unsupported("operator repeat", p.Pos, path)
	case *ast.Each:
		c.unsupported("operator each", p.Pos, path)
	default:
		c.unsupported(fmt.Sprintf("operator %T", p), p.Base().Pos, path)
	}
}

func (c *checker) unsupported(what string, pos ast.Position, path string) {
	c.report(CodeUnsupported, pos, path, "", "%s: %s is not executed yet", orRoot(path), what)
}

func (c *checker) policies(p *ast.Common, path string) {
	v := p.Policies
	for _, u := range []struct {
		name string
		set  bool
	}{{"hedge", v.Hedge != nil}, {"cache", v.Cache != nil}, {"batch", v.Batch != nil}, {"limit", v.Limit != nil}} {
		if u.set {
			c.unsupported("policy "+u.name, p.Pos, path)
		}
	}
	if v.Timeout < 0 {
		c.report(CodePolicy, p.Pos, path, "", "%s: a timeout of %v is over before it begins", orRoot(path), v.Timeout)
	}
	if r := v.Retry; r != nil {
		if r.Attempts < 1 || r.PerTryTimeout < 0 {
			c.report(CodePolicy, p.Pos, path, "attempts counts the first one too", "%s: a retry has %d attempts", orRoot(path), r.Attempts)
		}
		if _, bad := parseRetryOn(r.On); bad != "" {
			c.report(CodePolicy, p.Pos, path, "there are "+retryTokens(), "%s: no retry condition %q", orRoot(path), bad)
		}
	}
	if b := v.Breaker; b != nil && (b.FailureRatio < 0 || b.FailureRatio > 1 || math.IsNaN(b.FailureRatio) || b.Interval < 0 || b.OpenFor < 0) {
		c.report(CodePolicy, p.Pos, path, "a failure ratio is between 0 and 1", "%s: a breaker's values are out of range", orRoot(path))
	}
}

func (c *checker) parts(parts []ast.Part, operator string, pos ast.Position, path string) {
	if len(parts) == 0 {
		c.report(CodeEmpty, pos, path, "", "%s: %s has no parts", orRoot(path), operator)
	}
	for i, p := range parts {
		c.part(p, below(path, fmt.Sprintf("%s[%d]", operator, i), p))
	}
}

// condition compiles one condition and keeps the result.
func (c *checker) condition(x *ast.Condition, want condition.Want, s condition.Scope, pos ast.Position, path string) {
	if x == nil {
		c.report(CodeCondition, pos, path, "", "%s: a condition is missing", orRoot(path))
		return
	}
	compiled, err := condition.Compile(x, want, s)
	if err != nil {
		at := x.Pos
		if !at.Known() {
			at = pos
		}
		var syntax *condition.SyntaxError
		if errors.As(err, &syntax) && syntax.Column > 0 && x.Pos.Known() && !strings.Contains(x.Text, "\n") {
			at.Column += syntax.Column - 1
		}
		c.report(CodeCondition, at, path, "", "%s: condition %q: %v", orRoot(path), x.Text, err)
		return
	}
	c.conditions[x] = compiled
}

// orRoot names a path for people.
func orRoot(path string) string {
	if path == "" {
		return "the graph"
	}
	return path
}

// below is the path of a part under another. A call's name is part of its own path.
func below(path, segment string, p ast.Part) string {
	if path != "" && !strings.HasSuffix(path, "/") {
		segment = "." + segment
	}
	path += segment
	if name := ownName(p); name != "" && !strings.HasSuffix(path, "."+name) {
		path += "." + name
	}
	return path
}

// ownName is the label of a part, or the model of a call.
func ownName(p ast.Part) string {
	if p == nil {
		return ""
	}
	if label := p.Base().Label; label != "" {
		return label
	}
	if c, ok := p.(*ast.Call); ok {
		return baseName(c.Model)
	}
	return ""
}

// baseName is a model's name without its namespace.
func baseName(model string) string { return model[strings.LastIndexByte(model, '/')+1:] }

// partName names a part in merges and errors: by its label, else by its last call, else by its operator.
func partName(p ast.Part) string {
	if p == nil {
		return ""
	}
	if name := ownName(p); name != "" {
		return name
	}
	switch p := p.(type) {
	case *ast.Chain:
		if len(p.Parts) > 0 {
			return partName(p.Parts[len(p.Parts)-1])
		}
	case *ast.Steps:
		if len(p.Steps) > 0 {
			return partName(p.Steps[len(p.Steps)-1].Part)
		}
	case *ast.Original:
		return partName(p.Part)
	case *ast.Scope:
		return partName(p.Part)
	case *ast.Tap:
		return partName(p.Part)
	case *ast.Guard:
		return partName(p.Then)
	case *ast.Parallel:
		return "parallel"
	case *ast.Choose:
		return "choose"
	case *ast.Cascade:
		return "cascade"
	case *ast.Map:
		return "map"
	case *ast.Answer:
		return "answer"
	case *ast.Pass:
		return "pass"
	}
	return ""
}

func retryTokens() string {
	var names []string
	for _, n := range retryNames {
		names = append(names, n.name)
	}
	return strings.Join(names, ", ")
}
