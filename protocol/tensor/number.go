package tensor

import (
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"unsafe"

	"github.com/millrace/millrace/protocol/jsontext"
)

var (
	errNotNumber = errors.New("not a number")
	errOverflow  = errors.New("beyond what the datatype can hold")
	errFraction  = errors.New("not an integer")
)

// pow10 are the powers of ten that FP64 holds exactly.
var pow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

const (
	minPow5 = -64
	maxPow5 = 64
)

// pow5 has the first 128 bits of 5^q, cut off, with the highest bit set.
var pow5 = func() (table [maxPow5 - minPow5 + 1][2]uint64) {
	five, mask := big.NewInt(5), new(big.Int).SetUint64(math.MaxUint64)
	for q := minPow5; q <= maxPow5; q++ {
		v := new(big.Int).Exp(five, big.NewInt(int64(max(q, -q))), nil)
		if q < 0 {
			v.Quo(new(big.Int).Lsh(big.NewInt(1), uint(128+v.BitLen())), v)
		}
		if n := v.BitLen(); n > 128 {
			v.Rsh(v, uint(n-128))
		} else {
			v.Lsh(v, uint(128-n))
		}
		table[q-minPow5] = [2]uint64{new(big.Int).Rsh(v, 64).Uint64(), new(big.Int).And(v, mask).Uint64()}
	}
	return table
}()

// decimalFloat returns the FP64 bits nearest to d. Most numbers take one of two short ways, the rest strconv's.
func decimalFloat(d *jsontext.Decimal) (uint64, error) {
	var sign uint64
	if d.Negative {
		sign = 1 << 63
	}
	if !d.Long {
		if d.Mantissa == 0 {
			return sign, nil
		}
		if d.Mantissa < 1<<53 && d.Exponent >= -22 && d.Exponent <= 22 {
			// Both are exact, so that one operation rounds once (Clinger, "How to read floating point numbers accurately").
			f := float64(d.Mantissa)
			if d.Exponent < 0 {
				f /= pow10[-d.Exponent]
			} else {
				f *= pow10[d.Exponent]
			}
			return sign | math.Float64bits(f), nil
		}
		if b, ok := scale(d.Mantissa, d.Exponent); ok {
			return sign | b, nil
		}
	}
	return slowFloat(d.Text)
}

// scale returns the FP64 bits of m·10^q, or false where 128 bits of 5^q do not decide the rounding (Lemire, "Number parsing at
// a gigabyte per second", §5) or the result is not a normal number.
func scale(m uint64, q int) (uint64, bool) {
	if q < minPow5 || q > maxPow5 {
		return 0, false
	}
	zeros := bits.LeadingZeros64(m)
	m <<= zeros
	p := &pow5[q-minPow5]
	hi, lo := bits.Mul64(m, p[0])
	// The cut-off digits of 5^q are worth less than m in lo: look at them only where a carry could reach the rounding bits.
	if hi&0x1FF == 0x1FF && lo+m < lo {
		more, least := bits.Mul64(m, p[1])
		var carry uint64
		lo, carry = bits.Add64(lo, more, 0)
		hi += carry
		if hi&0x1FF == 0x1FF && lo == math.MaxUint64 && least+m < least {
			return 0, false
		}
	}
	top := hi >> 63
	man := hi >> (top + 9) // 54 bits: one more than the mantissa, to round by
	// Just between two floats, as far as can be seen, and the lower one is even.
	if lo == 0 && hi&(1<<(top+9)-1) == 0 && man&3 == 1 {
		return 0, false
	}
	man = (man + man&1) >> 1
	exp := (217706*q)>>16 + 64 + 1023 - zeros + int(top) - 1
	if man>>53 != 0 {
		man >>= 1
		exp++
	}
	if exp < 1 || exp >= 0x7FF {
		return 0, false
	}
	return uint64(exp)<<52 | man&(1<<52-1), true
}

// slowFloat is strconv's way: correct for every text, tokens included.
func slowFloat(text []byte) (uint64, error) {
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), 64)
	if err != nil && math.IsInf(f, 0) {
		return 0, errOverflow
	}
	if err != nil {
		return 0, errNotNumber
	}
	return math.Float64bits(f), nil
}

