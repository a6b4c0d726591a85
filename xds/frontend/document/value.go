package document

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/protocol/message"
)

// reader is what the values of one document share.
type reader struct {
	file    string
	line    int // added to the lines of nodes
	subject string
	found   *[]diagnostic.Diagnostic
}

func (r *reader) position(n *yaml.Node) ast.Position {
	return ast.Position{File: r.file, Line: r.line + n.Line, Column: n.Column}
}

// Value is a place in a document; it may be absent. Reading it as the wrong type is a diagnostic and gives the zero value.
type Value struct {
	node   *yaml.Node
	at     *yaml.Node // where an absent value is reported
	reader *reader
	path   string
}

// Present tells whether there is a value (null counts as none).
func (v Value) Present() bool {
	return v.node != nil && !(v.node.Kind == yaml.ScalarNode && v.node.Tag == "!!null")
}

// Pos returns where the value stands.
func (v Value) Pos() ast.Position {
	switch {
	case v.node != nil:
		return v.reader.position(v.node)
	case v.at != nil:
		return v.reader.position(v.at)
	}
	return ast.Position{}
}

// Path returns the value's place in the object, as "spec.graph.parallel[1]".
func (v Value) Path() string { return v.path }

// Refuse records that the value cannot be used.
func (v Value) Refuse(code message.Code, remedy, format string, args ...any) {
	v.reader.refuse(v.Pos(), v.path, code, remedy, format, args...)
}

// RefuseAt is Refuse at an offset of bytes into a plain scalar.
func (v Value) RefuseAt(offset int, code message.Code, remedy, format string, args ...any) {
	pos, exact := v.TextPos()
	if exact {
		pos.Column += offset
	}
	v.reader.refuse(pos, v.path, code, remedy, format, args...)
}

// TextPos returns where a scalar's text begins, behind its quote. It is not exact for block scalars: their text begins on
// another line.
func (v Value) TextPos() (pos ast.Position, exact bool) {
	pos = v.Pos()
	if v.node == nil || v.node.Kind != yaml.ScalarNode || v.node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return pos, false
	}
	if v.node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		pos.Column++
	}
	return pos, true
}

func (r *reader) refuse(pos ast.Position, path string, code message.Code, remedy, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if r.subject != "" {
		text = r.subject + ": " + text
	}
	*r.found = append(*r.found, diagnostic.Diagnostic{Code: code, Pos: pos, Path: path, Message: text, Remedy: remedy})
}

func (v Value) wrongType(want string) {
	v.Refuse(CodeType, "", "%s must be %s, not %s", v.name(), want, describe(v.node))
}

func (v Value) name() string {
	if v.path == "" {
		return "the object"
	}
	return v.path
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		switch n.Tag {
		case "!!str":
			return "the string " + strconv.Quote(clip(n.Value))
		case "!!int", "!!float":
			return "the number " + n.Value
		case "!!bool":
			return "the boolean " + n.Value
		case "!!null":
			return "null"
		}
		return strconv.Quote(clip(n.Value))
	}
	return "something else"
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:57] + "..."
	}
	return s
}

// IsScalar, IsMap and IsList tell the value's form.
func (v Value) IsScalar() bool { return v.Present() && v.node.Kind == yaml.ScalarNode }

// IsMap tells whether the value is a mapping.
func (v Value) IsMap() bool { return v.Present() && v.node.Kind == yaml.MappingNode }

// IsList tells whether the value is a list.
func (v Value) IsList() bool { return v.Present() && v.node.Kind == yaml.SequenceNode }

// String reads a string; a number or boolean is taken as its text.
func (v Value) String() string {
	if !v.Present() {
		return ""
	}
	if v.node.Kind != yaml.ScalarNode {
		v.wrongType("a string")
		return ""
	}
	return v.node.Value
}

// Bool reads a boolean.
func (v Value) Bool() bool {
	if !v.Present() {
		return false
	}
	if v.node.Kind == yaml.ScalarNode && v.node.Tag == "!!bool" {
		return strings.EqualFold(v.node.Value, "true")
	}
	v.wrongType("true or false")
	return false
}

