package plan

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/condition"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// fields is what is known of a value: its fields, or those of its parts if it is a merge. A nil *fields is a value of which nothing is
// known.
type fields struct {
	list   []contract.Field
	parts  []partFields
	answer string
	// open is a request whose fields nobody declared: it has whatever is asked for, which is noted in list.
	open bool
}

type partFields struct {
	name string
	of   *fields
}

// typeChecker follows the fields along the edges of a plan.
type typeChecker struct {
	found   []Diagnostic
	request *fields
	reply   *fields
	answers []besides
}

// checkTypes checks every part against what reaches it, as far as contracts say.
func checkTypes(p *Plan, g *ast.Graph) *typeChecker {
	t := &typeChecker{request: declared(g.Inputs)}
	if t.request == nil {
		t.request = &fields{open: true}
	}
	t.reply = t.flow(p.Root, t.request, t.request)
	t.promised(p, g)
	return t
}

// promised checks the outputs that the graph declares against what its parts give.
func (t *typeChecker) promised(p *Plan, g *ast.Graph) {
	for _, f := range g.Outputs {
		at := *p.Root.Base()
		at.Pos = f.Pos
		if !f.Pos.Known() {
			at.Pos = g.Pos
		}
		got, known := t.reply.find(f.Name)
		switch {
		case t.reply != nil && t.reply.open, !known:
		case got == nil:
			t.report(CodeNoOutput, &at, t.reply.names(), "the graph declares output %q, which no contract gives", f.Name)
		case !agree(got.Type, f.Type):
			t.report(CodeTypes, &at, "", "the graph declares output %q as %s, and its parts give %s", f.Name, f.Type, got.Type)
		}
	}
}

func declared(fs []ast.Field) *fields {
	if len(fs) == 0 {
		return nil
	}
	out := &fields{}
	for _, f := range fs {
		out.list = append(out.list, contract.Field{Name: f.Name, Type: f.Type})
	}
	return out
}

func (t *typeChecker) report(code message.Code, at *Info, remedy, format string, args ...any) {
	t.found = append(t.found, Diagnostic{Code: code, Pos: at.Pos, Graph: at.Graph, Path: at.Path, Message: fmt.Sprintf(format, args...), Remedy: remedy})
}

// find returns the field that a contract's input of that name takes from f: by the rules of contract.RequestFrom. Known is
// false where nothing can be said.
func (f *fields) find(name string) (field *contract.Field, known bool) {
	if f == nil {
		return nil, false
	}
	for i := range f.list {
		if f.list[i].Name == name {
			return &f.list[i], true
		}
	}
	if f.open {
		f.list = append(f.list, contract.Field{Name: name})
		return nil, false
	}
	if len(f.parts) == 0 {
		return nil, true
	}
	var only *contract.Field
	times := 0
	for _, p := range f.parts {
		if p.of == nil || p.of.open {
			return nil, false
		}
		output, ok := strings.CutPrefix(name, p.name+".")
		if ok {
			return p.of.find(output)
		}
		if name == p.name {
			return p.of.find(p.of.answer)
		}
		x, known := p.of.find(name)
		if !known {
			return nil, false
		}
		if x != nil {
			only = x
			times++
		}
	}
	if times != 1 {
		only = nil
	}
	return only, true
}

// names lists what f has, for people.
func (f *fields) names() string {
	if f == nil {
		return ""
	}
	var all []string
	for i := range f.list {
		all = append(all, f.list[i].Name)
	}
	for _, p := range f.parts {
		if p.of == nil || len(p.of.list) == 0 {
			all = append(all, p.name)
			continue
		}
		for i := range p.of.list {
			all = append(all, p.name+"."+p.of.list[i].Name)
		}
	}
	if len(all) == 0 {
		return "there are no fields"
	}
	return "there is " + strings.Join(all, ", ")
}

// flow returns what is known of a node's reply to in.
func (t *typeChecker) flow(n Node, in, original *fields) *fields {
	switch n := n.(type) {
	case *Call:
		return t.call(n, in)
	case *Graph:
		return t.flow(n.Root, in, in)
	case *Scope:
		return t.flow(n.Part, in, in)
	case *Original:
		return t.flow(n.Part, original, original)
	case *Chain:
		for _, p := range n.Parts {
			in = t.flow(p, in, original)
		}
		return in
	case *Parallel:
		return t.parallel(n, in, original)
	case *Steps:
		return t.steps(n, in, original)
	case *Choose:
		return t.choose(n, in, original)
	case *Cascade:
		return t.cascade(n, in, original)
	case *Guard:
		t.reads(n.If, &n.Info, in, nil, nil)
		return alike([]*fields{t.flow(n.Then, in, original), t.flow(n.Else, in, original)})
	case *Map:
		return t.mapped(n, in)
	case *Answer:
		if n.Failure != nil || n.JSON != nil {
			return nil
		}
		out := &fields{}
		for i := range n.Fields {
			out.list = append(out.list, contract.Field{Name: n.Fields[i].Name, Type: n.Fields[i].Datatype})
		}
		return out
	case *Pass:
		return in
	case *Tap:
		for i := range n.Shadows {
			t.flow(n.Shadows[i].To, in, original)
		}
		return t.flow(n.Part, in, original)
	}
	return nil
}

