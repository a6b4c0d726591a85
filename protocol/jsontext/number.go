package jsontext

import "encoding/binary"

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
	end, wrong := d.scan(s.buf, s.pos)
	if wrong == "" {
		s.pos = end
		return d
	}
	if s.NonFinite && (c == 'N' || c == 'I' || c == '-' && end == s.pos+1) {
		return Decimal{Text: s.token(), Negative: c == '-', Long: true}
	}
	if end == s.pos {
		s.wrong(Number)
		return Decimal{}
	}
	s.pos = end
	s.Fail("expected a digit %s, found %s", wrong, s.found())
	return Decimal{}
}

// NumberElement is NextElement and Decimal in one step for the usual case that the array's next element is a number that follows
// its comma after at most one space. It is false in any other case, at the end and at errors too, with the cursor where it was:
// go on with NextElement, which tells.
func (s *Scanner) NumberElement(d *Decimal) bool {
	i := s.pos
	if s.err != nil {
		return false
	}
	if !s.first {
		if i >= len(s.buf) || s.buf[i] != ',' {
			return false
		}
		i++
	}
	if i < len(s.buf) && s.buf[i] == ' ' {
		i++
	}
	end, wrong := d.scan(s.buf, i)
	if wrong != "" {
		return false
	}
	s.pos, s.first = end, false
	return true
}

// scan reads the number that starts at buf[start] and returns where it ends; or where it is wrong and what is missing there.
func (d *Decimal) scan(buf []byte, start int) (end int, wrong string) {
	i := start
	d.Negative, d.Integer, d.Long, d.Exponent = false, true, false, 0
	if i < len(buf) && buf[i] == '-' {
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
	default:
		return i, "after '-'"
	}
	significant := i - first
	if i < len(buf) && buf[i] == '.' {
		i++
		from := i
		if significant == 0 {
			for ; i < len(buf) && buf[i] == '0'; i++ {
			}
		}
		zeros := i - from
		for i+8 <= len(buf) {
			w := binary.LittleEndian.Uint64(buf[i:])
			if !eightDigits(w) {
				break
			}
			mant = mant*100_000_000 + valueOfEight(w)
			i += 8
		}
		for ; i < len(buf) && buf[i]-'0' <= 9; i++ {
			mant = mant*10 + uint64(buf[i]-'0')
		}
		if i == from {
			return i, "after '.'"
		}
		significant += i - from - zeros
		d.Exponent = from - i
		d.Integer = false
	}
	if i < len(buf) && buf[i]|0x20 == 'e' {
		if i = d.exponent(buf, i+1); i < 0 {
			return -i, "in an exponent"
		}
	}
	d.Text, d.Mantissa = buf[start:i:i], mant
	d.Long = d.Long || significant > maxDigits
	return i, ""
}

// eightDigits tells whether all eight bytes of w are digits: their high halves are 3, and stay so when 6 is added.
func eightDigits(w uint64) bool {
	const high = 0xF0F0F0F0F0F0F0F0
	return w&high|(w+0x0606060606060606)&high>>4 == 0x3333333333333333
}

// valueOfEight returns the number that eight digits make, the first in the lowest byte: by pairs, then by fours, then all.
func valueOfEight(w uint64) uint64 {
	w -= 0x3030303030303030
	w = w*10 + w>>8 // pairs, in every other byte
	const pairs = 0x000000FF000000FF
	return (w&pairs*(100+1_000_000<<32) + w>>16&pairs*(1+10_000<<32)) >> 32
}

// exponent reads what follows an 'e' and returns where it ends, or, negated, where a digit is missing.
func (d *Decimal) exponent(buf []byte, i int) int {
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
		return -i
	}
	d.Long = exp >= maxExponent
	if negative {
		exp = -exp
	}
	d.Exponent += exp
	d.Integer = false
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
