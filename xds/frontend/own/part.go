package own

import (
	"errors"
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/xds/frontend/document"
	"github.com/millrace/millrace/xds/frontend/expression"
)

// operators are the keys of which a part has one.
var operators = []string{"call", "chain", "parallel", "split", "canary", "run", "cascade", "choose", "steps", "map", "answer", "pass", "repeat", "each"}

// methods are the names that `method` may have.
var methods = map[string]message.Method{
	"predict": message.Predict, "transform-input": message.TransformInput, "transform-output": message.TransformOutput,
	"route": message.Route, "aggregate": message.Aggregate, "explain": message.Explain, "feedback": message.Feedback,
}

// part reads an expression string, a list (a chain), or a mapping with one operator and policies. What cannot be read is
// recorded, and Pass stands in its place.
func (r *reader) part(v document.Value) ast.Part {
	switch {
	case v.IsScalar():
		return r.expression(v)
	case v.IsList():
		return r.chain(v)
	}
	return r.mapped(v)
}

// mapped reads a mapping with one operator; the fields named in read belong to whoever called it.
func (r *reader) mapped(v document.Value, read ...string) ast.Part {
	if !v.Present() {
		v.Refuse(document.CodeMissing, "write an expression or an operator, or remove the entry", "%s is empty", v.Path())
		return &ast.Pass{}
	}
	m := v.Map()
	if !m.Present() {
		return &ast.Pass{}
	}
	m.Ignore(read...)
	var found []string
	for _, o := range operators {
		if m.Has(o) {
			found = append(found, o)
		}
	}
	switch len(found) {
	case 0:
		v.Refuse(document.CodeMissing, "write an expression, or one of "+strings.Join(operators, ", "), "%s has no operator", v.Path())
		return &ast.Pass{}
	case 1:
	default:
		v.Refuse(document.CodeValue, "nest one in the other", "%s has %d operators: %s", v.Path(), len(found), strings.Join(found, ", "))
		return &ast.Pass{}
	}
	if op := m.Get(found[0]); !op.Present() && found[0] != "pass" {
		op.Refuse(document.CodeMissing, "say what it works on", "%s is empty", op.Path())
		return &ast.Pass{}
	}
	p := r.operator(found[0], m)
	c := p.Base()
	c.Pos = v.Pos()
	if l := m.Get("as"); l.Present() {
		c.Label = l.String()
	}
	r.policies(m, &c.Policies)
	m.Done()
	return p
}

func (r *reader) operator(name string, m document.Map) ast.Part {
	v := m.Get(name)
	switch name {
	case "call":
		return r.call(v, m)
	case "chain":
		return r.chain(v)
	case "parallel":
		return r.parallel(v, m)
	case "split":
		return r.split(v, m)
	case "canary":
		return r.canary(v, m)
	case "run":
		return r.tap(v, m)
	case "cascade":
		return r.cascade(v, m)
	case "choose":
		return r.choose(v, m)
	case "steps":
		return r.steps(v, m)
	case "map":
		return r.mapping(v)
	case "answer":
		return r.answer(v)
	case "repeat":
		rep := &ast.Repeat{Part: r.part(v), Max: m.Required("max", "the most runs").Int(1, 1_000_000)}
		rep.While = condition(m.Get("while"))
		return rep
	case "each":
		return &ast.Each{Part: r.part(v), Chunk: m.Get("chunk").Int(1, 1<<30)}
	}
	if v.Present() && !(v.IsMap() && len(v.Map().Keys()) == 0) {
		v.Refuse(document.CodeType, "write `pass: {}`", "pass takes nothing")
	}
	return &ast.Pass{}
}

func (r *reader) expression(v document.Value) ast.Part {
	pos, exact := v.TextPos()
	var start ast.Position
	if exact {
		start = pos
	}
	p, err := expression.Parse(v.String(), start)
	var e *expression.Error
	if errors.As(err, &e) {
		v.RefuseAt(e.Offset, CodeExpression, e.Remedy, "expression: %s", e.Message)
		return &ast.Pass{}
	}
	if !exact {
		ast.Walk(p, func(p ast.Part) { p.Base().Pos = pos })
	}
	return p
}

// call reads `call: name@version` with parameters and a method beside it.
func (r *reader) call(v document.Value, m document.Map) ast.Part {
	c := callOf(v)
	c.Parameters = parameters(m.Get("parameters").Map())
	if method := m.Get("method"); method.Present() {
		named, ok := methods[method.String()]
		if !ok {
			method.Refuse(document.CodeValue, "it is predict, transform-input, transform-output, route, aggregate, explain or feedback", "there is no method %q", method.String())
		}
		c.Method = named
	}
	return c
}

func callOf(v document.Value) *ast.Call {
	name, version, versioned := strings.Cut(v.String(), "@")
	if v.Present() && (name == "" || versioned && version == "" || expression.Is(name) || strings.ContainsAny(name, " \t\n")) {
		v.Refuse(document.CodeValue, "name one model, or write the expression in place of the mapping", "%q is not one model's name", v.String())
	}
	c := &ast.Call{Model: name, Version: version}
	c.Pos = v.Pos()
	return c
}

func (r *reader) chain(v document.Value) ast.Part {
	c := &ast.Chain{}
	c.Pos = v.Pos()
	for _, e := range v.List() {
		c.Parts = append(c.Parts, r.part(e))
	}
	return c
}

func condition(v document.Value) *ast.Condition {
	if !v.Present() {
		return nil
	}
	pos, _ := v.TextPos()
	return &ast.Condition{Language: ast.CEL, Text: v.String(), Pos: pos}
}

func rows(m document.Map) ast.Rows {
	v := m.Get("rows")
	switch v.String() {
	case "":
		return ast.RowsWhole
	case "each":
		return ast.RowsEach
	case "same":
		return ast.RowsSame
	}
	v.Refuse(document.CodeValue, "it is each or same", "rows cannot be %q", v.String())
	return ast.RowsWhole
}
