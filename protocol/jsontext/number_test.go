package jsontext

import (
	"math/big"
	"slices"
	"testing"
)

func TestADecimalHoldsTheDigitsOfANumber(t *testing.T) {
	for _, c := range []struct {
		text     string
		mantissa uint64
		exponent int
		negative bool
		integer  bool
		long     bool
	}{
		{"0", 0, 0, false, true, false},
		{"-0", 0, 0, true, true, false},
		{"-0.0", 0, -1, true, false, false},
		{"0.00123", 123, -5, false, false, false},
		{"12.50", 1250, -2, false, false, false},
		{"1e3", 1, 3, false, false, false},
		{"-1.5E-3", 15, -4, true, false, false},
		{"9999999999999999999", 9999999999999999999, 0, false, true, false},
		{"10000000000000000000", 10000000000000000000, 0, false, true, true},
		{"0.00000000000000000000000000001234567890123456789", 1234567890123456789, -47, false, false, false},
	} {
		s := NewScanner([]byte(c.text))
		d := s.Decimal()
		if err := s.End(); err != nil || string(d.Text) != c.text || d.Mantissa != c.mantissa || d.Exponent != c.exponent ||
			d.Negative != c.negative || d.Integer != c.integer || d.Long != c.long {
			t.Errorf("%s: %+v, %v", c.text, d, err)
		}
	}
}

func FuzzADecimalIsTheNumberOfItsText(f *testing.F) {
	for _, seed := range []string{"0", "-1.25e-7", "123456789012345678901234567890", "0.000", "1e99999999999", "00", "1e-5000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := NewScanner([]byte(text))
		d := s.Decimal()
		if s.End() != nil || d.Long || d.Exponent < -1000 || d.Exponent > 1000 {
			return
		}
		want, ok := new(big.Rat).SetString(string(d.Text))
		if !ok {
			t.Fatalf("%q is no number", d.Text)
		}
		got := new(big.Rat).SetInt(new(big.Int).SetUint64(d.Mantissa))
		scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(d.Exponent, -d.Exponent))), nil)
		if d.Exponent < 0 {
			got.Quo(got, new(big.Rat).SetInt(scale))
		} else {
			got.Mul(got, new(big.Rat).SetInt(scale))
		}
		if d.Negative {
			got.Neg(got)
		}
		if got.Cmp(want) != 0 {
			t.Fatalf("%q is read as %v", text, got)
		}
	})
}

func TestNumberElementsAreTheElementsOfTheArray(t *testing.T) {
	for _, text := range []string{`[]`, `[1]`, `[1,2]`, `[1, 2,  3 , 4]`, `[1,"a",2]`, `[-1e5,0.5,[1],2]`, `[1,]`, `[01]`, `[1 2]`, `[1,-]`, `[1.,2]`} {
		plain, fast := NewScanner([]byte(text)), NewScanner([]byte(text))
		var want, got []string
		for plain.Array(); plain.NextElement(); {
			want = append(want, string(plain.Skip()))
		}
		var d Decimal
		for fast.Array(); ; {
			if fast.NumberElement(&d) {
				got = append(got, string(d.Text))
			} else if fast.NextElement() {
				got = append(got, string(fast.Skip()))
			} else {
				break
			}
		}
		wantErr, gotErr := plain.End(), fast.End()
		if !slices.Equal(got, want) || (wantErr == nil) != (gotErr == nil) || wantErr != nil && wantErr.Error() != gotErr.Error() {
			t.Errorf("%s: got %q, %v; expected %q, %v", text, got, gotErr, want, wantErr)
		}
	}
}
