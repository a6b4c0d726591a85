package plan

import (
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/condition"
)

// markDecoding says of each node why its input is decoded; of the others that it passes. Whether two servers speak one dialect is
// known only for edges inside the plan, and shown there by Explain.
func markDecoding(p *Plan) {
	walk(p.Root, func(n Node) {
		i := n.Base()
		switch n := n.(type) {
		case *Call:
			if c := n.Model.Contract; !c.Identity() {
				i.Why = "its contract maps " + maps(n)
			}
		case *Map:
			i.Why = "the map works on fields"
		case *Answer:
			if n.PerRow && len(n.Fields) > 0 {
				i.Why = "its rows are counted"
			}
		case *Choose:
			switch {
			case n.Rows != ast.RowsWhole:
				i.Why = "the choice is made row by row"
			case reads(n.Sticky, "") != "":
				i.Why = "sticky reads " + reads(n.Sticky, "")
			default:
				for k := range n.Arms {
					if r := reads(n.Arms[k].When, ""); r != "" {
						i.Why = "when reads " + r
						break
					}
				}
			}
		case *Cascade:
			if n.Rows != ast.RowsWhole {
				i.Why = "replies are accepted row by row"
			} else {
				for k := range n.Tries {
					if r := reads(n.Tries[k].Accept, ""); r != "" {
						i.Why = "accept reads " + r
						break
					}
				}
			}
		case *Guard:
			if r := reads(n.If, ""); r != "" {
				i.Why = "if reads " + r
			}
		case *Steps:
			for k := range n.Steps {
				for _, b := range n.Steps[k].In {
					if b.From == Request && (b.Field != "" || b.Output != "") {
						i.Why = "step " + n.Steps[k].Name + " takes request." + b.Output
						return
					}
				}
			}
		}
	})
}

// reads lists the fields that a condition reads of one of its messages.
func reads(c *condition.Condition, from string) string {
	if c == nil {
		return ""
	}
	var all []string
	for _, f := range c.Reads.Fields {
		if f.From == from {
			all = append(all, f.String())
		}
	}
	return strings.Join(all, ", ")
}

// maps shows the first field whose name or shape a contract changes.
func maps(n *Call) string {
	c := n.Model.Contract
	for i := range c.Inputs {
		if f := &c.Inputs[i]; f.ServerName() != f.Name {
			return f.Name + " to " + f.ServerName()
		}
	}
	for i := range c.Outputs {
		if f := &c.Outputs[i]; f.ServerName() != f.Name {
			return f.ServerName() + " to " + f.Name
		}
	}
	return "shapes or parameters"
}
