package plan

import (
	"fmt"

	"github.com/millrace/millrace/graph/ast"
)

// share gives identical calls of pure models a class: those that get the same message are asked once in a run. Calls with policies
// of their own, and those that may be given up early (below a first good reply or a quorum), are not shared.
func share(p *Plan) {
	same := map[string][]*Call{}
	var order []string
	var visit func(n Node)
	visit = func(n Node) {
		if par, ok := n.(*Parallel); ok && (par.Combine.By == ast.First || par.Need > 0) {
			return
		}
		if c, ok := n.(*Call); ok && c.Model.Pure && !c.HasPolicies() && !c.Tolerate {
			key := fmt.Sprintf("%s/%s@%s %d %v", c.Model.Namespace, c.Model.Name, c.Version, c.Method, c.Parameters)
			if same[key] == nil {
				order = append(order, key)
			}
			same[key] = append(same[key], c)
		}
		if t, ok := n.(*Tap); ok {
			visit(t.Part) // shadows have runs of their own
			return
		}
		for _, c := range children(n) {
			visit(c)
		}
	}
	visit(p.Root)
	class := 0
	for _, key := range order {
		if len(same[key]) < 2 {
			continue
		}
		class++
		for _, c := range same[key] {
			c.Share = class
		}
	}
}
