package kserve

import (
	"net/http"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/xds/frontend/document"
)

// sequence runs steps in order. A condition looks at the previous reply; where it does not hold, that reply is the answer,
// with status 200. A step takes the node's request unless it asks for the previous reply.
func sequence(steps []step) ast.Part {
	c := &ast.Chain{}
	for i, s := range steps {
		if s.condition != nil && i > 0 {
			rest := steps[i:]
			rest[0].condition = nil
			stop := &ast.Pass{Status: http.StatusOK}
			g := &ast.Guard{If: s.condition, Then: sequence(rest), Else: stop}
			g.Pos, stop.Pos, g.Then.Base().Pos = s.pos, s.pos, s.pos
			c.Parts = append(c.Parts, g)
			return c
		}
		c.Parts = append(c.Parts, s.input())
	}
	return c
}

// input is the step's part on the value that it asks for.
func (s *step) input() ast.Part {
	if s.response {
		return s.part
	}
	o := &ast.Original{Part: s.part}
	o.Pos = s.pos
	return o
}

func splitter(v document.Value, steps []step) ast.Part {
	c := &ast.Choose{By: ast.ByWeight}
	sum := 0
	for _, s := range steps {
		if !s.weight.Present() {
			s.value.Refuse(document.CodeMissing, "add `weight:`", "a step of a Splitter has no weight")
		}
		n := s.weight.Int(0, 100)
		sum += n
		c.Arms = append(c.Arms, ast.Arm{Name: s.part.Base().Label, Weight: float64(n), Part: s.part, Pos: s.pos})
	}
	if sum != 100 {
		v.Refuse(document.CodeValue, "make the weights add up to 100", "the weights of a Splitter add up to %d", sum)
	}
	return c
}

// switching chooses by conditions on the node's request. Where none holds, the router answers 404 from the root and 500 from
// a nested node.
func switching(steps []step, root bool) ast.Part {
	c := &ast.Choose{By: ast.ByCondition, NoMatch: http.StatusInternalServerError}
	if root {
		c.NoMatch = http.StatusNotFound
	}
	for _, s := range steps {
		c.Arms = append(c.Arms, ast.Arm{Name: s.part.Base().Label, When: s.condition, Part: s.part, Pos: s.pos})
	}
	return c
}

func ensemble(steps []step) ast.Part {
	p := &ast.Parallel{Combine: ast.Combine{By: ast.JSONObject}}
	for _, s := range steps {
		p.Parts = append(p.Parts, s.part)
	}
	return p
}
