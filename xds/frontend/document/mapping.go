package document

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/contract"
)

// Map is a mapping being read. Done reports the fields that nobody asked for.
type Map struct {
	node   *yaml.Node
	reader *reader
	path   string
	keys   []string
	asked  map[string]bool
	known  *[]string
}

// Map reads a mapping. An absent value is an empty one.
func (v Value) Map() Map {
	m := Map{reader: v.reader, path: v.path, asked: map[string]bool{}, known: new([]string)}
	if !v.Present() {
		return m
	}
	if v.node.Kind != yaml.MappingNode {
		v.wrongType("a mapping")
		return m
	}
	m.node = v.node
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		m.keys = append(m.keys, v.node.Content[i].Value)
	}
	return m
}

// Present tells whether the mapping is there.
func (m Map) Present() bool { return m.node != nil }

// Pos returns where the mapping stands.
func (m Map) Pos() ast.Position {
	if m.node == nil {
		return ast.Position{}
	}
	return m.reader.position(m.node)
}

// Keys returns the keys in the order of the file.
func (m Map) Keys() []string { return m.keys }

// KeyPos returns where the key stands.
func (m Map) KeyPos(key string) ast.Position {
	if k, _ := m.find(key); k != nil {
		return m.reader.position(k)
	}
	return m.Pos()
}

func (m Map) find(key string) (k, v *yaml.Node) {
	if m.node == nil {
		return nil, nil
	}
	for i := 0; i+1 < len(m.node.Content); i += 2 {
		if m.node.Content[i].Value == key {
			return m.node.Content[i], resolve(m.node.Content[i+1])
		}
	}
	return nil, nil
}

// Get reads an optional field.
func (m Map) Get(key string) Value {
	if !m.asked[key] {
		m.asked[key] = true
		*m.known = append(*m.known, key)
	}
	_, v := m.find(key)
	return Value{node: v, at: m.node, reader: m.reader, path: join(m.path, key)}
}

// Has tells whether the field is there, without counting as reading it.
func (m Map) Has(key string) bool {
	_, v := m.find(key)
	return v != nil
}

// Required reads a field that must be there; what says what it is.
func (m Map) Required(key, what string) Value {
	v := m.Get(key)
	if !v.Present() && m.node != nil {
		pos := m.Pos()
		if k, _ := m.find(key); k != nil {
			pos = m.reader.position(k)
		}
		m.reader.refuse(pos, v.path, CodeMissing, fmt.Sprintf("add `%s:` with %s", key, what), "%s is missing", v.path)
	}
	return v
}

// Ignore marks fields as read.
func (m Map) Ignore(keys ...string) {
	for _, k := range keys {
		m.asked[k] = true
	}
}

// Done reports every field that was not asked for, with the near names among those that were.
func (m Map) Done() {
	for _, k := range m.keys {
		if m.asked[k] {
			continue
		}
		m.reader.refuse(m.KeyPos(k), join(m.path, k), CodeUnknown, contract.Suggest(k, *m.known), "%s has no field %q", orObject(m.path), k)
	}
}

// Foreign reports every field that was not asked for as one of a foreign object that is not understood.
func (m Map) Foreign() {
	for _, k := range m.keys {
		if !m.asked[k] {
			m.reader.refuse(m.KeyPos(k), join(m.path, k), CodeForeign, "remove it, or say the same with Millrace's own kinds", "%s is not understood yet", join(m.path, k))
		}
	}
}

func orObject(path string) string {
	if path == "" {
		return "the object"
	}
	return path
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
