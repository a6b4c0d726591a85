package own

import (
	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/frontend/document"
)

func (r *reader) graph(m document.Map) *frontend.Graph {
	g := &ast.Graph{Namespace: r.doc.Namespace, Name: r.doc.Name, Origin: "InferenceGraph", Pos: r.doc.Pos}
	g.Inputs, g.Outputs = graphFields(m.Get("inputs").Map()), graphFields(m.Get("outputs").Map())
	out := &frontend.Graph{Graph: g}
	if v := m.Get("askable"); v.Present() {
		g.Askable, out.AskableSet = v.Bool(), true
	}
	if v := m.Required("graph", "an expression such as translate | sentiment, or one operator"); v.Present() {
		g.Root = r.part(v)
	}
	m.Done()
	return out
}

func graphFields(m document.Map) []ast.Field {
	var out []ast.Field
	for _, k := range m.Keys() {
		out = append(out, ast.Field{Name: k, Type: datatype(m.Get(k)), Pos: m.KeyPos(k)})
	}
	return out
}
