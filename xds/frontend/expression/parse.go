package expression

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/millrace/millrace/graph/ast"
)

// Error says what is wrong with an expression and where.
type Error struct {
	Text    string // the expression
	Offset  int    // bytes from its start
	Message string
	Remedy  string
}

// Error renders the error in one line.
func (e *Error) Error() string {
	s := fmt.Sprintf("expression %q, at character %d: %s", e.Text, e.Offset+1, e.Message)
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}

// Caret renders the expression with a caret under the place.
func (e *Error) Caret() string { return e.Text + "\n" + strings.Repeat(" ", e.Offset) + "^" }

// maxDepth bounds nested parentheses.
const maxDepth = 32

// Is tells whether a name is more than a plain name with an optional version, without parsing it.
func Is(name string) bool { return strings.ContainsAny(name, "+|>()=%") }

// Parse reads text. Positions in the result start at pos: columns count from there where pos is known.
func Parse(text string, pos ast.Position) (ast.Part, error) {
	p := &parser{text: text, pos: pos}
	p.next()
	part, err := p.chain()
	if err == nil && p.tok.kind != end {
		err = p.unexpected()
	}
	if err != nil {
		return nil, err
	}
	return part, nil
}

type kind uint8

const (
	end kind = iota
	name
	pipe
	plus
	open
	closing
	equals
	at
	bad
)

type token struct {
	kind   kind
	text   string
	offset int
}

type parser struct {
	text  string
	at    int
	tok   token
	pos   ast.Position
	depth int
}

var symbols = map[byte]kind{'|': pipe, '>': pipe, '+': plus, '(': open, ')': closing, '=': equals, '@': at}

// escapes are the percent-encodings that a client may have left in a path.
var escapes = map[string]byte{"%7c": '|', "%2b": '+', "%3e": '>', "%3d": '=', "%28": '(', "%29": ')', "%40": '@', "%20": ' '}

func (p *parser) next() {
	for {
		for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\t' || p.text[p.at] == '\n' || p.text[p.at] == '\r') {
			p.at++
		}
		p.tok = token{offset: p.at}
		if p.at == len(p.text) {
			return
		}
		c, size := p.text[p.at], 1
		if c == '%' && p.at+3 <= len(p.text) {
			if e, ok := escapes[strings.ToLower(p.text[p.at:p.at+3])]; ok {
				c, size = e, 3
			}
		}
		if c == ' ' {
			p.at += size
			continue
		}
		if k, ok := symbols[c]; ok {
			p.tok.kind, p.tok.text = k, p.text[p.at:p.at+size]
			p.at += size
			return
		}
		start := p.at
		for p.at < len(p.text) && nameByte(p.text[p.at]) {
			p.at++
		}
		if p.at == start {
			_, size := utf8.DecodeRuneInString(p.text[p.at:])
			p.tok.kind, p.tok.text = bad, p.text[p.at:p.at+size]
			p.at += size
			return
		}
		p.tok.kind, p.tok.text = name, p.text[start:p.at]
		return
	}
}

func nameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '/' || c == ':'
}

func (p *parser) fail(offset int, remedy, format string, args ...any) error {
	return &Error{Text: p.text, Offset: offset, Message: fmt.Sprintf(format, args...), Remedy: remedy}
}

func (p *parser) unexpected() error {
	switch p.tok.kind {
	case end:
		return p.fail(p.tok.offset, "write a model's name", "a name is missing")
	case closing:
		return p.fail(p.tok.offset, "remove it or add its '('", "')' closes nothing")
	case name:
		return p.fail(p.tok.offset, "join names with '+' (both) or '|' (one after the other)", "unexpected name %q", p.tok.text)
	case bad:
		return p.fail(p.tok.offset, "names have letters, digits, '-', '_' and '.'", "unexpected character %q", p.tok.text)
	}
	return p.fail(p.tok.offset, "write a model's name before it", "unexpected %q", p.tok.text)
}

func (p *parser) common(offset int) ast.Common {
	pos := p.pos
	if pos.Known() {
		pos.Column += offset
	}
	return ast.Common{Pos: pos}
}

