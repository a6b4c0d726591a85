package jsontensor

import (
	"fmt"

	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// Template says where tensors stand in a JSON value that is built: one path for each. It is immutable and safe for
// concurrent use.
type Template struct {
	paths [][]step
}

// NewTemplate compiles paths. Those that contradict one another (a key below a tensor, an object that is an array, an index
// that leaves a gap) are refused.
func NewTemplate(paths []string) (*Template, error) {
	t := &Template{}
	for _, text := range paths {
		p, err := ParsePath(text)
		if err != nil {
			return nil, err
		}
		t.paths = append(t.paths, p.steps)
	}
	all := make([]int, len(paths))
	for i := range all {
		all[i] = i
	}
	return t, t.check(all, 0, 0)
}

// check looks at the paths of these entries from depth on, behind so many [*].
func (t *Template) check(entries []int, depth, eaches int) error {
	if len(entries) == 0 {
		return nil
	}
	first := t.paths[entries[0]]
	if depth == len(first) {
		if len(entries) > 1 {
			return fmt.Errorf("path %q stands twice, or another one is below it", Path{first}.String())
		}
		return nil
	}
	kind := first[depth].kind
	for _, e := range entries {
		steps := t.paths[e]
		if depth == len(steps) {
			return fmt.Errorf("path %q stands twice, or another one is below it", Path{steps}.String())
		}
		if steps[depth].kind != kind {
			return fmt.Errorf("path %q contradicts path %q", Path{steps}.String(), Path{first}.String())
		}
	}
	if kind == each {
		if eaches > 0 {
			return fmt.Errorf("path %q has more than one [*]", Path{first}.String())
		}
		return t.check(entries, depth+1, eaches+1)
	}
	for n := 0; len(entries) > 0; n++ {
		head := t.paths[entries[0]][depth]
		if kind == index {
			if head = (step{kind: index, index: n}); !t.has(entries, depth, head) {
				return fmt.Errorf("path %q: nothing stands at [%d] before it", Path{t.paths[entries[0]]}.String(), n)
			}
		}
		same, rest := t.split(entries, depth, head)
		if err := t.check(same, depth+1, eaches); err != nil {
			return err
		}
		entries = rest
	}
	return nil
}

func (t *Template) has(entries []int, depth int, s step) bool {
	for _, e := range entries {
		if t.paths[e][depth] == s {
			return true
		}
	}
	return false
}

func (t *Template) split(entries []int, depth int, s step) (same, rest []int) {
	for _, e := range entries {
		if t.paths[e][depth] == s {
			same = append(same, e)
		} else {
			rest = append(rest, e)
		}
	}
	return same, rest
}

// AppendJSON appends the value with tensors[i] at path i; nil tensors are left out. What stands under [*] is one array element
// for each row, and those tensors have the same number of rows.
func (t *Template) AppendJSON(dst []byte, tensors []*tensor.Tensor) ([]byte, error) {
	b := builder{t: t, tensors: tensors, dst: dst}
	entries := make([]int, 0, len(tensors))
	for i := range tensors {
		if tensors[i] != nil {
			entries = append(entries, i)
		}
	}
	if len(entries) == 0 {
		return append(dst, '{', '}'), nil
	}
	err := b.value(entries, 0)
	return b.dst, err
}

type builder struct {
	t       *Template
	tensors []*tensor.Tensor
	rows    []Rows // by entry, while an element of [*] is written
	dst     []byte
}

func (b *builder) value(entries []int, depth int) (err error) {
	first := entries[0]
	steps := b.t.paths[first]
	switch {
	case depth == len(steps) && b.rows != nil:
		b.dst, err = b.rows[first].AppendNext(b.dst)
		return err
	case depth == len(steps):
		b.dst, err = Append(b.dst, b.tensors[first])
		return err
	case steps[depth].kind == each:
		return b.each(entries, depth)
	case steps[depth].kind == index:
		b.dst = append(b.dst, '[')
		for n := 0; len(entries) > 0; n++ {
			same, rest := b.t.split(entries, depth, step{kind: index, index: n})
			if n > 0 {
				b.dst = append(b.dst, ',')
			}
			if len(same) == 0 {
				b.dst = append(b.dst, "null"...)
			} else if err := b.value(same, depth+1); err != nil {
				return err
			}
			entries = rest
		}
		b.dst = append(b.dst, ']')
		return nil
	}
	b.dst = append(b.dst, '{')
	for n := 0; len(entries) > 0; n++ {
		head := b.t.paths[entries[0]][depth]
		if n > 0 {
			b.dst = append(b.dst, ',')
		}
		b.dst = append(jsontext.AppendString(b.dst, head.key), ':')
		if len(entries) == 1 {
			if err := b.value(entries, depth+1); err != nil {
				return err
			}
			break
		}
		same, rest := b.t.split(entries, depth, head)
		if err := b.value(same, depth+1); err != nil {
			return err
		}
		entries = rest
	}
	b.dst = append(b.dst, '}')
	return nil
}

func (b *builder) each(entries []int, depth int) error {
	b.rows = make([]Rows, len(b.tensors))
	n := int64(-1)
	for _, e := range entries {
		t := b.tensors[e]
		if len(t.Shape) == 0 || n >= 0 && t.Shape[0] != n {
			return message.Invalid(CodeNoForm, "tensor %q: expected the same number of rows in all inputs", t.Name)
		}
		n = t.Shape[0]
		rows, err := NewRows(t)
		if err != nil {
			return err
		}
		b.rows[e] = rows
	}
	b.dst = append(b.dst, '[')
	for i := range n {
		if i > 0 {
			b.dst = append(b.dst, ',')
		}
		if err := b.value(entries, depth+1); err != nil {
			return err
		}
	}
	b.dst = append(b.dst, ']')
	b.rows = nil
	return nil
}
