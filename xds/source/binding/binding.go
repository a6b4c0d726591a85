package binding

import (
	"path"
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/frontend/document"
	"github.com/millrace/millrace/xds/frontend/own"
)

// FileName is the file that is found beside the objects.
const FileName = "millrace.local.yaml"

// Binding is what one place says of one object.
type Binding struct {
	Name string
	URLs []frontend.URL
	Run  *frontend.Run
	// Server names another object's server that stands for this one.
	Server string
	Path   string // a model's path
	Pos    ast.Position
}

// Parse reads a binding file. Bindings with errors are left out.
func Parse(file string, src []byte) (map[string]*Binding, []diagnostic.Diagnostic) {
	var found []diagnostic.Diagnostic
	m, ok := document.ParseMap(file, src, &found)
	out := map[string]*Binding{}
	if !ok {
		return out, found
	}
	for _, name := range m.Keys() {
		before := len(found)
		b := read(name, m.Get(name), path.Dir(file))
		b.Pos = m.KeyPos(name)
		if len(found) == before {
			out[name] = b
		}
	}
	return out, found
}

func read(name string, v document.Value, dir string) *Binding {
	b := &Binding{Name: name}
	m := v.Map()
	urls := m.Get("urls")
	for _, u := range urls.List() {
		if url, ok := own.URL(u); ok {
			b.URLs = append(b.URLs, url)
		}
	}
	b.Server = m.Get("server").String()
	b.Path = m.Get("path").String()
	b.Run = own.Run(m, dir)
	m.Done()
	switch said := countTrue(len(b.URLs) > 0, b.Server != "", b.Run != nil && (len(b.Run.Command) > 0 || b.Run.Python != "")); {
	case said > 1:
		v.Refuse(document.CodeValue, "keep one of urls, server and command", "the binding of %s says in %d ways where it runs", name, said)
	case len(m.Keys()) == 0 || urls.IsList() && len(urls.List()) == 0:
		v.Refuse(document.CodeMissing, "give urls, a command, or the server that stands for it", "the binding of %s says nothing", name)
	}
	return b
}

func countTrue(bs ...bool) int {
	n := 0
	for _, b := range bs {
		if b {
			n++
		}
	}
	return n
}

// Apply returns s as it runs in this place.
func (b *Binding) Apply(s *frontend.Server) *frontend.Server {
	if b == nil {
		return s
	}
	bound := *s
	if len(b.URLs) > 0 {
		bound.URLs, bound.Run, bound.External = b.URLs, nil, false
		bound.Prefix = strings.TrimSuffix(b.URLs[0].Path, "/")
	}
	if b.Run != nil {
		bound.Run = merge(s.Run, b.Run)
		if len(bound.Run.Command) > 0 || bound.Run.Python != "" {
			bound.URLs, bound.External = nil, false
		}
	}
	return &bound
}

// merge lays what the binding says over what the object says.
func merge(object, place *frontend.Run) *frontend.Run {
	if object == nil {
		return place
	}
	out := *object
	if len(place.Command) > 0 {
		out.Command, out.Dir = place.Command, place.Dir
	}
	if place.Python != "" {
		out.Python, out.Dir = place.Python, place.Dir
	}
	if place.Environment != "" {
		out.Environment = place.Environment
	}
	if place.Requirements != nil {
		out.Requirements = place.Requirements
	}
	if place.Ready != "" {
		out.Ready = place.Ready
	}
	if place.Ports != nil {
		out.Ports = place.Ports
	}
	if place.Replicas > 0 {
		out.Replicas = place.Replicas
	}
	if place.Env != nil {
		env := map[string]string{}
		for k, v := range object.Env {
			env[k] = v
		}
		for k, v := range place.Env {
			env[k] = v
		}
		out.Env = env
	}
	return &out
}
