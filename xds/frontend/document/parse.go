package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
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
}

// Key identifies an object: its kind, namespace and name.
type Key struct{ Group, Kind, Namespace, Name string }

func (k Key) String() string { return k.Kind + " " + k.Namespace + "/" + k.Name }

// Key returns the document's key.
func (d *Document) Key() Key {
	group, _, _ := strings.Cut(d.APIVersion, "/")
	return Key{group, d.Kind, d.Namespace, d.Name}
}

var (
	yamlLine   = regexp.MustCompile(`^yaml: line (\d+): `)
	nameFormat = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
)

// Parse splits src into its objects. A document that is not well-formed ends the parse: what stands before it is returned.
// file is the name that diagnostics show.
func Parse(file string, src []byte) ([]*Document, []diagnostic.Diagnostic) {
	var (
		docs  []*Document
		found []diagnostic.Diagnostic
	)
	dec := yaml.NewDecoder(bytes.NewReader(src))
	for {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			return docs, found
		}
		if err != nil {
			return docs, append(found, syntax(file, src, err))
		}
		if len(n.Content) == 0 || (n.Content[0].Kind == yaml.ScalarNode && n.Content[0].Tag == "!!null") {
			continue
		}
		d := &Document{File: file, root: n.Content[0]}
		r := &reader{file: file, found: &found}
		d.Pos = r.position(d.root)
		if d.head(r) {
			d.Print = fingerprint(d.root)
			docs = append(docs, d)
		}
	}
}

func fingerprint(n *yaml.Node) uint64 {
	left := maxJSON
	text, _ := appendJSON(nil, n, &left)
	return xxhash.Sum64(text)
}

// head reads what every object has, and tells whether the rest can be read.
func (d *Document) head(r *reader) bool {
	before := len(*r.found)
	m := Value{node: d.root, reader: r, path: "object"}.Map()
	if m.node == nil {
		return false
	}
	d.APIVersion = m.Required("apiVersion", "kind").String()
	d.Kind = m.Required("kind", "kind").String()
	meta := m.Required("metadata", "a mapping with the object's name").Map()
	if name := meta.Required("name", "the object's name"); name.Present() {
		d.Name = name.String()
		if d.Name != "" && !nameFormat.MatchString(d.Name) {
			name.Refuse(CodeValue, "a name has lower-case letters, digits, dashes and dots only", "%q cannot be a name", d.Name)
		}
	}
	if ns := meta.Get("namespace"); ns.Present() {
		d.Namespace = ns.String()
	}
	if d.Namespace == "" {
		d.Namespace = "default"
	}
	return len(*r.found) == before
}

// Body gives access to the object; what is found wrong is appended to found, with subject ("graph triage") before each
// message where it is not empty.
func (d *Document) Body(found *[]diagnostic.Diagnostic, subject string) Map {
	r := &reader{file: d.File, found: found, subject: subject}
	m := Value{node: d.root, reader: r, path: ""}.Map()
	m.Ignore("apiVersion", "kind", "metadata")
	return m
}

// Metadata gives access to the object's metadata without checking its fields: they are Kubernetes' own.
func (d *Document) Metadata(found *[]diagnostic.Diagnostic) Map {
	r := &reader{file: d.File, found: found}
	return Value{node: d.root, reader: r}.Map().Get("metadata").Map()
}

func syntax(file string, src []byte, err error) diagnostic.Diagnostic {
	d := diagnostic.Diagnostic{Code: CodeSyntax, Pos: ast.Position{File: file, Line: 1, Column: 1}}
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil && m[1] != "" {
		d.Pos.Line, _ = strconv.Atoi(m[1])
		text = strings.TrimPrefix(text, "yaml: line "+m[1]+": ")
	}
	text = strings.TrimPrefix(text, "yaml: ")
	line := lineOf(src, d.Pos.Line)
	d.Pos.Column = len(line) - len(strings.TrimLeft(line, " \t")) + 1
	d.Message = fmt.Sprintf("not well-formed YAML: %s", text)
	d.Remedy = "look at this line and the one before it"
	if strings.HasPrefix(line, "\t") || strings.Contains(text, "character that cannot start any token") {
		d.Remedy = "YAML indents with spaces, never with tabs, and text that starts with a special character needs quotes"
	}
	return d
}

func lineOf(src []byte, n int) string {
	for i := 1; ; i++ {
		line, rest, more := bytes.Cut(src, []byte("\n"))
		if i == n {
			return strings.TrimRight(string(line), "\r")
		}
		if !more {
			return ""
		}
		src = rest
	}
}

// ParseMap reads a file that is one mapping and no object, such as a binding file.
func ParseMap(file string, src []byte, found *[]diagnostic.Diagnostic) (Map, bool) {
	var n yaml.Node
	if err := yaml.Unmarshal(src, &n); err != nil {
		*found = append(*found, syntax(file, src, err))
		return Map{}, false
	}
	if len(n.Content) == 0 {
		return Map{}, false
	}
	m := Value{node: n.Content[0], reader: &reader{file: file, found: found}}.Map()
	return m, m.node != nil
}
