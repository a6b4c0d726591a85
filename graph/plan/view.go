package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/message"
)

// view is a node as it is shown: what it does, how its input gets there and why, and what is below it.
type view struct {
	Operator string   `json:"operator"`
	Role     string   `json:"role,omitempty"` // what the node is to the one above, as "when …" or "out of steps"
	Name     string   `json:"name,omitempty"`
	Path     string   `json:"path"`
	Model    string   `json:"model,omitempty"`
	Detail   string   `json:"detail,omitempty"`
	Policies []string `json:"policies,omitempty"`
	Edge     string   `json:"edge,omitempty"`
	Below    []*view  `json:"below,omitempty"`
}

// source is where a message comes from: the client, a server that speaks dialects, or the engine.
type source struct {
	client   bool
	dialects []message.Dialect
}

// show returns the view of n and where its reply comes from.
func show(n Node, in source, original source) (*view, source) {
	i := n.Base()
	w := &view{Name: i.Name, Path: i.Path, Policies: policies(i)}
	if i.Why != "" {
		w.Edge = "decoded: " + i.Why
	}
	made := source{}
	sub := func(role string, c Node, from source) source {
		if c == nil {
			return made
		}
		below, out := show(c, from, original)
		below.Role = role
		w.Below = append(w.Below, below)
		return out
	}
	switch n := n.(type) {
	case *Call:
		w.Operator, w.Model = "call", model(n)
		w.Detail = detail(n)
		w.Edge = edge(n, in)
		return w, source{dialects: n.Model.Dialects}
	case *Graph:
		w.Operator = "graph"
		below, out := show(n.Root, in, in)
		w.Below = []*view{below}
		return w, out
	case *Scope:
		below, out := show(n.Part, in, in)
		return below, out
	case *Original:
		w.Operator, w.Name, w.Edge = "original", "", ""
		return w, sub("", n.Part, original)
	case *Chain:
		w.Operator, w.Name = "chain", label(n.Parts[len(n.Parts)-1], i)
		for _, p := range n.Parts {
			in = sub("", p, in)
		}
		return w, in
	case *Parallel:
		w.Operator, w.Detail = "parallel", combiner(n)
		for _, p := range n.Parts {
			sub("", p, in)
		}
		if n.Combine.Server != nil {
			return w, sub("combined by", n.Combine.Server, made)
		}
		return w, made
	case *Steps:
		w.Operator, w.Name = "steps", ""
		for k := range n.Steps {
			s := &n.Steps[k]
			from := in
			if len(s.In) > 0 {
				from = made
			}
			sub(stepRole(n, s), s.Part, from)
		}
		w.Detail = "at once: " + levels(n)
		return w, made
	case *Choose:
		w.Operator, w.Detail = "choose", chooser(n)
		if n.Router != nil {
			sub("router", n.Router, in)
		}
		for k := range n.With {
			if n.source(k) == k {
				sub("with "+n.With[k].Name, n.With[k].Part, in)
			}
		}
		for k := range n.Arms {
			sub(armRole(n, k), n.Arms[k].Part, in)
		}
		sub("else", n.Else, in)
		return w, made
	case *Cascade:
		w.Operator, w.Detail = "cascade", rowsText(n.Rows)
		for k := range n.Tries {
			role := "try"
			if a := n.Tries[k].Accept; a != nil {
				role = "accept if " + a.Text
			}
			sub(role, n.Tries[k].Part, in)
			if r := reads(n.Tries[k].Accept, "out"); r != "" {
				w.Below[k].Detail = strings.TrimPrefix(w.Below[k].Detail+"; reply decoded: accept reads "+r, "; ")
			}
		}
		sub("else", n.Else, in)
		return w, made
	case *Guard:
		w.Operator, w.Name, w.Detail = "guard", "", "if "+n.If.Text
		sub("then", n.Then, in)
		sub("else", n.Else, in)
		return w, made
	case *Tap:
		w.Operator, w.Name = "tap", ""
		out := sub("", n.Part, in)
		for k := range n.Shadows {
			sub(fmt.Sprintf("shadow %s%%", number(n.Shadows[k].Percent)), n.Shadows[k].To, in)
		}
		return w, out
	case *Map:
		w.Operator, w.Detail = "map", operations(n)
		return w, made
	case *Answer:
		w.Operator = "answer"
		return w, made
	case *Pass:
		w.Operator = "pass"
		return w, in
	}
	return w, made
}

// edge says how a call's input gets to its server.
func edge(n *Call, in source) string {
	ds := n.Model.Dialects
	switch {
	case n.Why != "":
		return "decoded: " + n.Why
	case len(ds) == 0:
		return ""
	case in.client:
		return "passes undecoded from a client of " + dialects(ds) + ", else converted to " + ds[0].String()
	case len(in.dialects) == 0:
		return "encoded as " + ds[0].String()
	}
	for _, d := range in.dialects {
		if slices.Contains(ds, d) {
			return "passes undecoded (" + d.String() + ")"
		}
	}
	return in.dialects[0].String() + "→" + ds[0].String() + ": its server speaks only " + dialects(ds)
}

