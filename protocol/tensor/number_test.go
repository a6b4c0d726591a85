package tensor

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/protocol/jsontext"
)

// decimalText draws the text of a number as serialisers write it, and as none does.
func decimalText(t *rapid.T) string {
	switch rapid.IntRange(0, 4).Draw(t, "form") {
	case 0:
		return strconv.FormatFloat(math.Float64frombits(rapid.Uint64().Draw(t, "bits")&^(0x7FF<<52)|uint64(rapid.IntRange(0, 2046).Draw(t, "exp"))<<52), 'g', -1, 64)
	case 1:
		return strconv.FormatFloat(float64(math.Float32frombits(rapid.Uint32().Draw(t, "bits")&^(0xFF<<23)|uint32(rapid.IntRange(0, 254).Draw(t, "exp"))<<23)), 'g', -1, 64)
	case 2:
		return rapid.StringMatching(`-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][-+]?[0-9]{1,3})?`).Draw(t, "text")
	case 3: // halfway between two floats, give or take a digit
		f := float64(math.Float32frombits(rapid.Uint32Range(0, 0x7F000000).Draw(t, "bits")))
		g := float64(math.Nextafter32(float32(f), math.MaxFloat32))
		return strconv.FormatFloat(f+(g-f)/2, 'f', 60, 64) + rapid.SampledFrom([]string{"", "1", "00000001"}).Draw(t, "tail")
	}
	return strconv.FormatUint(rapid.Uint64().Draw(t, "mantissa"), 10) + "e" + strconv.Itoa(rapid.IntRange(-90, 90).Draw(t, "exp"))
}

func checkNumber(t interface{ Fatalf(string, ...any) }, text string) {
	s := jsontext.NewScanner([]byte(text))
	d := s.Decimal()
	if s.End() != nil {
		return
	}
	text = string(d.Text)
	want, wantErr := strconv.ParseFloat(text, 64)
	got, err := decimalFloat(&d)
	if (err != nil) != (wantErr != nil) || err == nil && got != math.Float64bits(want) {
		t.Fatalf("%s is read as %x, %v; expected %x, %v", text, got, err, math.Float64bits(want), wantErr)
	}
	want32, want32Err := strconv.ParseFloat(text, 32)
	data, err := appendDecimalFloat(nil, &d, FP32)
	if (err != nil) != (want32Err != nil) || err == nil && binary.LittleEndian.Uint32(data) != math.Float32bits(float32(want32)) {
		t.Fatalf("%s is read as FP32 %x, %v; expected %x, %v", text, data, err, math.Float32bits(float32(want32)), want32Err)
	}
}

func TestNumbersAreReadToTheNearestFloat(t *testing.T) {
	for _, text := range []string{
		"0", "-0", "-0.0", "1", "0.1", "123456.789", "1e22", "1e23", "9007199254740993", "9007199254740992.5", "4.9e-324", "2.4703282292062327e-324", "2.5e-324",
		"1.7976931348623157e308", "1.7976931348623159e308", "1e400", "-1e-400", "1.4e-45", "7e-46", "1.1754943e-38", "3.4028235e38", "3.4028236e38", "3.5e38",
		"0.10000000149011612", "16777217", "7.038531e-26", "1e-999999999999", "0e999999999999",
		"0.000000000000000000000000000000000000011754942807573642918", "179769313486231580793728971405301e276",
	} {
		checkNumber(t, text)
	}
	rapid.Check(t, func(t *rapid.T) { checkNumber(t, decimalText(t)) })
}

func TestFloatsAreWrittenWithTheFewestDigitsThatReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f float64
		bits := rapid.SampledFrom([]int{32, 64}).Draw(t, "size")
		switch {
		case rapid.Bool().Draw(t, "short"):
			f = float64(rapid.Int64Range(-2e15, 2e15).Draw(t, "m")) / pow10[rapid.IntRange(0, 18).Draw(t, "k")]
		default:
			f = math.Float64frombits(rapid.Uint64().Draw(t, "bits"))
		}
		if bits == 32 {
			f = float64(float32(f))
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return
		}
		text := string(AppendFloat(nil, f, bits))
		back, err := strconv.ParseFloat(text, bits)
		if err != nil || math.Float64bits(back) != math.Float64bits(f) {
			t.Fatalf("%v is written as %s and read back as %v, %v", f, text, back, err)
		}
		digits := func(s string) string {
			s, _, _ = strings.Cut(strings.TrimPrefix(s, "-"), "e")
			return strings.Trim(strings.Trim(strings.ReplaceAll(s, ".", ""), "0"), "0")
		}
		if want := strconv.FormatFloat(f, 'e', -1, bits); len(digits(text)) != len(digits(want)) {
			t.Fatalf("%s is written as %s", want, text)
		}
		if !strings.ContainsAny(text, ".e") {
			t.Fatalf("%s would be read as an integer", text)
		}
	})
}

