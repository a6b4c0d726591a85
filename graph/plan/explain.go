package plan

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/tensor"
)

// Format is a form in which a plan is shown.
type Format string

// The formats of [Explain].
const (
	Text    Format = "text"
	JSON    Format = "json"
	Dot     Format = "dot"
	Mermaid Format = "mermaid"
)

// Explain shows a plan as a database shows a query plan: a tree of what is done, with the reason on each edge why a message is
// decoded, converted, or passes as it is.
func Explain(p *Plan, format Format) (string, error) {
	from := source{client: true}
	root, _ := show(p.Root, from, from)
	switch format {
	case Text, "":
		return textOf(p, root), nil
	case JSON:
		return jsonOf(p, root)
	case Dot:
		return diagram(p, root, "digraph %q {\n  node [shape=box]\n", "  n%d [label=%q]\n", "  n%d -> n%d [label=%q]\n", "}\n"), nil
	case Mermaid:
		return strings.ReplaceAll(diagram(p, root, "%%%% %s\nflowchart TD\n", "  n%d[%q]\n", "  n%d -->|%q| n%d\n", ""), `\"`, "#quot;"), nil
	}
	return "", fmt.Errorf("explain %s: there is no format %q; there are text, json, dot and mermaid", p.Name, format)
}

func textOf(p *Plan, root *view) string {
	var b strings.Builder
	fmt.Fprintf(&b, "graph %s: the request is needed %s\n", fullName(p.Namespace, p.Name), [...]string{"not at all", "as a stream", "whole", "decoded"}[p.Need])
	if s := fieldList(p.Inputs); s != "" {
		b.WriteString("inputs: " + s + "\n")
	}
	if s := fieldList(p.Outputs); s != "" {
		b.WriteString("outputs: " + s + "\n")
	}
	root.text(&b, "", "")
	return b.String()
}

func (v *view) text(b *strings.Builder, first, rest string) {
	b.WriteString(first + v.line() + "\n")
	if v.Edge != "" {
		b.WriteString(rest)
		if len(v.Below) > 0 {
			b.WriteString("│")
		} else {
			b.WriteString(" ")
		}
		b.WriteString("    ← " + v.Edge + "\n")
	}
	for i, c := range v.Below {
		if i == len(v.Below)-1 {
			c.text(b, rest+"└─ ", rest+"   ")
		} else {
			c.text(b, rest+"├─ ", rest+"│  ")
		}
	}
}

// line is a node in one line.
func (v *view) line() string {
	s := v.Operator
	if v.Model != "" {
		s += " " + v.Model
	}
	if v.Name != "" && v.Name != v.Model && v.Name != v.Operator {
		s += " as " + v.Name
	}
	if v.Detail != "" {
		s += " (" + v.Detail + ")"
	}
	if v.Role != "" {
		s = v.Role + ": " + s
	}
	if len(v.Policies) > 0 {
		s += " [" + strings.Join(v.Policies, ", ") + "]"
	}
	return s
}

func fieldList(fs []contract.Field) string {
	all := make([]string, len(fs))
	for i := range fs {
		all[i] = fs[i].Name
		if fs[i].Type != tensor.Untyped {
			all[i] += " " + fs[i].Type.String()
		}
	}
	return strings.Join(all, ", ")
}

func jsonOf(p *Plan, root *view) (string, error) {
	type field struct {
		Name string `json:"name"`
		Type string `json:"type,omitempty"`
	}
	list := func(fs []contract.Field) []field {
		var out []field
		for i := range fs {
			f := field{Name: fs[i].Name}
			if fs[i].Type != tensor.Untyped {
				f.Type = fs[i].Type.String()
			}
			out = append(out, f)
		}
		return out
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(struct {
		Namespace string  `json:"namespace"`
		Name      string  `json:"name"`
		Need      string  `json:"need"`
		Inputs    []field `json:"inputs,omitempty"`
		Outputs   []field `json:"outputs,omitempty"`
		Plan      *view   `json:"plan"`
	}{p.Namespace, p.Name, p.Need.String(), list(p.Inputs), list(p.Outputs), root})
	return b.String(), err
}

// diagram writes nodes and edges by the formats of a language.
func diagram(p *Plan, root *view, head, node, edge, tail string) string {
	var b strings.Builder
	fmt.Fprintf(&b, head, fullName(p.Namespace, p.Name))
	next := 0
	var visit func(v *view) int
	visit = func(v *view) int {
		id := next
		next++
		bare := *v
		bare.Role = ""
		fmt.Fprintf(&b, node, id, bare.line())
		for _, c := range v.Below {
			below := visit(c)
			label := c.Role
			if c.Edge != "" {
				label = strings.TrimPrefix(label+"; "+c.Edge, "; ")
			}
			if strings.Contains(edge, "|") { // the label stands between the nodes
				if label == "" {
					fmt.Fprintf(&b, "  n%d --> n%d\n", id, below)
				} else {
					fmt.Fprintf(&b, edge, id, label, below)
				}
				continue
			}
			fmt.Fprintf(&b, edge, id, below, label)
		}
		return id
	}
	visit(root)
	b.WriteString(tail)
	return b.String()
}
