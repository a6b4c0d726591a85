package plan

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
)

// prune drops what cannot be reached: arms of weight 0 or after a condition that is always true, tries after one that
// always succeeds. It warns of those that were written for nothing; a weight of 0 says so itself.
func prune(n Node, found *[]Diagnostic, graph string) Node {
	walk(n, func(n Node) {
		switch n := n.(type) {
		case *Choose:
			pruneChoose(n, found, graph)
		case *Cascade:
			for i := range n.Tries {
				rest := len(n.Tries) - i - 1
				if n.Tries[i].Accept == nil && succeeds(n.Tries[i].Part) && (rest > 0 || n.Else != nil) {
					warn(found, graph, n.Base(), "nothing after try %d is ever tried: it always succeeds", i)
					n.Tries, n.Else = n.Tries[:i+1], nil
					break
				}
			}
		}
	})
	return n
}

func pruneChoose(n *Choose, found *[]Diagnostic, graph string) {
	if n.By == ast.ByWeight {
		kept := 0
		for i := range n.Arms {
			if n.Weights[i] > 0 {
				n.Arms[kept], n.Weights[kept], n.Hashes[kept] = n.Arms[i], n.Weights[i], n.Hashes[i]
				kept++
			}
		}
		n.Arms, n.Weights, n.Hashes, n.Else = n.Arms[:kept], n.Weights[:kept], n.Hashes[:kept], nil
		return
	}
	if n.By != ast.ByCondition {
		return
	}
	for i := range n.Arms {
		if strings.TrimSpace(n.Arms[i].When.Text) != "true" {
			continue
		}
		if i+1 < len(n.Arms) || n.Else != nil {
			warn(found, graph, n.Base(), "nothing after arm %s is ever chosen: its condition is always true", n.Arms[i].Name)
		}
		n.Arms, n.Weights, n.Hashes, n.Else = n.Arms[:i+1], n.Weights[:i+1], n.Hashes[:i+1], nil
		return
	}
}

// succeeds tells whether a part cannot fail.
func succeeds(n Node) bool {
	switch n := n.(type) {
	case *Answer:
		return n.Failure == nil
	case *Pass:
		return true
	}
	return false
}

func warn(found *[]Diagnostic, graph string, at *Info, format string, args ...any) {
	*found = append(*found, Diagnostic{Code: CodeUnreachable, Severity: diagnostic.Warning, Pos: at.Pos, Graph: graph, Path: at.Path, Message: fmt.Sprintf(format, args...)})
}
