package jsontext

// Number reads a number and returns its text as it stands: RFC 8259's grammar, or one of the tokens that NonFinite allows.
func (s *Scanner) Number() []byte {
	c := s.space()
	if s.err != nil {
		return nil
	}
	buf, start, i := s.buf, s.pos, s.pos
	if c == '-' {
		i++
	}
	switch {
	case i < len(buf) && buf[i] == '0':
		i++
	case i < len(buf) && buf[i]-'1' <= 8:
		for i++; i < len(buf) && buf[i]-'0' <= 9; i++ {
		}
	case s.NonFinite && (c == '-' || c == 'N' || c == 'I'):
		return s.token()
	case c == '-':
		s.pos = i
		s.Fail("expected a digit after '-', found %s", s.found())
		return nil
	default:
		s.wrong(Number)
		return nil
	}
	if i < len(buf) && buf[i] == '.' {
		if i = digits(buf, i+1); buf[i-1] == '.' {
			s.pos = i
			s.Fail("expected a digit after '.', found %s", s.found())
			return nil
		}
	}
	if i < len(buf) && buf[i]|0x20 == 'e' {
		i++
		if i < len(buf) && (buf[i] == '+' || buf[i] == '-') {
			i++
		}
		from := i
		if i = digits(buf, i); i == from {
			s.pos = i
			s.Fail("expected a digit in an exponent, found %s", s.found())
			return nil
		}
	}
	s.pos = i
	return buf[start:i:i]
}

func digits(buf []byte, i int) int {
	for i < len(buf) && buf[i]-'0' <= 9 {
		i++
	}
	return i
}

func (s *Scanner) token() []byte {
	rest := s.buf[s.pos:]
	for _, word := range [...]string{"NaN", "Infinity", "-Infinity"} {
		if len(rest) >= len(word) && string(rest[:len(word)]) == word {
			s.pos += len(word)
			return rest[:len(word):len(word)]
		}
	}
	s.Fail("expected a number, NaN, Infinity or -Infinity, found %s", s.found())
	return nil
}
