package openai

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
)

// pieces returns text as a body of segments of at most size bytes.
func pieces(text string, size int) *body.Body {
	if size <= 0 {
		return body.Of([]byte(text))
	}
	var w body.Writer
	for len(text) > 0 {
		n := min(size, len(text))
		b := body.Of([]byte(text[:n]))
		_ = w.Append(b)
		b.Release()
		text = text[n:]
	}
	b, _ := w.Body()
	return b
}

func TestTheModelOfARequestIsFoundWhereverItStands(t *testing.T) {
	for _, c := range []struct {
		name, text, model string
		stream            bool
	}{
		{"first", `{"model":"gpt","messages":[]}`, "gpt", false},
		{"late, behind what looks like it", `{"messages":[{"role":"user","content":"\"model\":\"no\"}"},{"model":"no"}],"stream":true,"model":"gpt"}`, "gpt", true},
		{"the last of several", `{"model":"a","model":"b"}`, "b", false},
		{"the last of several may be null", `{"model":"a","model":null}`, "", false},
		{"with escapes in the key and in the name", `{"\u006dod\u0065l":"a\u002bb"}`, "a+b", false},
		{"an expression", `{"model":"translate|sentiment"}`, "translate|sentiment", false},
		{"none", `{"stream":false}`, "", false},
		{"an empty object with space", " \n{ } ", "", false},
		{"stream as a text is not a stream", `{"stream":"true","model":"m"}`, "m", false},
		{"what the server may judge passes", `{"temperature":NaN,"model":"m","x":01}`, "m", false},
	} {
		for _, size := range []int{0, 1, 3, 7} {
			b := pieces(c.text, size)
			model, stream, err := PeekModel(b)
			if err != nil || model != c.model || stream != c.stream {
				t.Errorf("%s, in pieces of %d: %q %v %v", c.name, size, model, stream, err)
			}
			b.Release()
		}
	}
}

func TestABodyThatIsNoRequestIsRefusedWithThePlace(t *testing.T) {
	for text, want := range map[string]string{
		``:                              "offset 0: expected an object, found the end of the text",
		`[]`:                            "offset 0: expected an object, found '['",
		`{"model":"a"`:                  "expected ',' or '}'",
		`{"model":"a"}x`:                "offset 13: expected the end of the text",
		`{"model":"a",}`:                "offset 13: expected a key in quotes",
		`{"model" "a"}`:                 "offset 9: expected ':' after a key",
		`{"a":[}`:                       "expected ']', found '}'",
		`{"a":"b`:                       "expected '\"' at the end of a string",
		`{"a`:                           "expected '\"' at the end of a string",
		`{"a":,"model":"m"}`:            "offset 5: expected a value",
		`{"a":[1`:                       "expected the end of a value",
		`{"model":7}`:                   "model: expected a string, found a number",
		`{"model":"` + "\xff" + `"}`:    "model: offset 1: expected UTF-8",
		`{"model":nul}`:                 "model: expected a string",
		`{"a":` + nested(101) + `}`:     "nesting depth exceeds maximum allowed limit (100)",
		`{"model":"` + long(5000, "x"):  "expected '\"' at the end",
		`{"model":"` + long(5000, `"}`): "model: expected a name of at most 4096 bytes, found 5001",
	} {
		b := body.Of([]byte(text))
		_, _, err := PeekModel(b)
		var f *message.Failure
		if !errors.As(err, &f) || f.Kind != message.InvalidArgument || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v", text, err)
		}
	}
}

func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func long(n int, end string) string { return strings.Repeat("x", n-1) + end }

func TestRenamingAModelTouchesNothingElse(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"first", `{"model": "a", "x": 1.50}`, `{"model": "new\"one", "x": 1.50}`},
		{"last", `{"x":[1,2 ],"model":"a"}`, `{"x":[1,2 ],"model":"new\"one"}`},
		{"several", `{"model":"a","x":NaN,"model":null}`, `{"model":"new\"one","x":NaN,"model":"new\"one"}`},
		{"none", `{ "x":1}`, `{"model":"new\"one", "x":1}`},
		{"none, and nothing else", ` { } `, ` {"model":"new\"one" } `},
	} {
		budget := body.NewBudget(0)
		b := pieces(c.text, 3)
		out, err := RenameModel(b, `new"one`, budget)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := string(out.Bytes()); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
		b.Release()
		out.Release()
		if budget.Used() != 0 {
			t.Errorf("%s: %d bytes are still charged", c.name, budget.Used())
		}
	}
	many := `{"model":"a"` + strings.Repeat(`,"model":"a"`, 20) + `}`
	if _, err := RenameModel(pieces(many, 0), "b", nil); err == nil || !strings.Contains(err.Error(), "more than 16 times") {
		t.Errorf("many models: %v", err)
	}
	if _, err := RenameModel(pieces(`{"model"`, 0), "b", nil); err == nil {
		t.Error("a body that is no JSON was renamed")
	}
	if _, err := RenameModel(pieces(`{}`, 0), "b", body.NewBudget(10)); !errors.Is(err, body.ErrBudget) {
		t.Errorf("without a budget: %v", err)
	}
}