// Int reads a whole number from low to high.
func (v Value) Int(low, high int) int {
	if !v.Present() {
		return 0
	}
	if v.node.Kind == yaml.ScalarNode && v.node.Tag == "!!int" {
		if n, err := strconv.ParseInt(v.node.Value, 0, 64); err == nil && n >= int64(low) && n <= int64(high) {
			return int(n)
		}
		v.Refuse(CodeValue, "", "%s must be from %d to %d, not %s", v.name(), low, high, v.node.Value)
		return 0
	}
	v.wrongType("a whole number")
	return 0
}

// Float reads a finite number.
func (v Value) Float() float64 {
	if !v.Present() {
		return 0
	}
	if v.node.Kind == yaml.ScalarNode && (v.node.Tag == "!!int" || v.node.Tag == "!!float") {
		if f, err := strconv.ParseFloat(v.node.Value, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return f
		}
	}
	v.wrongType("a number")
	return 0
}

// Duration reads a duration such as 80ms or 2s. A bare number is refused, for want of a unit.
func (v Value) Duration() time.Duration {
	if !v.Present() {
		return 0
	}
	if v.node.Kind == yaml.ScalarNode {
		if d, err := time.ParseDuration(v.node.Value); err == nil && d >= 0 {
			return d
		}
	}
	v.Refuse(CodeType, "write a number with a unit: 80ms, 2s, 1m", "%s must be a duration, not %s", v.name(), describe(v.node))
	return 0
}

// Strings reads a list of strings; a single string counts as a list of one.
func (v Value) Strings() []string {
	if v.IsScalar() {
		return []string{v.node.Value}
	}
	var out []string
	for _, e := range v.List() {
		out = append(out, e.String())
	}
	return out
}

// List reads a list.
func (v Value) List() []Value {
	if !v.Present() {
		return nil
	}
	if v.node.Kind != yaml.SequenceNode {
		v.wrongType("a list")
		return nil
	}
	out := make([]Value, len(v.node.Content))
	for i, n := range v.node.Content {
		out[i] = Value{node: resolve(n), reader: v.reader, path: fmt.Sprintf("%s[%d]", v.path, i)}
	}
	return out
}

func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// JSON returns the value as JSON text, numbers as they are written.
func (v Value) JSON() []byte {
	if v.node == nil {
		return nil
	}
	out, ok := appendJSON(nil, v.node)
	if !ok {
		v.Refuse(CodeValue, "", "%s cannot be written as JSON", v.name())
		return nil
	}
	return out
}

// appendJSON appends n as JSON; it is not ok where n holds a number that JSON does not have.
func appendJSON(dst []byte, n *yaml.Node) ([]byte, bool) {
	n = resolve(n)
	ok := true
	switch n.Kind {
	case yaml.MappingNode:
		dst = append(dst, '{')
		for i := 0; i+1 < len(n.Content) && ok; i += 2 {
			if i > 0 {
				dst = append(dst, ',')
			}
			key, _ := json.Marshal(n.Content[i].Value)
			dst = append(append(dst, key...), ':')
			dst, ok = appendJSON(dst, n.Content[i+1])
		}
		return append(dst, '}'), ok
	case yaml.SequenceNode:
		dst = append(dst, '[')
		for i, e := range n.Content {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, ok = appendJSON(dst, e); !ok {
				break
			}
		}
		return append(dst, ']'), ok
	}
	switch n.Tag {
	case "!!null":
		return append(dst, "null"...), true
	case "!!bool":
		return append(dst, strings.ToLower(n.Value)...), true
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return append(dst, n.Value...), true
		}
		var f any
		if n.Decode(&f) != nil {
			return dst, false
		}
		num, err := json.Marshal(f)
		return append(dst, num...), err == nil
	}
	text, err := json.Marshal(n.Value)
	return append(dst, text...), err == nil
}
