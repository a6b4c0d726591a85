package plan

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/condition"
	"github.com/millrace/millrace/protocol/tensor"
)

func (c *checker) parallel(p *ast.Parallel, path string) {
	by := p.Combine
	if len(p.Parts) > 0 || by.By != ast.JSONObject { // KServe's Ensemble without steps answers {}
		c.parts(p.Parts, "parallel", p.Pos, path)
	}
	names := make([]string, len(p.Parts))
	for i, part := range p.Parts {
		names[i] = partName(part)
	}
	if by.By == ast.Merge || by.By == ast.JSONObject {
		c.distinct(p, names, path)
	}
	if p.Need < 0 || p.Need > len(p.Parts) {
		c.report(CodeQuorum, p.Pos, path, "", "%s: %d good replies are needed of %d parts", orRoot(path), p.Need, len(p.Parts))
	}
	if by.By > ast.JSONObject {
		c.unsupported(fmt.Sprintf("combiner %d", by.By), by.Pos, path)
	}
	if (by.By == ast.ByServer) != (by.Server != nil) {
		c.report(CodeCombine, by.Pos, path, "", "%s: a combiner by server needs a server, and no other has one", orRoot(path))
	}
	if by.Server != nil {
		c.part(by.Server, below(path, "combine", by.Server))
	}
	total := 0.0
	for _, name := range names {
		w, ok := by.Weights[name]
		if !ok {
			w = 1
		}
		if w < 0 || math.IsNaN(w) || math.IsInf(w, 0) {
			c.report(CodeCombine, by.Pos, path, "", "%s: the weight of %s is %v", orRoot(path), name, w)
		}
		total += w
	}
	if len(names) > 0 && total == 0 {
		c.report(CodeCombine, by.Pos, path, "", "%s: all weights are zero", orRoot(path))
	}
	for name := range by.Weights {
		if !slices.Contains(names, name) {
			c.report(CodeCombine, by.Pos, path, "there are "+strings.Join(names, ", "), "%s: a weight names %q, which is no part", orRoot(path), name)
		}
	}
	if by.Tie != "" && !slices.Contains(names, by.Tie) {
		c.report(CodeCombine, by.Pos, path, "there are "+strings.Join(names, ", "), "%s: the tie goes to %q, which is no part", orRoot(path), by.Tie)
	}
}

// distinct makes sure that the parts of a merge can be told apart.
func (c *checker) distinct(p *ast.Parallel, names []string, path string) {
	for i, name := range names {
		switch {
		case p.Parts[i] == nil:
		case slices.Index(names, name) < i:
			c.report(CodeNames, p.Parts[i].Base().Pos, path, "give one of them a label", "%s: two parts are called %q", orRoot(path), name)
		case strings.Contains(name, ".") && p.Combine.By == ast.Merge:
			c.report(CodeNames, p.Parts[i].Base().Pos, path, "give it a label", "%s: the part's name %q has a dot", orRoot(path), name)
		}
	}
}

func (c *checker) steps(p *ast.Steps, path string) {
	if len(p.Steps) == 0 {
		c.report(CodeEmpty, p.Pos, path, "", "%s: steps has no steps", orRoot(path))
	}
	var before []string
	for i := range p.Steps {
		s := &p.Steps[i]
		pos := s.Pos
		at := below(path, "steps."+s.Name, s.Part)
		switch {
		case s.Name == "":
			c.report(CodeSteps, pos, at, "", "step %d has no name", i)
		case s.Name == "request":
			c.report(CodeSteps, pos, at, "", "a step is called %q, which is the graph's input", s.Name)
		case slices.Contains(before, s.Name):
			c.report(CodeSteps, pos, at, "", "two steps are called %q", s.Name)
		}
		for _, b := range s.In {
			c.binding(p, b, before, "step "+s.Name, at)
		}
		if s.When != nil {
			c.condition(s.When, condition.WantBool, condition.Scope{Names: before}, pos, at)
		}
		c.part(s.Part, at)
		before = append(before, s.Name)
	}
	for _, b := range p.Out {
		c.binding(p, b, before, "out", path)
	}
}

func (c *checker) binding(p *ast.Steps, b ast.Binding, before []string, who, path string) {
	if b.From == "request" || slices.Contains(before, b.From) {
		return
	}
	for i := range p.Steps {
		if p.Steps[i].Name == b.From {
			c.report(CodeSteps, b.Pos, path, "write the steps in the order in which they take from each other", "%s takes from %q, which does not stand before it", who, b.From)
			return
		}
	}
	c.report(CodeSteps, b.Pos, path, "there is "+strings.Join(append([]string{"request"}, before...), ", "), "%s takes from %q, which is no step", who, b.From)
}

