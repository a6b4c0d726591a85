package document

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxAliased bounds how many nodes aliases may add to a document, so that aliases of aliases cannot blow up.
const maxAliased = 100_000

// maxNesting bounds how deep values nest: no graph that compiles comes near it.
const maxNesting = 500

// settler makes a document's tree plain: after it, aliases lead to no cycle and to no explosion, merge keys are merged, and
// every key is a scalar that stands once. What cannot be is refused.
type settler struct {
	reader  *reader
	extents map[*yaml.Node]extent // of nodes with an anchor
	done    map[*yaml.Node]bool
	deep    bool // nesting was refused
}

// settle tells whether the document can be used.
func settle(r *reader, root *yaml.Node) bool {
	s := &settler{reader: r, extents: map[*yaml.Node]extent{}, done: map[*yaml.Node]bool{}}
	before := len(*r.found)
	if s.unfold(root, new(int)); len(*r.found) > before {
		return false
	}
	s.node(root)
	return len(*r.found) == before
}

// extent is what a node comes to with its aliases unfolded.
type extent struct {
	size, height int // nodes, and how deep they nest; 0 while they are being counted
}

// unfold measures n; aliased gathers the nodes that aliases add.
func (s *settler) unfold(n *yaml.Node, aliased *int) extent {
	if n.Kind == yaml.AliasNode {
		e, known := s.extents[n.Alias]
		switch {
		case known && e.size == 0:
			s.reader.refuse(s.reader.position(n), "", CodeValue, "write the value out", "the alias *%s stands inside of what it names", n.Value)
			return extent{1, 1}
		case !known:
			e = s.unfold(n.Alias, aliased)
		}
		if *aliased += e.size; *aliased > maxAliased && *aliased-e.size <= maxAliased {
			s.reader.refuse(s.reader.position(n), "", CodeValue, "write fewer aliases of aliases", "the aliases of this document unfold to more than %d values", maxAliased)
		}
		return s.bounded(n, e)
	}
	if n.Anchor != "" {
		if e, known := s.extents[n]; known && e.size > 0 {
			return e
		}
		s.extents[n] = extent{}
	}
	e := extent{size: 1}
	for _, c := range n.Content {
		below := s.unfold(c, aliased)
		e.size += below.size
		e.height = max(e.height, below.height)
	}
	e.height++
	e = s.bounded(n, e)
	if n.Anchor != "" {
		s.extents[n] = e
	}
	return e
}

// bounded refuses what nests too deeply, once, and keeps the counts from growing without end.
func (s *settler) bounded(n *yaml.Node, e extent) extent {
	if e.height > maxNesting && !s.deep {
		s.deep = true
		s.reader.refuse(s.reader.position(n), "", CodeValue, "", "values nest deeper than %d here", maxNesting)
	}
	return extent{min(e.size, maxAliased+1), min(e.height, maxNesting+1)}
}

func (s *settler) node(n *yaml.Node) {
	n = resolve(n)
	if s.done[n] {
		return
	}
	s.done[n] = true
	if n.Style&yaml.TaggedStyle != 0 && !strings.HasPrefix(n.ShortTag(), "!!") {
		s.reader.refuse(s.reader.position(n), "", CodeValue, "remove it", "the tag %s is not known", n.Tag)
	}
	for _, c := range n.Content {
		s.node(c)
	}
	if n.Kind == yaml.MappingNode {
		s.mapping(n)
	}
}

func (s *settler) mapping(n *yaml.Node) {
	seen := make(map[string]*yaml.Node, len(n.Content)/2)
	var merges []*yaml.Node
	content := n.Content[:0:0]
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode {
			named := *resolve(key)
			named.Line, named.Column, named.Anchor = key.Line, key.Column, ""
			key = &named
		}
		switch first := seen[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			s.reader.refuse(s.reader.position(key), "", CodeType, "write the key as text", "a key must be a string, not %s", describe(key))
			continue
		case key.Tag == "!!merge":
			merges = append(merges, value)
			continue
		case first != nil:
			s.reader.refuse(s.reader.position(key), "", CodeTwice, "keep one of them", "%q stands here and at line %d", clip(key.Value), s.reader.position(first).Line)
			continue
		}
		seen[key.Value] = key
		content = append(content, key, value)
	}
	for _, m := range merges {
		content = s.merge(content, seen, m, true)
	}
	n.Content = content
}

// merge adds what from has and the mapping has not. The first of several mappings wins, as YAML's merge keys have it.
func (s *settler) merge(content []*yaml.Node, seen map[string]*yaml.Node, from *yaml.Node, list bool) []*yaml.Node {
	at := from
	from = resolve(from)
	switch {
	case from.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(from.Content); i += 2 {
			key := from.Content[i]
			if seen[key.Value] == nil {
				seen[key.Value] = key
				content = append(content, key, from.Content[i+1])
			}
		}
	case from.Kind == yaml.SequenceNode && list:
		for _, e := range from.Content {
			content = s.merge(content, seen, e, false)
		}
	default:
		s.reader.refuse(s.reader.position(at), "", CodeType, "", "<< must be a mapping or a list of mappings, not %s", fmt.Sprint(describe(from)))
	}
	return content
}
