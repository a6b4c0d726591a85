package tensor

import "math"

// format describes a binary floating-point format of IEEE 754's kind, narrower than FP64.
type format struct{ exponent, mantissa uint } // bits of each

func formatOf(d Datatype) format {
	switch d {
	case FP16:
		return format{5, 10}
	case BF16:
		return format{8, 7}
	}
	return format{8, 23}
}

// widen returns the FP64 bits of a narrower float's: always exact, NaN payloads included.
func (f format) widen(b uint64) uint64 {
	sign := b >> (f.exponent + f.mantissa) << 63
	top := uint64(1)<<f.exponent - 1
	exp, man := b>>f.mantissa&top, b&(1<<f.mantissa-1)
	switch {
	case exp == top:
		return sign | 0x7FF<<52 | man<<(52-f.mantissa)
	case exp == 0 && man == 0:
		return sign
	case exp == 0: // a denormal becomes normal: shift its first bit to where it is implied
		exp = 1
		for man&(1<<f.mantissa) == 0 {
			man <<= 1
			exp--
		}
		man &= 1<<f.mantissa - 1
	}
	return sign | (exp+1023-top>>1)<<52 | man<<(52-f.mantissa)
}

// narrow returns the narrower float's bits of FP64's, rounded to nearest even. It is false where a finite value became
// infinite. A NaN keeps the payload bits that fit.
func (f format) narrow(b uint64) (bits uint64, ok bool) {
	sign := b >> 63 << (f.exponent + f.mantissa)
	top := uint64(1)<<f.exponent - 1
	inf := top << f.mantissa
	exp, man := int(b>>52&0x7FF), b&(1<<52-1)
	bias := int(top >> 1)
	drop := 52 - f.mantissa
	switch e := exp - 1023 + bias; {
	case exp == 0x7FF && man == 0:
		return sign | inf, true
	case exp == 0x7FF:
		payload := man >> drop
		if payload == 0 {
			payload = 1 << (f.mantissa - 1) // no bit fits: still a NaN
		}
		return sign | inf | payload, true
	case e >= int(top):
		return sign | inf, false
	case e > 0:
		bits = round(uint64(e)<<52|man, drop)
		return sign | bits, bits < inf
	case drop+uint(1-e) > 54: // below half of the smallest denormal
		return sign, true
	default:
		return sign | round(man|1<<52, drop+uint(1-e)), true
	}
}

// round drops the low bits of v, rounding to nearest even. A carry runs into the exponent above the mantissa, as it should.
func round(v uint64, drop uint) uint64 {
	rest, half := v&(1<<drop-1), uint64(1)<<(drop-1)
	v >>= drop
	if rest > half || rest == half && v&1 == 1 {
		v++
	}
	return v
}

// FP16Float64 returns the value of an FP16's bits.
func FP16Float64(bits uint16) float64 {
	return math.Float64frombits(format{5, 10}.widen(uint64(bits)))
}

// BF16Float64 returns the value of a BF16's bits.
func BF16Float64(bits uint16) float64 { return math.Float64frombits(format{8, 7}.widen(uint64(bits))) }
