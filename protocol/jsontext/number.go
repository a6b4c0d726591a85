package jsontext

// Decimal is a number as it stands in the text: (-1)^Negative · Mantissa · 10^Exponent.
type Decimal struct {
	Text     []byte // as it stands; a view
	Mantissa uint64
	Exponent int
	Negative bool
	// Integer says that the text has neither a point nor an exponent.
	Integer bool
	// Long says that Mantissa and Exponent do not hold the number: it has more digits than they can, or is a token that
	// NonFinite allows. Only Text does then.
	Long bool
}

const (
	maxDigits   = 19      // that surely fit into a uint64
	maxExponent = 1 << 20 // far beyond any float
)

// Number reads a number and returns its text: RFC 8259's grammar, or one of the tokens that NonFinite allows.
func (s *Scanner) Number() []byte { return s.Decimal().Text }

// Decimal reads a number as Number does and hands over its digits as well, gathered on the way.
func (s *Scanner) Decimal() (d Decimal) {
	c := s.space()
	if s.err != nil {
		return d
	}
	buf, start, i := s.buf, s.pos, s.pos
	if c == '-' {
		d.Negative = true
		i++
	}
	var mant uint64
	first := i // of the significant digits
	switch {
	case i < len(buf) && buf[i] == '0':
		i++
		first = i
	case i < len(buf) && buf[i]-'1' <= 8:
		for ; i < len(buf) && buf[i]-'0' <= 9; i++ {
			mant = mant*10 + uint64(buf[i]-'0')
		}
	case s.NonFinite && (c == '-' || c == 'N' || c == 'I'):
		d.Text, d.Long = s.token(), true
		return d
	case c == '-':
		s.pos = i
		s.Fail("expected a digit after '-', found %s", s.found())
		return Decimal{}
	default:
		s.wrong(Number)
		return Decimal{}
	}
	significant := i - first
	d.Integer = true
	if i < len(buf) && buf[i] == '.' {
		i++
		from := i
		if significant == 0 {
			for ; i < len(buf) && buf[i] == '0'; i++ {
			}
		}
		zeros := i - from
		for ; i < len(buf) && buf[i]-'0' <= 9; i++ {
			mant = mant*10 + uint64(buf[i]-'0')
		}
		if i == from {
			s.pos = i
			s.Fail("expected a digit after '.', found %s", s.found())
			return Decimal{}
		}
		significant += i - from - zeros
		d.Exponent = from - i
		d.Integer = false
	}
	if i < len(buf) && buf[i]|0x20 == 'e' {
		i++
		negative := false
		if i < len(buf) && (buf[i] == '+' || buf[i] == '-') {
			negative = buf[i] == '-'
			i++
		}
		from, exp := i, 0
		for ; i < len(buf) && buf[i]-'0' <= 9; i++ {
			if exp < maxExponent {
				exp = exp*10 + int(buf[i]-'0')
			}
		}
		if i == from {
			s.pos = i
			s.Fail("expected a digit in an exponent, found %s", s.found())
			return Decimal{}
		}
		if exp >= maxExponent {
			d.Long = true
		}
		if negative {
			exp = -exp
		}
		d.Exponent += exp
		d.Integer = false
	}
	s.pos = i
	d.Text, d.Mantissa = buf[start:i:i], mant
	d.Long = d.Long || significant > maxDigits
	return d
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