func (c *checker) choose(p *ast.Choose, path string) {
	if len(p.Arms) == 0 {
		c.report(CodeEmpty, p.Pos, path, "", "%s: choose has no arms", orRoot(path))
	}
	var names []string
	for i := range p.With {
		w := &p.With[i]
		switch {
		case w.Name == "" || w.Name == "request" || w.Name == "out":
			c.report(CodeNames, w.Pos, path, "", "%s: a value of `with` cannot be called %q", orRoot(path), w.Name)
		case slices.Contains(names, w.Name):
			c.report(CodeNames, w.Pos, path, "", "%s: two values of `with` are called %q", orRoot(path), w.Name)
		}
		names = append(names, w.Name)
		c.part(w.Part, below(path, "with."+w.Name, w.Part))
	}
	values := condition.Scope{Names: names}
	total, arms := 0.0, armNames(p)
	for i := range p.Arms {
		a, name := &p.Arms[i], arms[i]
		if slices.Index(arms, name) < i {
			c.report(CodeNames, a.Pos, path, "name the arms", "%s: two arms are called %q", orRoot(path), name)
		}
		if p.By == ast.ByCondition {
			c.condition(a.When, condition.WantBool, values, a.Pos, path)
		} else if a.When != nil {
			c.report(CodeCondition, a.Pos, path, "", "%s: arm %s has a condition, and the choice is not by condition", orRoot(path), name)
		}
		if p.By == ast.ByWeight && (a.Weight < 0 || math.IsNaN(a.Weight) || math.IsInf(a.Weight, 0)) {
			c.report(CodeWeights, a.Pos, path, "", "%s: the weight of arm %s is %v", orRoot(path), name, a.Weight)
		}
		total += a.Weight
		c.part(a.Part, below(path, "choose."+name, a.Part))
	}
	if p.By == ast.ByWeight && len(p.Arms) > 0 && !(total > 0) {
		c.report(CodeWeights, p.Pos, path, "give at least one arm a weight above zero", "%s: the weights of the split are all zero", orRoot(path))
	}
	if p.Sticky != nil {
		c.condition(p.Sticky, condition.WantKey, values, p.Pos, path)
	}
	switch p.By {
	case ast.ByServerRoute:
		if p.Router == nil {
			c.report(CodeEmpty, p.Pos, path, "", "%s: a choice by a router has no router", orRoot(path))
		} else {
			c.part(p.Router, below(path, "router", p.Router))
		}
		if p.Rows != ast.RowsWhole {
			c.unsupported("rows with a router server", p.Pos, path)
		}
	case ast.ByWish:
		if p.Wish == "" {
			c.report(CodeEmpty, p.Pos, path, "", "%s: a choice by the caller's wish names no header", orRoot(path))
		}
	}
	if p.Else != nil {
		c.part(p.Else, below(path, "else", p.Else))
	}
}

func (c *checker) cascade(p *ast.Cascade, path string) {
	if len(p.Tries) == 0 {
		c.report(CodeEmpty, p.Pos, path, "", "%s: cascade has no tries", orRoot(path))
	}
	for i := range p.Tries {
		t := &p.Tries[i]
		at := below(path, fmt.Sprintf("cascade[%d]", i), t.Part)
		c.part(t.Part, at)
		if t.Accept != nil {
			if t.Accept.Language != ast.CEL {
				c.unsupported("accept by a GJSON path", t.Pos, at)
				continue
			}
			c.condition(t.Accept, condition.WantBool, condition.Scope{Reply: true}, t.Pos, at)
		}
	}
	if p.Else != nil {
		c.part(p.Else, below(path, "else", p.Else))
	}
}

func (c *checker) tap(p *ast.Tap, path string) {
	c.part(p.Part, below(path, "run", p.Part))
	if len(p.Shadows) == 0 {
		c.report(CodeEmpty, p.Pos, path, "", "%s: tap has no shadows", orRoot(path))
	}
	for i := range p.Shadows {
		s := &p.Shadows[i]
		at := below(path, fmt.Sprintf("shadow[%d]", i), s.To)
		c.part(s.To, at)
		if !(s.Percent >= 0 && s.Percent <= 100) || s.InFlight < 0 || s.Timeout < 0 {
			c.report(CodePolicy, s.Pos, at, "percent is between 0 and 100", "%s: a shadow's values are out of range", at)
		}
		if s.Key != nil {
			c.condition(s.Key, condition.WantKey, condition.Scope{}, s.Pos, at)
		}
		for _, x := range s.Compare {
			if x.Field == "" || !(x.Abs >= 0) {
				c.report(CodePolicy, s.Pos, at, "", "%s: a comparison needs a field, and a tolerance of 0 or more", at)
			}
		}
	}
}

func (c *checker) mapping(p *ast.Map, path string) {
	if len(p.Operations) == 0 {
		c.report(CodeEmpty, p.Pos, path, "", "%s: map has no operations", orRoot(path))
	}
	for i := range p.Operations {
		op := &p.Operations[i]
		ok := op.Field != ""
		switch op.Op {
		case ast.Rename:
			ok = ok && op.To != ""
		case ast.Select:
			ok = len(op.Fields) > 0
		case ast.Cast:
			ok = ok && op.Type != tensor.Untyped
		case ast.Reshape:
			ok = ok && op.Shape != nil
		case ast.Compute:
			c.condition(op.Value, condition.WantValue, condition.Scope{}, op.Pos, path)
			if op.Value != nil && op.Value.Language != ast.CEL {
				ok = false
			}
		case ast.Drop, ast.SetParameter:
		default:
			c.unsupported(fmt.Sprintf("map operation %d", op.Op), op.Pos, path)
		}
		if !ok {
			c.report(CodeMap, op.Pos, path, "", "%s: operation %d of the map is incomplete", orRoot(path), i)
		}
	}
}

// armNames are the names of a chooser's arms: their own, else their parts', told apart by a number where these are the same.
func armNames(p *ast.Choose) []string {
	names := make([]string, len(p.Arms))
	for i := range p.Arms {
		name := p.Arms[i].Name
		if name == "" {
			name = partName(p.Arms[i].Part)
			if name == "" || slices.Contains(names[:i], name) {
				name = fmt.Sprintf("%s#%d", name, i)
			}
		}
		names[i] = name
	}
	return names
}
