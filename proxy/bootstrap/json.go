package bootstrap

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"go.yaml.in/yaml/v3"
)

const (
	maxJSON    = 64 << 20 // bytes
	maxAliases = 10_000   // uses; aliases of aliases can make a small file large
	maxDepth   = 100
)

// position is an error with the place in the file.
type position struct {
	line, column int
	err          error
}

func (p *position) Error() string { return fmt.Sprintf("%d:%d: %v", p.line, p.column, p.err) }
func (p *position) Unwrap() error { return p.err }

func at(n *yaml.Node, format string, args ...any) error {
	return &position{n.Line, n.Column, fmt.Errorf(format, args...)}
}

// toJSON turns YAML into JSON in which each value stands on the line, and where there is room in the column, that it has
// in the file, so that a place in the JSON is a place in the file.
func toJSON(text []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, errors.New("the file is empty")
	}
	w := &jsonWriter{line: 1, column: 1}
	if err := w.value(doc.Content[0], 0); err != nil {
		return nil, err
	}
	return w.out, nil
}

type jsonWriter struct {
	out          []byte
	line, column int
	aliases      int
}

// put writes a token at n's place, or as soon after as possible.
func (w *jsonWriter) put(n *yaml.Node, token []byte) {
	for n != nil && w.line < n.Line {
		w.out = append(w.out, '\n')
		w.line, w.column = w.line+1, 1
	}
	for n != nil && w.line == n.Line && w.column < n.Column {
		w.out = append(w.out, ' ')
		w.column++
	}
	w.out = append(w.out, token...)
	w.column += len(token)
}

func (w *jsonWriter) value(n *yaml.Node, depth int) error {
	if depth > maxDepth || len(w.out) > maxJSON {
		return at(n, "too deep or too large")
	}
	switch n.Kind {
	case yaml.AliasNode:
		if w.aliases++; w.aliases > maxAliases {
			return at(n, "too many aliases")
		}
		return w.value(n.Alias, depth+1)
	case yaml.MappingNode:
		return w.mapping(n, depth)
	case yaml.SequenceNode:
		w.put(n, []byte{'['})
		for i, c := range n.Content {
			if i > 0 {
				w.put(nil, []byte{','})
			}
			if err := w.value(c, depth+1); err != nil {
				return err
			}
		}
		w.put(nil, []byte{']'})
		return nil
	case yaml.ScalarNode:
		token, err := scalar(n)
		if err != nil {
			return err
		}
		w.put(n, token)
		return nil
	}
	return at(n, "not a value")
}

func (w *jsonWriter) mapping(n *yaml.Node, depth int) error {
	w.put(nil, []byte{'{'})
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode:
			return at(key, "a key must be a plain word")
		case key.Tag == "!!merge":
			return at(key, "merge keys (<<) are not supported; write the fields out")
		case seen[key.Value]:
			return at(key, "%q is set twice", key.Value)
		}
		seen[key.Value] = true
		if i > 0 {
			w.put(nil, []byte{','})
		}
		w.put(key, quote(key.Value))
		w.put(nil, []byte{':'})
		if err := w.value(n.Content[i+1], depth+1); err != nil {
			return err
		}
	}
	w.put(nil, []byte{'}'})
	return nil
}

func scalar(n *yaml.Node) ([]byte, error) {
	switch n.ShortTag() {
	case "!!null":
		return []byte("null"), nil
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return nil, at(n, "%w", err)
		}
		return strconv.AppendBool(nil, b), nil
	case "!!int":
		var i int64
		if n.Decode(&i) == nil {
			return strconv.AppendInt(nil, i, 10), nil
		}
		var u uint64
		if err := n.Decode(&u); err != nil {
			return nil, at(n, "%w", err)
		}
		return strconv.AppendUint(nil, u, 10), nil
	case "!!float":
		var f float64
		if err := n.Decode(&f); err != nil {
			return nil, at(n, "%w", err)
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, at(n, "%s is not a number here", n.Value)
		}
		return strconv.AppendFloat(nil, f, 'g', -1, 64), nil
	}
	return quote(n.Value), nil
}

func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil { // strings always marshal
		return []byte(`""`)
	}
	return b
}
