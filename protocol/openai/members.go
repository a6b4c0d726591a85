package openai

import (
	"encoding/binary"
	"fmt"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/jsontext"
)

// keySize bounds the text of a key that is looked at: five characters, all of them escaped, is less.
const keySize = 40

// member is one member of the outermost object, with the place of its value in the body.
type member struct {
	key      string // model or stream; empty for all others
	kind     byte   // the first byte of the value
	from, to int
}

// members goes over the members of the object that a body is, segment by segment, without joining them and without reading
// what values say: of those only strings and brackets are followed, which is enough to know where they end for every parser
// that takes JSON. What the values are is the server's to judge.
type members struct {
	b       *body.Body
	segment int
	chunk   []byte
	off     int // in chunk
	base    int // of chunk in the body
	open    bool
	err     *jsontext.SyntaxError
	keyText [keySize]byte
}

// membersOf enters the object that b is.
func membersOf(b *body.Body) members {
	m := members{b: b, segment: -1}
	m.fill()
	switch c := m.space(); {
	case c == '{':
		m.off++
		m.open = true
	case c == 0:
		m.fail("expected an object, found the end of the text")
	default:
		m.fail("expected an object, found %q", c)
	}
	return m
}

func (m *members) fail(format string, args ...any) {
	if m.err == nil {
		m.err = &jsontext.SyntaxError{Offset: m.base + m.off, Detail: fmt.Sprintf(format, args...)}
	}
}

// failure returns what was wrong with the body as an error that blames the request, or nil.
func (m *members) failure() error {
	if m.err == nil {
		return nil
	}
	return jsontensor.Malformed(m.err)
}

// fill makes sure that a byte stands at the cursor; it is false at the end of the body.
func (m *members) fill() bool {
	for m.off >= len(m.chunk) {
		if m.segment+1 >= m.b.Segments() {
			return false
		}
		m.base += len(m.chunk)
		m.segment++
		m.chunk, m.off = m.b.Segment(m.segment), 0
	}
	return true
}

// space moves to the next byte that is not white space and returns it, or 0 at the end or after an error. A NUL in the text is
// no JSON and is taken for the end.
func (m *members) space() byte {
	if m.err != nil {
		return 0
	}
	for m.fill() {
		switch c := m.chunk[m.off]; c {
		case ' ', '\n', '\t', '\r':
			m.off++
		default:
			return c
		}
	}
	return 0
}

// next moves over one member. It is false after the last one and after an error.
func (m *members) next(v *member) bool {
	if !m.open || m.err != nil {
		return false
	}
	c := m.space()
	if c == '}' {
		m.off++
		m.open = false
		if m.space() != 0 || m.fill() {
			m.fail("expected the end of the text after the object")
		}
		return false
	}
	if v.to > 0 {
		if c != ',' {
			m.fail("expected ',' or '}' after a member")
			return false
		}
		m.off++
		c = m.space()
	}
	if c != '"' {
		m.fail("expected a key in quotes")
		return false
	}
	v.key = m.key()
	if m.space() != ':' {
		m.fail("expected ':' after a key")
		return false
	}
	m.off++
	v.kind = m.space()
	v.from = m.base + m.off
	m.value(v.kind)
	v.to = m.base + m.off
	return m.err == nil
}

// key reads a key and returns it where it is one that counts.
func (m *members) key() string {
	n, escaped := 0, false
	m.off++
	for m.fill() {
		c := m.chunk[m.off]
		m.off++
		if c == '"' {
			return m.named(n, escaped)
		}
		n = m.keep(n, c)
		if c == '\\' && m.fill() {
			escaped = true
			n = m.keep(n, m.chunk[m.off])
			m.off++
		}
	}
	m.fail("expected '\"' at the end of a string, found the end of the text")
	return ""
}

func (m *members) keep(n int, c byte) int {
	if n < keySize {
		m.keyText[n] = c
	}
	return n + 1
}

// named returns the key whose n bytes were kept, without its escapes, or nothing where it does not count.
func (m *members) named(n int, escaped bool) string {
	if n > keySize {
		return ""
	}
	raw := m.keyText[:n]
	if escaped {
		s := jsontext.NewScanner(append(append([]byte{'"'}, raw...), '"'))
		raw = s.Bytes()
	}
	switch string(raw) {
	case "model":
		return "model"
	case "stream":
		return "stream"
	}
	return ""
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// skipText moves over a string, eight bytes at a time where none of them ends or escapes.
func (m *members) skipText() {
	m.off++
	for m.fill() {
		chunk, i := m.chunk, m.off
		for i+8 <= len(chunk) {
			w := binary.LittleEndian.Uint64(chunk[i:])
			quote, slash := w^(ones*'"'), w^(ones*'\\')
			if ((quote-ones)&^quote|(slash-ones)&^slash)&highs != 0 {
				break
			}
			i += 8
		}
		for i < len(chunk) && chunk[i] != '"' && chunk[i] != '\\' {
			i++
		}
		if m.off = i; i == len(chunk) {
			continue
		}
		m.off++
		if chunk[i] == '"' {
			return
		}
		if m.fill() {
			m.off++
		}
	}
	m.fail("expected '\"' at the end of a string, found the end of the text")
}

// value moves over the value that begins with c.
func (m *members) value(c byte) {
	switch c {
	case '"':
		m.skipText()
	case '{', '[':
		m.container()
	default:
		from := m.base + m.off
		for m.fill() && scalar(m.chunk[m.off]) {
			m.off++
		}
		if m.base+m.off == from {
			m.fail("expected a value")
		}
	}
}

// scalar tells whether c may stand in a number or a literal.
func scalar(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '+' || c == '.'
}

// container moves over an array or an object by its brackets.
func (m *members) container() {
	var closing [jsontext.MaxDepth]byte
	depth := 0
	for m.fill() {
		switch c := m.chunk[m.off]; c {
		case '"':
			m.skipText()
			continue
		case '{', '[':
			if depth == len(closing) {
				m.fail("JSON nesting depth exceeds maximum allowed limit (%d)", jsontext.MaxDepth)
				return
			}
			closing[depth] = c + 2 // in ASCII a closing bracket comes two after the opening one
			depth++
		case '}', ']':
			if depth--; closing[depth] != c {
				m.fail("expected '%c', found '%c'", closing[depth], c)
				return
			}
			if depth == 0 {
				m.off++
				return
			}
		}
		m.off++
	}
	m.fail("expected the end of a value, found the end of the text")
}
