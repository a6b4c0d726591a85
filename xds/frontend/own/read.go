package own

import (
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/frontend/document"
)

// Group is the API group of the kinds that the package reads, Version the version it reads.
const (
	Group   = "millrace.io"
	Version = "millrace.io/v1alpha1"
)

// Kinds are the kinds that the package reads.
var Kinds = []string{"Server", "Model", "InferenceGraph"}

// Read turns a document of one of Kinds into objects. Objects of a document with errors are nil.
func Read(doc *document.Document) (*frontend.Objects, []diagnostic.Diagnostic) {
	r := &reader{doc: doc}
	body := doc.Body(&r.found, subject(doc))
	spec := body.Required("spec", "the object's specification").Map()
	body.Ignore("status")
	body.Done()
	objects := &frontend.Objects{}
	switch doc.Kind {
	case "Server":
		s := r.server(spec, doc.Name)
		spec.Done()
		objects.Servers = append(objects.Servers, s)
	case "Model":
		r.model(spec, objects)
	case "InferenceGraph":
		objects.Graphs = append(objects.Graphs, r.graph(spec))
	}
	if diagnostic.Fatal(r.found) {
		return nil, r.found
	}
	return objects, r.found
}

func subject(doc *document.Document) string {
	switch doc.Kind {
	case "Server":
		return "server " + doc.Name
	case "Model":
		return "model " + doc.Name
	}
	return "graph " + doc.Name
}

// reader holds one document and what is wrong with it.
type reader struct {
	doc   *document.Document
	found []diagnostic.Diagnostic
}