func TestIntegersAreReadExactlyOrRefused(t *testing.T) {
	for _, c := range []struct {
		text string
		as   Datatype
		want string // hex of the data, or the error
	}{
		{"9223372036854775807", Int64, "ffffffffffffff7f"},
		{"9223372036854775808", Int64, errOverflow.Error()},
		{"-9223372036854775808", Int64, "0000000000000080"},
		{"-9223372036854775809", Int64, errOverflow.Error()},
		{"18446744073709551615", Uint64, "ffffffffffffffff"},
		{"18446744073709551616", Uint64, errOverflow.Error()},
		{"-1", Uint64, errOverflow.Error()},
		{"-0", Uint64, "0000000000000000"},
		{"1.0", Int8, "01"},
		{"12.50e1", Int8, "7d"},
		{"1e2", Int8, "64"},
		{"128", Int8, errOverflow.Error()},
		{"-128", Int8, "80"},
		{"256", Uint8, errOverflow.Error()},
		{"0.5", Int32, errFraction.Error()},
		{"1e-1", Int32, errFraction.Error()},
		{"0.000e-99999999999999999999", Int32, "00000000"},
		{"1e99999999999999999999", Int64, errOverflow.Error()},
		{"1.0000000000000000000000000000", Uint16, "0100"},
		{"1", Bool, "01"},
		{"2", Bool, errOverflow.Error()},
	} {
		s := jsontext.NewScanner([]byte(c.text))
		d := s.Decimal()
		data, err := appendDecimal(nil, &d, c.as)
		got := hex(data)
		if err != nil {
			got = err.Error()
		}
		if s.Err() != nil || got != c.want {
			t.Errorf("%s as %s: got %s, expected %s", c.text, c.as, got, c.want)
		}
	}
}

func hex(p []byte) string {
	var b strings.Builder
	for _, c := range p {
		b.WriteString(strconv.FormatUint(uint64(c>>4), 16) + strconv.FormatUint(uint64(c&15), 16))
	}
	return b.String()
}

func FuzzNumbersAreReadAsStrconvReadsThem(f *testing.F) {
	for _, seed := range []string{"0.1", "1e23", "9007199254740993", "0.10000000149011612", "2.2250738585072011e-308", "1e-45"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < 2000 {
			checkNumber(t, text)
		}
	})
}

func TestNarrowFloatsKeepTheirBitsThroughFP64(t *testing.T) {
	for _, d := range []Datatype{FP16, BF16} {
		for b := range uint64(1 << 16) {
			if back, ok := formatOf(d).narrow(formatOf(d).widen(b)); back != b || !ok {
				t.Fatalf("%s %04x comes back as %04x", d, b, back)
			}
		}
	}
	for _, c := range []struct {
		bits uint16
		want float64
	}{{0x3C00, 1}, {0x7BFF, 65504}, {0x0001, 0x1p-24}, {0x8000, math.Copysign(0, -1)}, {0xC000, -2}, {0x7C00, math.Inf(1)}} {
		if got := FP16Float64(c.bits); math.Float64bits(got) != math.Float64bits(c.want) {
			t.Errorf("FP16 %04x is %v, not %v", c.bits, got, c.want)
		}
	}
	if got := BF16Float64(0x3F80); got != 1 {
		t.Errorf("BF16 3f80 is %v", got)
	}
}

func TestFP32IsRoundedAsTheProcessorRounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := math.Float64frombits(rapid.Uint64().Draw(t, "bits"))
		if rapid.Bool().Draw(t, "near") {
			f = float64(math.Float32frombits(rapid.Uint32().Draw(t, "b32"))) * (1 + float64(rapid.IntRange(-4, 4).Draw(t, "ulps"))*0x1p-25)
		}
		b, ok := formatOf(FP32).narrow(math.Float64bits(f))
		want := float32(f)
		switch {
		case f != f:
			if g := math.Float32frombits(uint32(b)); g == g {
				t.Fatalf("a NaN became %v", g)
			}
		case uint32(b) != math.Float32bits(want):
			t.Fatalf("%x became %x, expected %x", math.Float64bits(f), b, math.Float32bits(want))
		case ok != (math.IsInf(f, 0) || !math.IsInf(float64(want), 0)):
			t.Fatalf("%v: ok %v", f, ok)
		}
	})
}
