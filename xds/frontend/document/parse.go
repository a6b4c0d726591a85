package document

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/cespare/xxhash/v2"
	"go.yaml.in/yaml/v3"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
)

// Document is one object in a file.
type Document struct {
	File       string
	APIVersion string
	Kind       string
	Namespace  string // "default" where the object names none
	Name       string
	Pos        ast.Position
	// Print is a fingerprint of what the document says, wherever in the file it stands.
	Print uint64
	root  *yaml.Node
	line  int // lines of the file before its chunk
}

// Key identifies an object: its kind, namespace and name.
type Key struct{ Group, Kind, Namespace, Name string }

func (k Key) String() string { return k.Kind + " " + k.Namespace + "/" + k.Name }

// Key returns the document's key.
func (d *Document) Key() Key {
	group, _, _ := strings.Cut(d.APIVersion, "/")
	return Key{group, d.Kind, d.Namespace, d.Name}
}

var nameFormat = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// Parse splits src into its objects. What is wrong in one document leaves the others as they are. file is the name that
// diagnostics show.
func Parse(file string, src []byte) ([]*Document, []diagnostic.Diagnostic) {
	var (
		docs  []*Document
		found []diagnostic.Diagnostic
	)
	for _, c := range Split(src) {
		d, f := ParseChunk(file, c)
		docs, found = append(docs, d...), append(found, f...)
	}
	return docs, found
}

// ParseChunk reads the objects of one chunk. A document that is not well-formed ends it: what stands before is returned.
func ParseChunk(file string, c Chunk) ([]*Document, []diagnostic.Diagnostic) {
	var (
		docs  []*Document
		found []diagnostic.Diagnostic
	)
	dec := yaml.NewDecoder(bytes.NewReader(c.Text))
	for {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			return docs, found
		}
		if err != nil {
			d := syntax(file, c.Text, err)
			d.Pos.Line += c.Line
			return docs, append(found, d)
		}
		if empty(&n) {
			continue
		}
		d := &Document{File: file, root: n.Content[0], line: c.Line}
		r := &reader{file: file, line: c.Line, found: &found}
		d.Pos = r.position(d.root)
		if settle(r, d.root) && d.head(r) {
			d.Print = fingerprint(d.root)
			docs = append(docs, d)
		}
	}
}

func fingerprint(n *yaml.Node) uint64 {
	text, _ := appendJSON(nil, n)
	return xxhash.Sum64(text)
}

// head reads what every object has, and tells whether the rest can be read.
func (d *Document) head(r *reader) bool {
	before := len(*r.found)
	m := Value{node: d.root, reader: r, path: ""}.Map()
	if m.node == nil {
		return false
	}
	d.APIVersion = m.Required("apiVersion", "the group and version of the object, such as millrace.io/v1alpha1").String()
	d.Kind = m.Required("kind", "the kind of object, such as Model").String()
	meta := m.Required("metadata", "a mapping with the object's name").Map()
	if name := meta.Required("name", "the object's name"); name.Present() {
		d.Name = name.String()
		if d.Name != "" && !nameFormat.MatchString(d.Name) {
			name.Refuse(CodeValue, "a name has lower-case letters, digits, dashes and dots only", "%q cannot be a name", d.Name)
		}
	}
	if ns := meta.Get("namespace"); ns.Present() {
		d.Namespace = ns.String()
		if d.Namespace != "" && (!nameFormat.MatchString(d.Namespace) || strings.Contains(d.Namespace, ".")) {
			ns.Refuse(CodeValue, "a namespace has lower-case letters, digits and dashes only", "%q cannot be a namespace", d.Namespace)
		}
	}
	if d.Namespace == "" {
		d.Namespace = "default"
	}
	return len(*r.found) == before
}

// Body gives access to the object; what is found wrong is appended to found, with subject ("graph triage") before each
// message where it is not empty.
func (d *Document) Body(found *[]diagnostic.Diagnostic, subject string) Map {
	r := &reader{file: d.File, line: d.line, found: found, subject: subject}
	m := Value{node: d.root, reader: r, path: ""}.Map()
	m.Ignore("apiVersion", "kind", "metadata")
	return m
}

// ParseMap reads a file that is one mapping and no object, such as a binding file. It is not there where the file is empty
// or cannot be used.
func ParseMap(file string, src []byte, found *[]diagnostic.Diagnostic) (Map, bool) {
	dec := yaml.NewDecoder(bytes.NewReader(src))
	r := &reader{file: file, found: found}
	var root *yaml.Node
	for {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			*found = append(*found, syntax(file, src, err))
			return Map{}, false
		}
		if empty(&n) {
			continue
		}
		if root != nil {
			r.refuse(r.position(n.Content[0]), "", CodeValue, "write all of it in one document, without `---`", "the file has a second document")
			return Map{}, false
		}
		root = n.Content[0]
	}
	if root == nil || !settle(r, root) {
		return Map{}, false
	}
	m := Value{node: root, reader: r}.Map()
	return m, m.node != nil
}

// empty tells whether a document says nothing.
func empty(n *yaml.Node) bool {
	return len(n.Content) == 0 || (n.Content[0].Kind == yaml.ScalarNode && n.Content[0].Tag == "!!null")
}