func dialects(ds []message.Dialect) string {
	names := make([]string, len(ds))
	for i, d := range ds {
		names[i] = d.String()
	}
	return strings.Join(names, " or ")
}

func model(n *Call) string {
	name := n.Model.Name
	if n.Version != "" {
		name += "@" + n.Version
	}
	return name
}

func detail(n *Call) string {
	var d []string
	if n.Method != message.Predict {
		d = append(d, n.Method.String())
	}
	if n.Share > 0 {
		d = append(d, "shared "+strconv.Itoa(n.Share))
	}
	if n.Tolerate {
		d = append(d, "its failure is a value")
	}
	return strings.Join(d, ", ")
}

func label(last Node, i *Info) string {
	if last.Base().Name == i.Name {
		return ""
	}
	return i.Name
}

func policies(i *Info) []string {
	var p []string
	if i.Timeout > 0 {
		p = append(p, "timeout "+i.Timeout.String())
	}
	if i.Retry != nil {
		p = append(p, fmt.Sprintf("retry %d", i.Retry.Attempts))
	}
	if i.Breaker != nil {
		p = append(p, "breaker")
	}
	if i.Optional {
		p = append(p, "optional")
	}
	return p
}

var combinerNames = [...]string{"merge", "concat", "mean", "vote", "first good reply", "first in order", "by a server", "JSON object"}

func combiner(n *Parallel) string {
	s := combinerNames[n.Combine.By]
	if n.Combine.Field != "" {
		s += " of " + n.Combine.Field
	}
	if n.Need > 0 {
		s += fmt.Sprintf(", %d needed", n.Need)
	}
	return s
}

var chooserNames = [...]string{"by weight", "by condition", "by a router", "by the caller's wish"}

func chooser(n *Choose) string {
	s := chooserNames[n.By]
	if n.Sticky != nil {
		s += ", sticky by " + n.Sticky.Text
	}
	if r := rowsText(n.Rows); r != "" {
		s += ", " + r
	}
	return s
}

func rowsText(r ast.Rows) string { return [...]string{"", "rows: each", "rows: same"}[r] }

func armRole(n *Choose, k int) string {
	switch {
	case n.By == ast.ByWeight:
		total := 0.0
		for _, w := range n.Weights {
			total += w
		}
		return fmt.Sprintf("%s%% %s", number(n.Weights[k]/total*100), n.Arms[k].Name)
	case n.Arms[k].When != nil:
		return "when " + n.Arms[k].When.Text
	}
	return n.Arms[k].Name
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', 4, 64) }

func stepRole(n *Steps, s *Step) string {
	role := s.Name
	var takes []string
	for _, b := range s.In {
		from := "request"
		if b.From != Request {
			from = n.Steps[b.From].Name
		}
		if b.Output != "" {
			from += "." + b.Output
		}
		if b.Field != "" && b.Field != b.Output {
			from = b.Field + ": " + from
		}
		takes = append(takes, from)
	}
	if len(takes) > 0 {
		role += " takes " + strings.Join(takes, ", ")
	}
	if s.When != nil {
		role += " when " + s.When.Text
	}
	return role
}

// levels groups steps by when they can begin: those of one group run at once.
func levels(n *Steps) string {
	level := make([]int, len(n.Steps))
	var groups [][]string
	for i := range n.Steps {
		for _, a := range n.Steps[i].After {
			level[i] = max(level[i], level[a]+1)
		}
		for len(groups) <= level[i] {
			groups = append(groups, nil)
		}
		groups[level[i]] = append(groups[level[i]], n.Steps[i].Name)
	}
	all := make([]string, len(groups))
	for i, g := range groups {
		all[i] = strings.Join(g, "+")
	}
	return strings.Join(all, ", then ")
}

var operatorNames = [...]string{"rename", "select", "drop", "cast", "reshape", "compute", "set parameter"}

func operations(n *Map) string {
	all := make([]string, len(n.Operations))
	for i := range n.Operations {
		op := &n.Operations[i]
		s := operatorNames[op.Op]
		switch op.Op {
		case ast.Rename:
			s += " " + op.Field + " to " + op.To
		case ast.Select:
			s += " " + strings.Join(op.Fields, ", ")
		case ast.Cast:
			s += " " + op.Field + " to " + op.Type.String()
		case ast.Compute:
			s += " " + op.Field + " = " + op.Value.Text
		default:
			s += " " + op.Field
		}
		all[i] = s
	}
	return strings.Join(all, "; ")
}
