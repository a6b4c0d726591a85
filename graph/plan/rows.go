package plan

import (
	"fmt"

	"github.com/millrace/millrace/graph/ast"
)

// checkRows makes sure that what decides row by row has below it only models whose batches can be split, and marks fixed
// answers there to be given for each row.
func checkRows(p *Plan, found *[]Diagnostic) {
	walk(p.Root, func(n Node) {
		rows := ast.RowsWhole
		switch n := n.(type) {
		case *Choose:
			rows = n.Rows
		case *Cascade:
			rows = n.Rows
		}
		if rows == ast.RowsWhole {
			return
		}
		for _, below := range children(n) {
			walk(below, func(b Node) {
				switch b := b.(type) {
				case *Answer:
					b.PerRow = true
				case *Call:
					if b.unknown || b.Model.Batched {
						return
					}
					*found = append(*found, Diagnostic{
						Code: CodeRows, Pos: b.Pos, Graph: b.Graph, Path: b.Path, Remedy: "declare the batch axis of every input and output in its contract: `shape: [rows]`",
						Message: fmt.Sprintf("%s decides row by row, and model %q does not say what its rows are", orRoot(n.Base().Path), b.Model.Name),
					})
				}
			})
		}
	})
}