func TestWhatIsRenamedSaysTheSame(t *testing.T) {
	value := rapid.Custom(func(t *rapid.T) any {
		return rapid.OneOf(
			rapid.Map(rapid.String(), func(s string) any { return s }),
			rapid.Map(rapid.Float64(), func(f float64) any { return f }),
			rapid.Map(rapid.SliceOfN(rapid.String(), 0, 3), func(s []string) any { return s }),
			rapid.Map(rapid.MapOfN(rapid.SampledFrom([]string{"model", "x", "stream"}), rapid.String(), 0, 3), func(m map[string]string) any { return m }),
		).Draw(t, "value")
	})
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.MapOf(rapid.OneOf(rapid.String(), rapid.Just("stream")), value).Draw(t, "request")
		if rapid.Bool().Draw(t, "named") {
			in["model"] = rapid.String().Draw(t, "model")
		}
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		b := pieces(string(text), rapid.IntRange(0, 9).Draw(t, "size"))
		want, _ := in["model"].(string)
		if got, _, err := PeekModel(b); err != nil || got != want {
			t.Fatalf("%s: %q %v", text, got, err)
		}
		name := rapid.String().Draw(t, "name")
		out, err := RenameModel(b, name, nil)
		if err != nil {
			t.Fatal(err)
		}
		var before, after map[string]any
		if err := json.Unmarshal(out.Bytes(), &after); err != nil {
			t.Fatalf("%s: %v", out.Bytes(), err)
		}
		_ = json.Unmarshal(text, &before)
		before["model"] = name
		if !maps.EqualFunc(before, after, func(a, b any) bool { return reflect.DeepEqual(a, b) }) {
			t.Fatalf("%s became %s", text, out.Bytes())
		}
	})
}

func FuzzPeekModel(f *testing.F) {
	for _, s := range []string{`{"model":"a"}`, `{"x":{"model":"b"},"model":"a\n"}`, `{"a":"\\","stream":true}`, `{"model":"a","model":"b"`, "{\"\\u006dodel\":\"\\ud800\"}", `{"":{}}`} {
		f.Add(s, 1)
		f.Add(s, 0)
	}
	f.Fuzz(func(t *testing.T, text string, size int) {
		b := pieces(text, size)
		model, _, err := PeekModel(b)
		var want struct{ m map[string]json.RawMessage }
		if json.Unmarshal([]byte(text), &want.m) == nil && want.m != nil && utf8.ValidString(text) && err != nil &&
			!strings.Contains(err.Error(), "model: ") && !strings.Contains(err.Error(), "nesting depth") {
			t.Fatalf("%q is JSON: %v", text, err)
		}
		if err != nil {
			return
		}
		var name string
		if json.Unmarshal(want.m["model"], &name) == nil && name != model {
			t.Fatalf("%q: found %q, it is %q", text, model, name)
		}
		out, err := RenameModel(b, "renamed", nil)
		if err != nil {
			if !strings.Contains(err.Error(), "more than 16 times") {
				t.Fatal(err)
			}
			return
		}
		if got, _, err := PeekModel(out); err != nil || got != "renamed" {
			t.Fatalf("%q: %q %v", out.Bytes(), got, err)
		}
	})
}

func benchmarkBody(size int) *body.Body {
	text := `{"messages":[{"role":"user","content":"` + strings.Repeat("What is this about? ", size/20) + `"}],"stream":true,"temperature":0.5,"model":"small"}`
	b, _ := body.Copy(nil, []byte(text))
	return b
}

func BenchmarkPeekModel(b *testing.B) {
	for name, size := range map[string]int{"1KB": 1 << 10, "1MB": 1 << 20} {
		b.Run(name, func(b *testing.B) {
			in := benchmarkBody(size)
			b.SetBytes(int64(in.Len()))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := PeekModel(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRenameModel(b *testing.B) {
	in := benchmarkBody(1 << 10)
	b.SetBytes(int64(in.Len()))
	b.ReportAllocs()
	for b.Loop() {
		out, err := RenameModel(in, "other", nil)
		if err != nil {
			b.Fatal(err)
		}
		out.Release()
	}
}
