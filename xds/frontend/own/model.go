package own

import (
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/tensor"
	"github.com/millrace/millrace/xds/api/algebra"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/frontend/document"
)

func (r *reader) model(m document.Map, objects *frontend.Objects) {
	out := &frontend.Model{Namespace: r.doc.Namespace, Name: r.doc.Name, Pos: m.Pos(), Positions: map[string]ast.Position{}}
	server := m.Get("server")
	inline := false
	for _, f := range serverFields {
		inline = inline || m.Has(f)
	}
	switch {
	case server.Present() && inline:
		server.Refuse(document.CodeValue, "keep one of them", "a model names its server or has the server's fields itself, not both")
	case server.IsMap():
		s := server.Map()
		objects.Servers = append(objects.Servers, r.server(s, r.doc.Name))
		s.Done()
		out.Server = r.doc.Name
	case server.Present():
		out.Server = server.String()
	case inline:
		objects.Servers = append(objects.Servers, r.server(m, r.doc.Name))
		out.Server = r.doc.Name
	default:
		m.Required("server", "the name of a Server, or a server's own fields (protocol, urls, command …)")
	}
	remote := m.Get("model").String()
	if remote == "" {
		remote = r.doc.Name
	}
	out.Remote, out.Version, _ = strings.Cut(remote, "@")
	if v := m.Get("path"); v.Present() {
		if out.Path = v.String(); !strings.HasPrefix(out.Path, "/") {
			v.Refuse(document.CodeValue, "it starts with a slash", "%q is not a path", out.Path)
		}
	}
	out.Contract = r.contract(m, out.Positions)
	if v := m.Get("askable"); v.Present() {
		b := v.Bool()
		out.Askable = &b
	}
	out.Pure = m.Get("pure").Bool()
	if !inline {
		out.Headers, out.Timeout, out.Idempotence = headers(m), m.Get("timeout").Duration(), idempotence(m)
	}
	m.Done()
	objects.Models = append(objects.Models, out)
}

func (r *reader) contract(m document.Map, positions map[string]ast.Position) *contract.Contract {
	inputs, outputs := m.Get("inputs"), m.Get("outputs")
	params, answer := m.Get("parameters"), m.Get("answer")
	if !inputs.Present() && !outputs.Present() && !params.Present() && !answer.Present() {
		return nil
	}
	c := &contract.Contract{
		Inputs: r.fields(inputs.Map(), positions, true), Outputs: r.fields(outputs.Map(), positions, false),
		Parameters: parameters(params.Map()), Answer: answer.String(),
	}
	for _, p := range contract.Check(c) {
		at := m.Pos()
		if pos, ok := positions[algebra.FieldKey(p.Side == contract.Output, p.Field)]; ok {
			at = pos
		}
		if p.Side == contract.Whole && answer.Present() {
			at = answer.Pos()
		}
		remedy := p.Remedy
		p.Remedy = ""
		r.found = append(r.found, diagnostic.Diagnostic{Code: document.CodeValue, Pos: at, Message: subject(r.doc) + ": " + p.Error(), Remedy: remedy})
	}
	return c
}

func (r *reader) fields(m document.Map, positions map[string]ast.Position, input bool) []contract.Field {
	var out []contract.Field
	for _, name := range m.Keys() {
		v := m.Get(name)
		f := contract.Field{Name: name}
		positions[algebra.FieldKey(!input, name)] = m.KeyPos(name)
		if v.IsScalar() || !v.Present() {
			f.Type = datatype(v)
			out = append(out, f)
			continue
		}
		fm := v.Map()
		f.Tensor = fm.Get("tensor").String()
		f.Type = datatype(fm.Get("type"))
		if s := fm.Get("shape"); s.Present() {
			shape, err := contract.ParseShape(s.Strings())
			if err != nil {
				s.Refuse(document.CodeValue, "", "%v", err)
			}
			f.Shape = shape
		}
		f.Parameters = parameters(fm.Get("parameters").Map())
		if input {
			f.Optional = fm.Get("optional").Bool()
			if d := fm.Get("default"); d.Present() {
				t := constant(d, name, f.Type)
				f.Default, f.Optional = &t, true
			}
		}
		fm.Done()
		out = append(out, f)
	}
	return out
}

func datatype(v document.Value) tensor.Datatype {
	if !v.Present() {
		return tensor.Untyped
	}
	d, err := contract.ParseType(v.String())
	if err != nil {
		v.Refuse(document.CodeValue, "", "%v", err)
	}
	return d
}
