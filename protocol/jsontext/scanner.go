package jsontext

import "fmt"

// MaxDepth is the number of nested arrays and objects that a Scanner accepts; it is Triton's limit too.
const MaxDepth = 100

// Kind is the kind of a JSON value.
type Kind uint8

// The kinds. None is the end of the text, or no value.
const (
	None Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

var kindNames = [...]string{"nothing", "null", "a boolean", "a number", "a string", "an array", "an object"}

// String returns the kind with its article, as error texts want it.
func (k Kind) String() string { return kindNames[k] }

// SyntaxError is what a Scanner reports.
type SyntaxError struct {
	Offset int    // byte at which the text is wrong
	Detail string // what was expected and what was found
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("offset %d: %s", e.Offset, e.Detail) }

// Scanner is a cursor over one JSON text. Make one with [NewScanner]; it is a small value and may be copied to look ahead.
// What it returns as []byte are views of the text unless said otherwise. It is not safe for concurrent use.
type Scanner struct {
	// NonFinite makes the tokens NaN, Infinity and -Infinity numbers, for dialects that have them.
	NonFinite bool

	buf     []byte
	pos     int
	depth   int
	first   bool // the cursor stands right after a '[' or '{'
	escaped bool // key has escapes
	key     []byte
	scratch []byte
	err     error
}

// NewScanner returns a scanner at the start of text, which must not change while the scanner is used.
func NewScanner(text []byte) Scanner { return Scanner{buf: text} }

// Err returns the first error, or nil.
func (s *Scanner) Err() error { return s.err }

// Offset returns the byte at which the cursor stands.
func (s *Scanner) Offset() int { return s.pos }

// Remaining returns the number of bytes behind the cursor: a bound for what is still to come.
func (s *Scanner) Remaining() int { return len(s.buf) - s.pos }

// Fail makes an error of the caller's own stick, at the cursor, unless there is one already.
func (s *Scanner) Fail(format string, args ...any) { s.failAt(s.pos, format, args...) }

func (s *Scanner) failAt(offset int, format string, args ...any) {
	if s.err == nil {
		s.err = &SyntaxError{Offset: offset, Detail: fmt.Sprintf(format, args...)}
	}
}

// found says what stands at the cursor, for error texts.
func (s *Scanner) found() string {
	if s.pos >= len(s.buf) {
		return "the end of the text"
	}
	if c := s.buf[s.pos]; c < 0x20 || c >= 0x7F {
		return fmt.Sprintf("byte 0x%02x", c)
	}
	return fmt.Sprintf("'%c'", s.buf[s.pos])
}

// space moves to the next byte that is not white space and returns it, or 0 at the end or after an error.
func (s *Scanner) space() byte {
	if s.err != nil {
		return 0
	}
	for s.pos < len(s.buf) {
		switch c := s.buf[s.pos]; c {
		case ' ', '\n', '\t', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// Kind tells, without consuming it, what kind of value the next one seems to be by its first byte. It is None where no value can start, and
// after an error.
func (s *Scanner) Kind() Kind {
	switch c := s.space(); {
	case c == '"':
		return String
	case c == '-' || c >= '0' && c <= '9':
		return Number
	case c == '[':
		return Array
	case c == '{':
		return Object
	case c == 't' || c == 'f':
		return Bool
	case c == 'n':
		return Null
	case s.NonFinite && (c == 'N' || c == 'I'):
		return Number
	}
	return None
}

// open enters the container of kind k, which must start with c.
func (s *Scanner) open(c byte, k Kind) bool {
	if s.space() != c || s.err != nil {
		s.wrong(k)
		return false
	}
	if s.depth == MaxDepth {
		s.Fail("JSON nesting depth exceeds maximum allowed limit (%d)", MaxDepth)
		return false
	}
	s.pos++
	s.depth++
	s.first = true
	return true
}

// wrong fails because the next value is not of kind want.
func (s *Scanner) wrong(want Kind) {
	if s.err != nil {
		return
	}
	if k := s.Kind(); k != None && k != want {
		s.Fail("expected %s, found %s", want, k)
		return
	}
	s.Fail("expected %s, found %s", want, s.found())
}

// Object enters the object that must come next. Its members follow by NextKey.
func (s *Scanner) Object() bool { return s.open('{', Object) }

// Array enters the array that must come next. Its elements follow by NextElement.
func (s *Scanner) Array() bool { return s.open('[', Array) }

// next consumes what stands before a member or an element: nothing or a comma. It is false where the container ends, after
// consuming its end.
func (s *Scanner) next(end byte) bool {
	c := s.space()
	if s.err != nil {
		return false
	}
	switch {
	case c == end:
		s.pos++
		s.depth--
		s.first = false
		return false
	case s.first:
		s.first = false
		return true
	case c == ',':
		s.pos++
		if s.space() == end {
			s.Fail("expected a value after ',', found '%c'", end)
			return false
		}
		return true
	}
	s.Fail("expected ',' or '%c', found %s", end, s.found())
	return false
}

// NextElement moves to the array's next element, which the caller then reads; it is false at the array's end, which it
// consumes, and after an error.
func (s *Scanner) NextElement() bool { return s.next(']') }

// NextKey moves to the object's next member, whose value the caller then reads; it is false at the object's end, which it
// consumes, and after an error.
func (s *Scanner) NextKey() bool {
	if !s.next('}') {
		return false
	}
	if s.space() != '"' {
		s.Fail("expected a key in quotes, found %s", s.found())
		return false
	}
	s.key, s.escaped = s.rawString()
	if s.space() != ':' {
		s.Fail("expected ':' after a key, found %s", s.found())
	}
	if s.err != nil {
		return false
	}
	s.pos++
	return true
}

// Key returns the key that NextKey came to, unescaped. It is a view of the text, or, where it has escapes, of memory that is
// valid until Key is called again.
func (s *Scanner) Key() []byte {
	if !s.escaped {
		return s.key
	}
	s.scratch = appendUnescaped(s.scratch[:0], s.key)
	return s.scratch
}

// Bool reads true or false.
func (s *Scanner) Bool() bool {
	switch s.space() {
	case 't':
		return s.literal("true")
	case 'f':
		s.literal("false")
	default:
		s.wrong(Bool)
	}
	return false
}

// Null reads null.
func (s *Scanner) Null() {
	if s.space() != 'n' {
		s.wrong(Null)
		return
	}
	s.literal("null")
}

// TryNull consumes null where that is next and tells whether it was.
func (s *Scanner) TryNull() bool { return s.space() == 'n' && s.literal("null") }

func (s *Scanner) literal(word string) bool {
	if s.err != nil {
		return false
	}
	if len(s.buf)-s.pos < len(word) || string(s.buf[s.pos:s.pos+len(word)]) != word {
		s.Fail("expected %s, found something like it", word)
		return false
	}
	s.pos += len(word)
	return true
}

// Skip reads the next value, whatever it is, and returns its text without white space around it.
func (s *Scanner) Skip() []byte {
	s.space()
	start := s.pos
	switch s.Kind() {
	case Object:
		for s.Object(); s.NextKey(); {
			s.Skip()
		}
	case Array:
		for s.Array(); s.NextElement(); {
			s.Skip()
		}
	case String:
		s.rawString()
	case Number:
		s.Number()
	case Bool:
		s.Bool()
	case Null:
		s.Null()
	default:
		s.Fail("expected a value, found %s", s.found())
	}
	if s.err != nil {
		return nil
	}
	return s.buf[start:s.pos:s.pos]
}

// End returns the first error; without one it checks that nothing but white space follows.
func (s *Scanner) End() error {
	if s.space(); s.err == nil && s.pos < len(s.buf) {
		s.Fail("expected the end of the text, found %s", s.found())
	}
	return s.err
}