// appendDecimalFloat appends d as the nearest element of a float datatype. FP16 and BF16 are rounded from FP64.
func appendDecimalFloat(dst []byte, d *jsontext.Decimal, as Datatype) ([]byte, error) {
	if as == FP32 && !d.Long && d.Mantissa < 1<<24 && d.Exponent >= -10 && d.Exponent <= 10 {
		f := float32(d.Mantissa) // both operands are exact, as in decimalFloat
		if d.Exponent < 0 {
			f /= float32(pow10[-d.Exponent])
		} else {
			f *= float32(pow10[d.Exponent])
		}
		b := math.Float32bits(f)
		if d.Negative {
			b |= 1 << 31
		}
		return binary.LittleEndian.AppendUint32(dst, b), nil
	}
	b, err := decimalFloat(d)
	if err != nil {
		return dst, err
	}
	if as == FP64 {
		return binary.LittleEndian.AppendUint64(dst, b), nil
	}
	if as == FP32 {
		// Rounding twice differs from rounding once only where the first result is halfway between two FP32.
		if exp := b >> 52 & 0x7FF; b&(1<<29-1) == 1<<28 || exp < 1023-126 && exp != 0 {
			if f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(d.Text), len(d.Text)), 32); err == nil {
				b = math.Float64bits(f)
			}
		}
	}
	dst, ok := appendFloat(dst, as, b)
	if !ok {
		return dst, errOverflow
	}
	return dst, nil
}

// decimalUint returns the absolute value of the integer that d is, whatever its form: 1e3 and 1.50e1 are integers.
func decimalUint(d *jsontext.Decimal) (uint64, error) {
	if d.Integer && !d.Long {
		return d.Mantissa, nil
	}
	return slowUint(d.Text)
}

// slowUint goes through the digits of any number's text.
func slowUint(text []byte) (uint64, error) {
	var v uint64
	zeros, point, seen, significant := 0, 0, false, false // zeros: not yet multiplied into v
	over := false
	for i, c := range text {
		switch {
		case c == '.':
			seen = true
			continue
		case c|0x20 == 'e':
			exp, err := strconv.Atoi(string(text[i+1:]))
			if err != nil {
				exp = math.MaxInt32
				if text[i+1] == '-' {
					exp = -exp
				}
			}
			point -= exp
		case c == '-' && i == 0:
			continue
		case c-'0' > 9:
			return 0, errNotNumber
		}
		if c|0x20 == 'e' {
			break
		}
		if seen {
			point++
		}
		if c == '0' {
			if significant {
				zeros++
			}
			continue
		}
		significant = true
		for ; zeros > 0 && !over; zeros-- {
			v, over = mulAdd(v, 0)
		}
		if !over {
			v, over = mulAdd(v, c-'0')
		}
	}
	if !significant {
		return 0, nil
	}
	// The number is v·10^(zeros-point), and v does not end in 0.
	if point > zeros {
		return 0, errFraction
	}
	for n := zeros - point; n > 0 && !over; n-- {
		v, over = mulAdd(v, 0)
	}
	if over {
		return 0, errOverflow
	}
	return v, nil
}

func mulAdd(v uint64, digit byte) (uint64, bool) {
	hi, lo := bits.Mul64(v, 10)
	lo, carry := bits.Add64(lo, uint64(digit), 0)
	return lo, hi != 0 || carry != 0
}

func decimalInt64(d *jsontext.Decimal) (int64, bool) {
	u, err := decimalUint(d)
	switch {
	case err != nil || len(d.Text) == 0:
		return 0, false
	case d.Negative:
		return -int64(u), u <= 1<<63
	}
	return int64(u), u <= math.MaxInt64
}

// appendDecimal appends d as one element of a datatype of fixed size: integers exactly, floats to the nearest.
func appendDecimal(dst []byte, d *jsontext.Decimal, as Datatype) ([]byte, error) {
	if as.IsFloat() {
		return appendDecimalFloat(dst, d, as)
	}
	u, err := decimalUint(d)
	if err != nil {
		return dst, err
	}
	v, fits := int64(u), u <= math.MaxInt64
	if d.Negative {
		v, fits = -v, u <= 1<<63
	}
	if as == Uint64 && !d.Negative {
		return binary.LittleEndian.AppendUint64(dst, u), nil
	}
	dst, ok := appendInt(dst, as, v)
	if !ok || !fits {
		return dst, errOverflow
	}
	return dst, nil
}

// ParseFloat returns the FP64 nearest to the text of a JSON number.
func ParseFloat(text []byte) (float64, error) {
	s := jsontext.NewScanner(text)
	d := s.Decimal()
	if s.End() != nil {
		return 0, errNotNumber
	}
	b, err := decimalFloat(&d)
	return math.Float64frombits(b), err
}