func (p *parser) chain() (ast.Part, error) {
	start := p.tok.offset
	first, err := p.parallel()
	if err != nil || p.tok.kind != pipe {
		return first, err
	}
	c := &ast.Chain{Common: p.common(start)}
	c.Parts = appendChain(c.Parts, first)
	for p.tok.kind == pipe {
		p.next()
		part, err := p.parallel()
		if err != nil {
			return nil, err
		}
		c.Parts = appendChain(c.Parts, part)
	}
	return c, nil
}

// appendChain flattens a chain in a chain where it carries no label of its own.
func appendChain(parts []ast.Part, p ast.Part) []ast.Part {
	if c, ok := p.(*ast.Chain); ok && c.Label == "" {
		return append(parts, c.Parts...)
	}
	return append(parts, p)
}

func (p *parser) parallel() (ast.Part, error) {
	start := p.tok.offset
	prefixed := p.tok.kind == plus
	if prefixed {
		p.next()
	}
	first, err := p.term()
	if err != nil {
		return nil, err
	}
	if p.tok.kind != plus && !prefixed {
		return first, nil
	}
	m := &ast.Parallel{Common: p.common(start)}
	m.Parts = appendParallel(m.Parts, first)
	for p.tok.kind == plus {
		p.next()
		part, err := p.term()
		if err != nil {
			return nil, err
		}
		m.Parts = appendParallel(m.Parts, part)
	}
	return m, p.distinct(m, start)
}

// appendParallel flattens a merge in a merge where it carries no label of its own.
func appendParallel(parts []ast.Part, p ast.Part) []ast.Part {
	if m, ok := p.(*ast.Parallel); ok && m.Label == "" {
		return append(parts, m.Parts...)
	}
	return append(parts, p)
}

// distinct names the parts of a merge and refuses two of one name.
func (p *parser) distinct(m *ast.Parallel, start int) error {
	seen := map[string]bool{}
	for _, part := range m.Parts {
		n := Label(part)
		if seen[n] {
			return p.fail(start, fmt.Sprintf("label one of them: first=%s", n), "%q stands twice in one merge", n)
		}
		seen[n] = true
	}
	return nil
}

// Label returns the name of a part in a merge: its label, or the name of its last call.
func Label(part ast.Part) string {
	if l := part.Base().Label; l != "" {
		return l
	}
	switch part := part.(type) {
	case *ast.Call:
		return part.Model[strings.LastIndexByte(part.Model, '/')+1:]
	case *ast.Chain:
		if n := len(part.Parts); n > 0 {
			return Label(part.Parts[n-1])
		}
	}
	return ""
}

func (p *parser) term() (ast.Part, error) {
	switch p.tok.kind {
	case open:
		return p.group("")
	case name:
	default:
		return nil, p.unexpected()
	}
	first := p.tok
	p.next()
	if p.tok.kind != equals {
		return p.call(first, "")
	}
	if strings.ContainsAny(first.text, "./:") {
		return nil, p.fail(first.offset, "labels have letters, digits, '-' and '_'", "%q cannot be a label", first.text)
	}
	p.next()
	switch p.tok.kind {
	case open:
		return p.group(first.text)
	case name:
		called := p.tok
		p.next()
		return p.call(called, first.text)
	}
	return nil, p.unexpected()
}

func (p *parser) group(label string) (ast.Part, error) {
	opened := p.tok.offset
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail(opened, "", "parentheses nest deeper than %d", maxDepth)
	}
	p.next()
	part, err := p.chain()
	if err != nil {
		return nil, err
	}
	if p.tok.kind != closing {
		if p.tok.kind == end {
			return nil, p.fail(opened, "add ')'", "'(' is not closed")
		}
		return nil, p.unexpected()
	}
	p.depth--
	p.next()
	if label != "" {
		part.Base().Label = label
	}
	return part, nil
}

func (p *parser) call(called token, label string) (ast.Part, error) {
	c := &ast.Call{Common: p.common(called.offset), Model: called.text}
	c.Label = label
	if p.tok.kind == at {
		p.next()
		if p.tok.kind != name {
			return nil, p.fail(p.tok.offset, "write it as name@3", "a version is missing after '@'")
		}
		c.Version = p.tok.text
		p.next()
	}
	return c, nil
}
