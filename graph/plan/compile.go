package plan

import "github.com/millrace/millrace/graph/ast"

// Compile checks g, links it with what r finds and compiles it. The plan is nil where the findings have an error; findings
// with Warming set mean that g may be right once another object is there.
func Compile(g *ast.Graph, r Resolver) (*Plan, []Diagnostic) {
	return nil, Check(g)
}

// Check finds what is wrong in g alone, whatever models there are.
func Check(g *ast.Graph) []Diagnostic { return nil }
