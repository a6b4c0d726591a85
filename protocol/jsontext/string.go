package jsontext

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special has a high bit set for the bytes of w that end a run of plain ASCII in a string: quotes, backslashes, controls and
// bytes from 0x80. Bits above the lowest one set may be wrong.
func special(w uint64) uint64 {
	quote, slash := w^(ones*'"'), w^(ones*'\\')
	return (((quote - ones) &^ quote) | ((slash - ones) &^ slash) | ((w - ones*0x20) &^ w) | w) & highs
}

// rawString reads a string and returns what stands between its quotes and whether that has escapes. It has been checked:
// escapes are whole, surrogates come in pairs, the rest is valid UTF-8.
func (s *Scanner) rawString() (raw []byte, escaped bool) {
	if s.space() != '"' || s.err != nil {
		s.wrong(String)
		return nil, false
	}
	buf := s.buf
	start := s.pos + 1
	i := start
	ascii := true
	for {
		for i+8 <= len(buf) && special(binary.LittleEndian.Uint64(buf[i:])) == 0 {
			i += 8
		}
		if i >= len(buf) {
			s.failAt(i, "expected '\"' at the end of a string, found the end of the text")
			return nil, false
		}
		switch c := buf[i]; {
		case c == '"':
			raw = buf[start:i:i]
			if !ascii && !utf8.Valid(raw) {
				s.failAt(start+invalidUTF8(raw), "expected UTF-8 in a string, found byte 0x%02x", raw[invalidUTF8(raw)])
				return nil, false
			}
			s.pos = i + 1
			return raw, escaped
		case c == '\\':
			n := s.escape(i)
			if n == 0 {
				return nil, false
			}
			escaped = true
			i += n
		case c < 0x20:
			s.failAt(i, "expected control characters to be escaped in a string, found byte 0x%02x", c)
			return nil, false
		default:
			ascii = ascii && c < utf8.RuneSelf
			i++
		}
	}
}

func invalidUTF8(p []byte) int {
	for i := 0; i < len(p); {
		r, n := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return 0
}

// escape returns the length of the escape sequence at i, or 0 after failing.
func (s *Scanner) escape(i int) int {
	if i+1 < len(s.buf) {
		switch s.buf[i+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			return 2
		case 'u':
			r, ok := hex4(s.buf, i+2)
			if !ok {
				s.failAt(i, `expected four hexadecimal digits after \u`)
				return 0
			}
			if !utf16.IsSurrogate(r) {
				return 6
			}
			if i+7 < len(s.buf) && s.buf[i+6] == '\\' && s.buf[i+7] == 'u' {
				if low, ok := hex4(s.buf, i+8); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
					return 12
				}
			}
			s.failAt(i, `expected a pair of surrogates, found \u%04x alone`, r)
			return 0
		}
	}
	s.failAt(i, `expected one of "\/bfnrtu after '\'`)
	return 0
}

func hex4(p []byte, i int) (rune, bool) {
	if i+4 > len(p) {
		return 0, false
	}
	var r rune
	for _, c := range p[i : i+4] {
		switch {
		case c-'0' <= 9:
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// appendUnescaped appends the characters that raw, which has been checked, stands for.
func appendUnescaped(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		run := i
		for i < len(raw) && raw[i] != '\\' {
			i++
		}
		dst = append(dst, raw[run:i]...)
		if i == len(raw) {
			break
		}
		c := raw[i+1]
		i += 2
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r, _ := hex4(raw, i)
			i += 4
			if utf16.IsSurrogate(r) {
				low, _ := hex4(raw, i+2)
				r = utf16.DecodeRune(r, low)
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// AppendString reads a string and appends its characters to dst.
func (s *Scanner) AppendString(dst []byte) []byte {
	raw, escaped := s.rawString()
	if escaped {
		return appendUnescaped(dst, raw)
	}
	return append(dst, raw...)
}

// Text reads a string and returns a copy of its characters.
func (s *Scanner) Text() string {
	raw, escaped := s.rawString()
	if escaped {
		raw = appendUnescaped(make([]byte, 0, len(raw)), raw)
	}
	return string(raw)
}

// Bytes reads a string and returns its characters: a view of the text, or, where it has escapes, new memory.
func (s *Scanner) Bytes() []byte {
	raw, escaped := s.rawString()
	if escaped {
		raw = appendUnescaped(make([]byte, 0, len(raw)), raw)
	}
	return raw
}

const hexDigits = "0123456789abcdef"

// AppendString appends text as a JSON string in quotes. It escapes what RFC 8259 says must be, nothing for HTML. Text that is
// not valid UTF-8 has no JSON form: check with [unicode/utf8.Valid] before; here its bad bytes become U+FFFD.
func AppendString[T string | []byte](dst []byte, text T) []byte {
	dst = append(dst, '"')
	run := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			var four [utf8.UTFMax]byte
			if r, n := utf8.DecodeRune(four[:copy(four[:], text[i:])]); r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		dst = append(dst, text[run:i]...)
		i++
		run = i
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		default:
			if c >= utf8.RuneSelf {
				dst = append(dst, "\uFFFD"...)
			} else {
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
		}
	}
	return append(append(dst, text[run:]...), '"')
}