func (t *typeChecker) call(n *Call, in *fields) *fields {
	c := n.Model.Contract
	if n.unknown {
		return nil
	}
	if c == nil || len(c.Inputs) == 0 {
		if in != nil && len(in.parts) > 0 && n.Method != message.Aggregate {
			t.report(CodeMergeInput, &n.Info, "declare its inputs, or take the fields by `steps`", "model %q has no contract that says which outputs of the merge it takes", n.Model.Name)
		}
	} else if n.Method != message.Aggregate && n.Method != message.Feedback {
		t.takes(n, c, in)
	}
	return outputsOf(c)
}

func outputsOf(c *contract.Contract) *fields {
	if c == nil || len(c.Outputs) == 0 {
		return nil
	}
	return &fields{list: c.Outputs, answer: c.AnswerName()}
}

// takes checks a contract's inputs against what reaches the call.
func (t *typeChecker) takes(n *Call, c *contract.Contract, in *fields) {
	if in.serverNames(c) {
		return
	}
	for i := range c.Inputs {
		f := &c.Inputs[i]
		got, known := in.find(f.Name)
		switch {
		case in != nil && in.open:
			in.learn(f)
		case !known:
		case got == nil:
			if !f.Optional && f.Default == nil {
				t.report(CodeNeeds, &n.Info, "", "model %q needs field %q, which its input does not have; %s", n.Model.Name, f.Name, in.names())
			}
		case !agree(got.Type, f.Type):
			t.report(CodeTypes, &n.Info, "change it with a `map`", "model %q takes field %q as %s, and gets %s", n.Model.Name, f.Name, f.Type, got.Type)
		}
	}
}

// serverNames tells whether f has the server's own names for all inputs, where these are others: it passes as it is.
func (f *fields) serverNames(c *contract.Contract) bool {
	if f == nil || f.open || len(f.parts) > 0 {
		return false
	}
	differs := false
	for i := range c.Inputs {
		name := c.Inputs[i].ServerName()
		if x, _ := f.find(name); x == nil {
			return false
		}
		differs = differs || name != c.Inputs[i].Name
	}
	return differs
}

// learn notes what a call takes from a request whose fields nobody declared.
func (f *fields) learn(x *contract.Field) {
	for i := range f.list {
		if f.list[i].Name != x.Name {
			continue
		}
		if f.list[i].Type == tensor.Untyped {
			f.list[i].Type = x.Type
		}
		if f.list[i].Shape == nil {
			f.list[i].Shape = x.Shape
		}
		f.list[i].Optional = f.list[i].Optional && (x.Optional || x.Default != nil)
	}
}

// agree tells whether a field of one declared type can become another.
func agree(from, to tensor.Datatype) bool {
	return from == to || from == tensor.Untyped || to == tensor.Untyped || from.IsNumber() && to.IsNumber()
}

// reads checks the fields that a condition reads.
func (t *typeChecker) reads(c *condition.Condition, at *Info, in, reply *fields, values map[string]*fields) {
	if c == nil {
		return
	}
	for _, f := range c.Reads.Fields {
		of := in
		switch {
		case f.From == "out":
			of = reply
		case f.From != "":
			of = values[f.From]
		}
		if f.Name == "" || of == nil || of.part(f.Name) {
			continue
		}
		if got, known := of.find(f.Name); known && got == nil {
			t.report(CodeNoOutput, at, of.names(), "%q reads %s, which no contract gives", c.Text, f)
		}
	}
}

func (f *fields) part(name string) bool {
	for _, p := range f.parts {
		if p.name == name {
			return true
		}
	}
	return false
}

// alike is what is known of a value that comes from one of several parts: their fields, if all have the same.
func alike(all []*fields) *fields {
	for _, f := range all {
		if f == nil || f.open || f.names() != all[0].names() {
			return nil
		}
	}
	return all[0]
}
