package accesslog

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/types/known/structpb"
)

// jsonNode is one value of a JSON format: constant text, operators, an object or a list.
type jsonNode struct {
	raw    string     // JSON text of a constant
	ops    []operator // a string with operators; one operator alone keeps its type
	keys   []string   // of an object, with quotes and colon
	object bool
	list   bool
	below  []*jsonNode
}

// ParseJSON compiles a json_format. A line is one object with its keys sorted; a number stays a number, and what is
// missing is null, or left out with omitEmpty.
func ParseJSON(format *structpb.Struct, omitEmpty bool) (*Format, error) {
	f := &Format{empty: omitEmpty}
	var err error
	if f.json, err = f.objectNode(format); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *Format) objectNode(s *structpb.Struct) (*jsonNode, error) {
	n := &jsonNode{object: true}
	for _, key := range slices.Sorted(maps.Keys(s.GetFields())) {
		below, err := f.node(s.GetFields()[key])
		if err != nil {
			return nil, fmt.Errorf("json_format.%s: %w", key, err)
		}
		quoted, err := json.Marshal(key)
		if err != nil {
			return nil, fmt.Errorf("json_format.%s: %w", key, err)
		}
		n.keys = append(n.keys, string(quoted)+":")
		n.below = append(n.below, below)
	}
	return n, nil
}

func (f *Format) node(v *structpb.Value) (*jsonNode, error) {
	switch k := v.GetKind().(type) {
	case *structpb.Value_StructValue:
		return f.objectNode(k.StructValue)
	case *structpb.Value_ListValue:
		n := &jsonNode{list: true}
		for i, e := range k.ListValue.GetValues() {
			below, err := f.node(e)
			if err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
			n.below = append(n.below, below)
		}
		return n, nil
	case *structpb.Value_StringValue:
		ops, err := parse(k.StringValue)
		if err != nil {
			return nil, err
		}
		f.needs = f.needs.or(needs(ops))
		if len(ops) > 0 && (len(ops) > 1 || ops[0].kind != 0) {
			return &jsonNode{ops: ops}, nil
		}
	}
	raw, err := v.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return &jsonNode{raw: string(raw)}, nil
}

// append appends the value, or tells that it is missing and to be left out.
func (n *jsonNode) append(dst []byte, e *Entry, omit bool) ([]byte, bool) {
	switch {
	case n.object || n.list:
		return n.appendBelow(dst, e, omit), true
	case n.ops == nil:
		return append(dst, n.raw...), true
	case len(n.ops) == 1:
		return n.appendOne(dst, e, omit)
	}
	start := len(dst) + 1
	dst = append(dst, '"')
	for i := range n.ops {
		op := &n.ops[i]
		if op.kind == 0 {
			dst = append(dst, op.text...)
			continue
		}
		from := len(dst)
		var ok bool
		if dst, ok = op.value(dst, e); !ok {
			dst = dst[:from]
			if !omit {
				dst = append(dst, '-')
			}
		}
	}
	return append(escape(dst, start, true), '"'), true
}

func (n *jsonNode) appendOne(dst []byte, e *Entry, omit bool) ([]byte, bool) {
	op, start := &n.ops[0], len(dst)
	bare := numeric[op.kind] && op.max == 0
	if !bare {
		dst = append(dst, '"')
	}
	dst, ok := op.value(dst, e)
	switch {
	case !ok && omit:
		return dst[:start], false
	case !ok:
		return append(dst[:start], "null"...), true
	case bare:
		return dst, true
	}
	return append(escape(dst, start+1, true), '"'), true
}

func (n *jsonNode) appendBelow(dst []byte, e *Entry, omit bool) []byte {
	open, end := byte('['), byte(']')
	if n.object {
		open, end = '{', '}'
	}
	dst = append(dst, open)
	first := true
	for i, b := range n.below {
		start := len(dst)
		if !first {
			dst = append(dst, ',')
		}
		if n.object {
			dst = append(dst, n.keys[i]...)
		}
		var ok bool
		if dst, ok = b.append(dst, e, omit); !ok {
			dst = dst[:start]
			continue
		}
		first = false
	}
	return append(dst, end)
}
