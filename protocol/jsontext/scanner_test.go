package jsontext

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestASyntaxErrorSaysWhereAndWhatWasExpected(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"an empty text", ``, "offset 0: expected a value, found the end of the text"},
		{"a missing colon", `{"a" 1}`, "offset 5: expected ':' after a key, found '1'"},
		{"a key without quotes", `{a:1}`, "offset 1: expected a key in quotes, found 'a'"},
		{"a missing comma", `[1 2]`, "offset 3: expected ',' or ']', found '2'"},
		{"a comma before the end", `[1,]`, "offset 3: expected a value after ',', found ']'"},
		{"a comma at the start", `[,1]`, "offset 1: expected a value, found ','"},
		{"a leading zero", `[01]`, "offset 2: expected ',' or ']', found '1'"},
		{"a lone minus", `-`, "offset 1: expected a digit after '-', found the end of the text"},
		{"a point without digits", `1.`, "offset 2: expected a digit after '.', found the end of the text"},
		{"an exponent without digits", `1e+`, "offset 3: expected a digit in an exponent, found the end of the text"},
		{"a token that JSON does not have", `NaN`, "offset 0: expected a value, found 'N'"},
		{"a misspelt literal", `[trye]`, "offset 1: expected true, found something like it"},
		{"a control character", "\"a\tb\"", "offset 2: expected control characters to be escaped in a string, found byte 0x09"},
		{"a string without end", `"abc`, "offset 4: expected '\"' at the end of a string, found the end of the text"},
		{"an unknown escape", `"\x"`, `offset 1: expected one of "\/bfnrtu after '\'`},
		{"a short escape", `"\u12"`, `offset 1: expected four hexadecimal digits after \u`},
		{"a surrogate alone", `"a\ud83d"`, `offset 2: expected a pair of surrogates, found \ud83d alone`},
		{"bytes that are not UTF-8", "\"ab\xff\"", "offset 3: expected UTF-8 in a string, found byte 0xff"},
		{"something behind the value", `{} x`, "offset 3: expected the end of the text, found 'x'"},
		{"too many levels", strings.Repeat("[", 101), "offset 100: JSON nesting depth exceeds maximum allowed limit (100)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewScanner([]byte(c.text))
			s.Skip()
			if err := s.End(); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestAnObjectIsReadKeyByKey(t *testing.T) {
	s := NewScanner([]byte(` { "id" : "a\u00e9\ud83d\ude00\n" , "\u006e": [1, -2.5e3 ,0], "skip":{"x":[{}, []]}, "yes":true,"no":false,"none":null } `))
	var id, numbers string
	var yes, no, none bool
	var skipped []byte
	if s.Object() {
		for s.NextKey() {
			switch string(s.Key()) {
			case "id":
				id = s.Text()
			case "n":
				for s.Array(); s.NextElement(); {
					numbers += string(s.Number()) + ";"
				}
			case "yes":
				yes = s.Bool()
			case "no":
				no = !s.Bool()
			case "none":
				none = s.TryNull()
			default:
				skipped = s.Skip()
			}
		}
	}
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
	if id != "aé😀\n" || numbers != "1;-2.5e3;0;" || !yes || !no || !none || string(skipped) != `{"x":[{}, []]}` {
		t.Errorf("read %q %q %v %v %v %q", id, numbers, yes, no, none, skipped)
	}
}

func TestAStepThatMeetsAnotherKindNamesBoth(t *testing.T) {
	s := NewScanner([]byte(`["a"]`))
	s.Array()
	s.NextElement()
	if n := s.Number(); n != nil || s.Err() == nil || s.Err().Error() != "offset 1: expected a number, found a string" {
		t.Errorf("got %q, %v", n, s.Err())
	}
	if s.NextElement() || s.Text() != "" || s.Skip() != nil {
		t.Error("steps go on after an error")
	}
}

func TestTokensForNonFiniteNumbersAreReadWhereTheDialectHasThem(t *testing.T) {
	s := NewScanner([]byte(`[NaN, Infinity,-Infinity,-1]`))
	s.NonFinite = true
	var got []string
	for s.Array(); s.NextElement(); {
		got = append(got, string(s.Number()))
	}
	if err := s.End(); err != nil || strings.Join(got, " ") != "NaN Infinity -Infinity -1" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestScanningAllocatesNothing(t *testing.T) {
	text := []byte(`{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[0.5,1.25]}],"id":"7"}`)
	var dst [64]byte
	if n := testing.AllocsPerRun(100, func() {
		s := NewScanner(text)
		s.Object()
		for s.NextKey() {
			if string(s.Key()) == "id" {
				s.AppendString(dst[:0])
			} else {
				s.Skip()
			}
		}
		if s.End() != nil {
			t.Error(s.Err())
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzScannerAgreesWithEncodingJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `[1,2.5,-0,1e5,1E-7]`, `{"a":{"b":[null,true,false]}}`, `"\u00e9\ud83d\ude00"`, `"\ud800"`, "\"\xff\"", `[01]`, `[1,]`, `-`, `1.`, `[[[]]]`,
		`{"a":1,"a":2}`, ` 1 `, `"0123456789abcdef\""`, strings.Repeat("[", 100) + strings.Repeat("]", 100), strings.Repeat("[", 101) + strings.Repeat("]", 101),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := NewScanner(text)
		raw := s.Skip()
		err := s.End()
		valid := json.Valid(text) && utf8.Valid(text)
		switch {
		case err == nil && !valid:
			t.Fatalf("%q is accepted", text)
		case err != nil && valid && !strings.Contains(err.Error(), "surrogates") && !strings.Contains(err.Error(), "depth"):
			t.Fatalf("%q is refused: %v", text, err)
		case err == nil && !bytes.Equal(raw, bytes.TrimSpace(text)):
			t.Fatalf("%q is skipped as %q", text, raw)
		}
		if err != nil {
			return
		}
		var want any
		if json.Unmarshal(text, &want) != nil {
			return
		}
		if str, ok := want.(string); ok {
			s := NewScanner(text)
			if got := s.Text(); got != str {
				t.Fatalf("%q is read as %q, not %q", text, got, str)
			}
		}
	})
}

func FuzzAppendStringIsReadBackByEncodingJSON(f *testing.F) {
	f.Add("plain")
	f.Add("\x00\x1f\"\\/\b\f\n\r\té😀<&>\u2028")
	f.Add("\xff\xc3")
	f.Fuzz(func(t *testing.T, text string) {
		out := AppendString(nil, text)
		var got string
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if want := strings.ToValidUTF8(text, "\uFFFD"); utf8.ValidString(text) && got != want {
			t.Fatalf("%q came back as %q", text, got)
		}
		s := NewScanner(out)
		if mine := s.Text(); mine != got || s.End() != nil {
			t.Fatalf("%s is read as %q: %v", out, mine, s.Err())
		}
	})
}

func BenchmarkSkip(b *testing.B) {
	text := []byte(`{"inputs":[{"name":"x","shape":[1,1000],"datatype":"FP32","data":[` + strings.Repeat("0.123456,", 999) + `1]},{"name":"t","data":["` + strings.Repeat("some text ", 1000) + `"]}]}`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s := NewScanner(text)
		s.Skip()
		if s.End() != nil {
			b.Fatal(s.Err())
		}
	}
}
