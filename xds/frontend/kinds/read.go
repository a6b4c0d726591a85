package kinds

import (
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/xds/frontend"
	"github.com/millrace/millrace/xds/frontend/document"
	"github.com/millrace/millrace/xds/frontend/kserve"
	"github.com/millrace/millrace/xds/frontend/own"
	"github.com/millrace/millrace/xds/frontend/seldon"
)

// Object is one document and what its front end made of it; Objects is nil where it has errors.
type Object struct {
	Document *document.Document
	Objects  *frontend.Objects
	Found    []diagnostic.Diagnostic
}

// Read reads one document.
func Read(doc *document.Document) Object {
	key := doc.Key()
	o := Object{Document: doc}
	version := func(known ...string) {
		if slices.Contains(known, doc.APIVersion) {
			return
		}
		o.Objects = nil
		o.Found = append(o.Found, diagnostic.Diagnostic{
			Code: document.CodeKind, Pos: doc.Pos, Message: fmt.Sprintf("apiVersion %s is not read by this version", doc.APIVersion), Remedy: "write " + strings.Join(known, " or "),
		})
	}
	switch {
	case key.Group == own.Group && (key.Kind == "Server" || key.Kind == "Model" || key.Kind == "InferenceGraph"):
		o.Objects, o.Found = own.Read(doc)
		version(own.Version)
	case key.Group == seldon.Group && key.Kind == seldon.Kind:
		o.Objects, o.Found = seldon.Read(doc)
		version(seldon.Versions...)
	case key.Group == kserve.Group && key.Kind == kserve.Kind:
		o.Objects, o.Found = kserve.Read(doc)
		version(kserve.Version)
	default:
		o.Found = []diagnostic.Diagnostic{{
			Code: document.CodeKind, Pos: doc.Pos, Message: fmt.Sprintf("kind %s of %s is not known", doc.Kind, orNone(doc.APIVersion)),
			Remedy: "it is " + strings.Join(own.Kinds, ", ") + " of " + own.Version + ", " + seldon.Kind + " of " + seldon.Group + ", or " + kserve.Kind + " of " + kserve.Group,
		}}
	}
	return o
}

func orNone(s string) string {
	if s == "" {
		return "no group"
	}
	return s
}
