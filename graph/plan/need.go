package plan

import (
	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/condition"
)

// need finds out how much of the message that reaches n must be there before n can begin.
func need(n Node) Need {
	if n.Base().Retry != nil {
		return max(needOnce(n), sentTwice(needOnce(n)))
	}
	return needOnce(n)
}

func needOnce(n Node) Need {
	switch n := n.(type) {
	case *Answer:
		if n.PerRow && len(n.Fields) > 0 {
			return NeedTensors
		}
		return NeedNone
	case *Pass:
		return NeedWhole // it is the reply
	case *Call:
		if n.Why != "" {
			return NeedTensors
		}
		return NeedPrefix
	case *Graph:
		return need(n.Root)
	case *Scope:
		return need(n.Part)
	case *Original:
		return need(n.Part)
	case *Map:
		return NeedTensors
	case *Chain:
		return together(need(n.Parts[0]), again(n.Parts[1:]...))
	case *Parallel:
		out := NeedNone
		for _, p := range n.Parts {
			out = together(out, need(p))
		}
		return out
	case *Steps:
		return needOfSteps(n)
	case *Choose:
		return needOfChoice(n)
	case *Cascade:
		if n.Rows != ast.RowsWhole {
			return NeedTensors
		}
		out := NeedNone
		for i := range n.Tries {
			out = together(out, need(n.Tries[i].Part))
			out = max(out, reading(n.Tries[i].Accept))
		}
		if n.Else != nil {
			out = together(out, need(n.Else))
		}
		return out
	case *Guard:
		return max(reading(n.If), need(n.Then), need(n.Else))
	case *Tap:
		out := need(n.Part)
		for i := range n.Shadows {
			out = max(together(out, need(n.Shadows[i].To)), reading(n.Shadows[i].By))
		}
		return out
	}
	return NeedWhole
}

func needOfSteps(n *Steps) Need {
	out := NeedNone
	for i := range n.Steps {
		s := &n.Steps[i]
		out = max(out, reading(s.When))
		if len(s.In) == 0 {
			out = together(out, need(s.Part))
			continue
		}
		for _, b := range s.In {
			if b.From != Request {
				continue
			}
			if b.Field != "" || b.Output != "" || len(s.In) > 1 {
				out = NeedTensors
			} else {
				out = together(out, need(s.Part))
			}
		}
		out = max(out, again(s.Part))
	}
	for _, b := range n.Out {
		if b.From == Request {
			out = NeedTensors
		}
	}
	return out
}

func needOfChoice(n *Choose) Need {
	if n.Rows != ast.RowsWhole {
		return NeedTensors
	}
	arms := NeedNone
	out := reading(n.Sticky)
	for i := range n.Arms {
		arms = max(arms, need(n.Arms[i].Part))
		out = max(out, reading(n.Arms[i].When))
	}
	if n.Else != nil {
		arms = max(arms, need(n.Else))
	}
	if n.Router != nil {
		arms = sentTwice(together(arms, need(n.Router)))
	}
	for i := range n.With {
		arms = together(arms, need(n.With[i].Part))
	}
	return max(out, arms)
}

// together is the need of two parts that both get the message.
func together(a, b Need) Need {
	if a > NeedNone && b > NeedNone {
		return max(a, b, NeedWhole)
	}
	return max(a, b)
}

func sentTwice(n Need) Need {
	if n == NeedPrefix {
		return NeedWhole
	}
	return n
}

// again is the need of parts that do not get the message themselves, but may have an Original below that takes it.
func again(parts ...Node) Need {
	out := NeedNone
	for _, p := range parts {
		switch p := p.(type) {
		case *Original:
			out = together(out, need(p.Part))
		case *Scope, *Graph: // an Original below means another request
		default:
			out = together(out, again(children(p)...))
		}
	}
	return out
}

func reading(c *condition.Condition) Need {
	switch {
	case c == nil:
		return NeedNone
	case c.Reads.Decodes(""):
		return NeedTensors
	case c.Reads.Bytes:
		return NeedWhole
	}
	return NeedNone
}
