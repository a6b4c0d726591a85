package jsontensor

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/tensor"
)

// Path is a place in a JSON value: `label`, `result.items[0].label`, `$` for the whole value, `$[*].label` or
// `items[*].score` for that field of every element of an array, `["a.b"]` for a key with dots. The zero Path is `$`.
type Path struct {
	steps []step
}

type stepKind uint8

const (
	key stepKind = iota
	index
	each
)

type step struct {
	kind  stepKind
	key   string
	index int
}

// ParsePath parses a path. The error says at which byte it is wrong.
func ParsePath(text string) (Path, error) {
	var p Path
	rest := text
	fail := func(expected string) (Path, error) {
		return Path{}, fmt.Errorf("path %q: at %d: expected %s", text, len(text)-len(rest), expected)
	}
	if strings.HasPrefix(rest, "$") {
		rest = rest[1:]
	} else if rest == "" {
		return fail("a key, or $ for the whole value")
	} else if rest[0] != '[' {
		rest = "." + rest
		text = rest
	}
	for rest != "" {
		switch rest[0] {
		case '.':
			rest = rest[1:]
			n := strings.IndexAny(rest, ".[")
			if n < 0 {
				n = len(rest)
			}
			if n == 0 {
				return fail("a key after '.'")
			}
			p.steps = append(p.steps, step{kind: key, key: rest[:n]})
			rest = rest[n:]
		case '[':
			n := closing(rest)
			if n < 0 {
				return fail("']' after '['")
			}
			inside := rest[1:n]
			switch {
			case inside == "*":
				p.steps = append(p.steps, step{kind: each})
			case len(inside) >= 2 && inside[0] == '"':
				k, err := strconv.Unquote(inside)
				if err != nil {
					return fail("a key in quotes after '['")
				}
				p.steps = append(p.steps, step{kind: key, key: k})
			default:
				i, err := strconv.Atoi(inside)
				if err != nil || i < 0 || i > 1<<20 {
					return fail("an index, * or a key in quotes after '['")
				}
				p.steps = append(p.steps, step{kind: index, index: i})
			}
			rest = rest[n+1:]
		default:
			return fail("'.' or '['")
		}
	}
	return p, nil
}

// closing returns the place of the bracket that closes the one at 0, past a quoted key.
func closing(text string) int {
	from := 1
	if strings.HasPrefix(text, `["`) {
		for from = 2; from < len(text) && text[from] != '"'; from++ {
			if text[from] == '\\' {
				from++
			}
		}
		if from >= len(text) {
			return -1
		}
	}
	if n := strings.IndexByte(text[from:], ']'); n >= 0 {
		return from + n
	}
	return -1
}

// plain tells whether text is a path of one key and nothing else, which needs no parsing.
func plain(text string) bool {
	return text != "" && !strings.ContainsAny(text, ".[$")
}

// Root tells whether p is the whole value.
func (p Path) Root() bool { return len(p.steps) == 0 }

// String returns the path as ParsePath takes it.
func (p Path) String() string {
	if p.Root() {
		return "$"
	}
	var b strings.Builder
	for i, s := range p.steps {
		switch {
		case s.kind == index:
			fmt.Fprintf(&b, "[%d]", s.index)
		case s.kind == each:
			b.WriteString("[*]")
		case !plain(s.key):
			b.WriteString("[" + strconv.Quote(s.key) + "]")
		case i == 0:
			b.WriteString(s.key)
		default:
			b.WriteString("." + s.key)
		}
	}
	return b.String()
}

// Find reads the value at p in text, which must be valid JSON, into t's shape, datatype and data. It is false where there is no such
// place, which is no error. Of keys that stand twice the last one counts.
func (p Path) Find(text []byte, t *tensor.Tensor) (bool, error) {
	raw, ok, err := find(text, p.steps)
	if !ok || err != nil {
		return false, err
	}
	return true, Parse(raw, t)
}

// Parse reads text, all of which is one scalar or regular array of one kind of scalars, into t's shape, datatype and data;
// its name and parameters stay. Numbers are Untyped, strings BYTES, booleans BOOL.
func Parse(text []byte, t *tensor.Tensor) error {
	s := jsontext.NewScanner(text)
	Read(&s, t)
	return s.End()
}

// Read reads the next value of s as Parse does. Where it is no tensor, s fails at the place.
func Read(s *jsontext.Scanner, t *tensor.Tensor) bool {
	v := tensor.ReadJSON(s, tensor.Untyped)
	t.Datatype, t.Shape, t.Data = v.Datatype, v.Shape, v.Data
	return s.Err() == nil
}

// FindIn is ParsePath and Find in one, without parsing where the path is one key.
func FindIn(text []byte, path string, t *tensor.Tensor) (bool, error) {
	if plain(path) {
		return (Path{steps: []step{{kind: key, key: path}}}).Find(text, t)
	}
	p, err := ParsePath(path)
	if err != nil {
		return false, err
	}
	return p.Find(text, t)
}

// Raw returns the text of the value at p in text: a view, or new memory where p has [*].
func (p Path) Raw(text []byte) ([]byte, bool) {
	raw, ok, err := find(text, p.steps)
	return raw, ok && err == nil
}

func find(text []byte, steps []step) (raw []byte, ok bool, err error) {
	s := jsontext.NewScanner(text)
	if len(steps) == 0 {
		raw = s.Skip()
		return raw, true, s.Err()
	}
	switch head := steps[0]; {
	case head.kind == key && s.Kind() == jsontext.Object:
		for s.Object(); s.NextKey(); {
			hit := string(s.Key()) == head.key
			if v := s.Skip(); hit {
				raw, ok = v, true
			}
		}
	case head.kind == index && s.Kind() == jsontext.Array:
		i := 0
		for s.Array(); s.NextElement(); i++ {
			if v := s.Skip(); i == head.index {
				raw, ok = v, true
				break
			}
		}
	case head.kind == each && s.Kind() == jsontext.Array:
		return findEach(&s, steps[1:])
	}
	if err := s.Err(); err != nil || !ok {
		return nil, false, err
	}
	return find(raw, steps[1:])
}

// findEach gathers what steps find in every element into one array. An element without it makes the whole not found.
func findEach(s *jsontext.Scanner, steps []step) ([]byte, bool, error) {
	var all bytes.Buffer
	all.WriteByte('[')
	for s.Array(); s.NextElement(); {
		raw, ok, err := find(s.Skip(), steps)
		if !ok || err != nil {
			return nil, false, err
		}
		if all.Len() > 1 {
			all.WriteByte(',')
		}
		all.Write(raw)
	}
	all.WriteByte(']')
	return all.Bytes(), s.Err() == nil, s.Err()
}
