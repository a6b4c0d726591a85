package golden

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/frontend/document"
)

// Objects prints objects, one line for what is short and a tree for graphs.
func Objects(o *frontend.Objects) string {
	var b strings.Builder
	for _, s := range o.Servers {
		server(&b, s)
	}
	for _, m := range o.Models {
		model(&b, m)
	}
	for _, g := range o.Graphs {
		fmt.Fprintf(&b, "graph %s/%s from %s at %s", g.Namespace, g.Name, g.Origin, g.Pos)
		words(&b, "rules", [...]string{"", "seldon", "kserve"}[g.Rules])
		if g.AskableSet {
			words(&b, "askable", fmt.Sprint(g.Askable))
		}
		words(&b, "inputs", fields(g.Inputs))
		words(&b, "outputs", fields(g.Outputs))
		if g.Address != nil {
			words(&b, "address", strings.Join(strings.Fields(g.Address.String()), " "))
		}
		b.WriteByte('\n')
		Part(&b, g.Root, "  ")
	}
	return b.String()
}

func words(b *strings.Builder, name, value string) {
	if value != "" {
		b.WriteString("; " + name + " " + value)
	}
}

func fields(fs []ast.Field) string {
	var out []string
	for _, f := range fs {
		out = append(out, f.Name+" "+f.Type.String())
	}
	return strings.Join(out, ", ")
}

func server(b *strings.Builder, s *frontend.Server) {
	fmt.Fprintf(b, "server %s/%s speaks %s at %s", s.Namespace, s.Name, s.Protocol, s.Pos)
	if s.Place != s.Name {
		words(b, "place", s.Place)
	}
	for _, u := range s.URLs {
		words(b, [...]string{"rest", "grpc"}[u.Transport], fmt.Sprintf("%s port %d path %q tls %v", u.Host, u.Port, u.Path, u.TLS))
	}
	if r := s.Run; r != nil {
		words(b, "runs", strings.TrimSpace(fmt.Sprintf("%v %s %v in %s", r.Command, r.Python, r.Requirements, r.Dir)))
	}
	words(b, "prefix", s.Prefix)
	for _, h := range s.Headers {
		words(b, "header", h.GetName()+": "+h.GetValue())
	}
	if s.TLS != nil {
		words(b, "tls", fmt.Sprintf("ca %q name %q", s.TLS.CAFile, s.TLS.ServerName))
	}
	if s.Timeout > 0 {
		words(b, "timeout", s.Timeout.String())
	}
	if s.Discover {
		words(b, "models", "discovered")
	}
	if s.Idempotence != 0 {
		words(b, "is", s.Idempotence.String())
	}
	b.WriteByte('\n')
}

func model(b *strings.Builder, m *frontend.Model) {
	fmt.Fprintf(b, "model %s/%s is %s of %s at %s", m.Namespace, m.Name, m.Remote, m.Server, m.Pos)
	words(b, "version", m.Version)
	words(b, "path", m.Path)
	if m.Opaque {
		words(b, "bodies", "pass")
	}
	if m.Askable != nil {
		words(b, "askable", fmt.Sprint(*m.Askable))
	}
	if m.Pure {
		words(b, "is", "pure")
	}
	if c := m.Contract; c != nil {
		words(b, "takes", contractFields(c.Inputs))
		words(b, "gives", contractFields(c.Outputs))
		words(b, "answer", c.Answer)
		for _, p := range c.Parameters {
			words(b, "parameter", p.Name)
		}
	}
	b.WriteByte('\n')
}

func contractFields(fs []contract.Field) string {
	var out []string
	for i := range fs {
		f := &fs[i]
		text := f.Name
		if f.Tensor != "" {
			text += "=" + f.Tensor
		}
		text += " " + f.Type.String()
		if f.Shape != nil {
			var dims []string
			for _, d := range f.Shape {
				if d.Rows {
					dims = append(dims, "rows")
				} else {
					dims = append(dims, fmt.Sprint(d.Size))
				}
			}
			text += "[" + strings.Join(dims, ",") + "]"
		}
		if f.Default != nil {
			text += " default " + f.Default.Preview()
		} else if f.Optional {
			text += " optional"
		}
		for _, p := range f.Parameters {
			text += " " + p.Name + "=" + p.Value.String
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// Found prints findings as a person sees them, with src for the carets.
func Found(found []diagnostic.Diagnostic, src []byte) string {
	var b strings.Builder
	for _, d := range found {
		if d.Severity == diagnostic.Warning {
			b.WriteString("warning: ")
		}
		b.WriteString(document.Render(d, src) + "\n")
	}
	return b.String()
}
