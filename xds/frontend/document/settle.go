package document

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxAliased bounds how many nodes aliases may add to a document, so that aliases of aliases cannot blow up.
const maxAliased = 100_000

// settler makes a document's tree plain: after it, aliases lead to no cycle and to no explosion, merge keys are merged, and
// every key is a scalar that stands once. What cannot be is refused.
type settler struct {
	reader *reader
	// size holds how many nodes a node unfolds to; 0 while it is being counted.
	size map[*yaml.Node]int
	done map[*yaml.Node]bool
}

// settle tells whether the document can be used.
func settle(r *reader, root *yaml.Node) bool {
	s := &settler{reader: r, size: map[*yaml.Node]int{}, done: map[*yaml.Node]bool{}}
	before := len(*r.found)
	if s.unfold(root, new(int)); len(*r.found) > before {
		return false
	}
	s.node(root)
	return len(*r.found) == before
}

// unfold counts the nodes of n with its aliases unfolded; aliased gathers those that aliases add.
func (s *settler) unfold(n *yaml.Node, aliased *int) int {
	if n.Kind == yaml.AliasNode {
		size, known := s.size[n.Alias]
		switch {
		case known && size == 0:
			s.reader.refuse(s.reader.position(n), "", CodeValue, "write the value out", "the alias *%s stands inside of what it names", n.Value)
			return 1
		case !known:
			size = s.unfold(n.Alias, aliased)
		}
		if *aliased += size; *aliased > maxAliased && *aliased-size <= maxAliased {
			s.reader.refuse(s.reader.position(n), "", CodeValue, "write fewer aliases of aliases", "the aliases of this document unfold to more than %d values", maxAliased)
		}
		return min(size, maxAliased)
	}
	if n.Anchor != "" {
		if size, known := s.size[n]; known && size > 0 {
			return size
		}
		s.size[n] = 0
	}
	size := 1
	for _, c := range n.Content {
		size += s.unfold(c, aliased)
	}
	if n.Anchor != "" {
		s.size[n] = min(size, maxAliased)
	}
	return size
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
			s.reader.refuse(s.reader.position(key), "", CodeTwice, "keep one of them", "%q stands here and at line %d", clip(key.Value), first.Line)
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
