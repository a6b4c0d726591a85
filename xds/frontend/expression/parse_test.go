package expression

import (
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/graph/ast"
)

// show writes a part with explicit parentheses.
func show(p ast.Part) string {
	label := ""
	if l := p.Base().Label; l != "" {
		label = l + "="
	}
	switch p := p.(type) {
	case *ast.Call:
		if p.Version != "" {
			return label + p.Model + "@" + p.Version
		}
		return label + p.Model
	case *ast.Chain:
		return label + "(" + showAll(p.Parts, " | ") + ")"
	case *ast.Parallel:
		return label + "{" + showAll(p.Parts, " + ") + "}"
	}
	return "?"
}

func showAll(ps []ast.Part, sep string) string {
	var s []string
	for _, p := range ps {
		s = append(s, show(p))
	}
	return strings.Join(s, sep)
}

func TestExpressionsMeanWhatTheGrammarSays(t *testing.T) {
	for text, want := range map[string]string{
		"sentiment":                    "sentiment",
		"vader@3":                      "vader@3",
		"a+b":                          "{a + b}",
		"a + b|c":                      "({a + b} | c)",
		"a|b+c":                        "(a | {b + c})",
		"a>b":                          "(a | b)",
		"a%7Cb%2Bc":                    "(a | {b + c})",
		"a%7cb":                        "(a | b)",
		"(a|b)+c":                      "{(a | b) + c}",
		"a+(b+c)":                      "{a + b + c}",
		"a|(b|c)":                      "(a | b | c)",
		"x=a+y=a":                      "{x=a + y=a}",
		"x=(a|b)+b":                    "{x=(a | b) + b}",
		"+a":                           "{a}",
		"a+x=(b+c)":                    "{a + x={b + c}}",
		"mls/language + mls/sentiment": "{mls/language + mls/sentiment}",
	} {
		part, err := Parse(text, ast.Position{})
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := show(part); got != want {
			t.Errorf("%s means %s, want %s", text, got, want)
		}
	}
}

func TestABadExpressionIsRefusedAtItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"":           "a name is missing\n\n^",
		"a+":         "a name is missing\na+\n  ^",
		"a||b":       "unexpected \"|\"\na||b\n  ^",
		"(a+b":       "'(' is not closed\n(a+b\n^",
		"a)":         "')' closes nothing\na)\n ^",
		"a b":        "unexpected name \"b\"\na b\n  ^",
		"a+a":        "\"a\" stands twice in one merge\na+a\n^",
		"a+(b|a)":    "\"a\" stands twice in one merge\na+(b|a)\n^",
		"a@":         "a version is missing after '@'\na@\n  ^",
		"a;b":        "unexpected character \";\"\na;b\n ^",
		"x.y=a":      "\"x.y\" cannot be a label\nx.y=a\n^",
		"sent%zzi+b": "unexpected character \"%\"\nsent%zzi+b\n    ^",
	} {
		_, err := Parse(text, ast.Position{})
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%q was not refused: %v", text, err)
		} else if got := e.Message + "\n" + e.Caret(); got != want {
			t.Errorf("%q:\n%s\nwant:\n%s", text, got, want)
		}
	}
}

func TestPositionsPointIntoTheFile(t *testing.T) {
	part, err := Parse("normalise | translate", ast.Position{File: "t.yaml", Line: 7, Column: 10})
	if err != nil {
		t.Fatal(err)
	}
	if got := part.(*ast.Chain).Parts[1].Base().Pos.String(); got != "t.yaml:7:22" {
		t.Fatalf("translate stands at %s", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a+b|c", "x=(a|b)+c@3", "((((", "%7C", "+a", "a=b=c", strings.Repeat("(", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		part, err := Parse(text, ast.Position{})
		if err != nil {
			return
		}
		// What an expression means can be written down again and means the same.
		again := strings.NewReplacer("{", "(+", "}", ")").Replace(show(part))
		twice, err := Parse(again, ast.Position{})
		if err != nil || show(twice) != show(part) {
			t.Fatalf("%q means %s; written again: %v", text, show(part), err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("normalise|(language+sentiment+keywords)", ast.Position{}); err != nil {
			b.Fatal(err)
		}
	}
}
