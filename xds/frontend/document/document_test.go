package document

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/graph/diagnostic"
)

var update = flag.Bool("update", false, "write the golden files anew")

// show renders what was found as a person sees it.
func show(found []diagnostic.Diagnostic, src []byte) string {
	var b strings.Builder
	for _, d := range found {
		b.WriteString(Render(d, src) + "\n")
	}
	return b.String()
}

// TestFilesThatAreWrongAreExplainedAtTheirPlace has a file for each way to be wrong: testdata/NAME.yaml and NAME.golden.
func TestFilesThatAreWrongAreExplainedAtTheirPlace(t *testing.T) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if filepath.Ext(f) == ".golden" {
			continue
		}
		t.Run(filepath.Base(f), func(t *testing.T) {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			docs, found := Parse(filepath.Base(f), src)
			var b strings.Builder
			for _, d := range docs {
				b.WriteString(d.Pos.String() + " " + d.Key().String() + "\n")
				body := d.Body(&found, "")
				b.Write(body.Get("spec").JSON())
				b.WriteString("\n")
			}
			b.WriteString(show(found, src))
			golden := strings.TrimSuffix(f, filepath.Ext(f)) + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
			}
		})
	}
}

const head = "apiVersion: v\nkind: K\nmetadata: {name: a}\nspec:\n"

func spec(t *testing.T, text string, found *[]diagnostic.Diagnostic) Map {
	t.Helper()
	docs, f := Parse("f.yaml", []byte(head+text))
	if len(f) > 0 || len(docs) != 1 {
		t.Fatalf("%d documents, %v", len(docs), f)
	}
	return docs[0].Body(found, "").Get("spec").Map()
}

func TestAValueOfTheWrongTypeIsToldWithWhatStandsThere(t *testing.T) {
	for _, c := range []struct {
		name, text string
		read       func(Value)
		want       string
	}{
		{"a list where text is wanted", "  x: [1]", func(v Value) { _ = v.String() }, "f.yaml:5:6: MR103 spec.x must be a string, not a list"},
		{"a mapping where a list is wanted", "  x: {a: 1}", func(v Value) { v.List() }, "spec.x must be a list, not a mapping"},
		{"text where a mapping is wanted", "  x: abc", func(v Value) { v.Map() }, `spec.x must be a mapping, not the string "abc"`},
		{"text where a boolean is wanted", "  x: \"true\"", func(v Value) { v.Bool() }, `spec.x must be true or false, not the string "true"`},
		{"text where a number is wanted", "  x: many", func(v Value) { v.Int(0, 9) }, `spec.x must be a whole number, not the string "many"`},
		{"a fraction where a whole number is wanted", "  x: 1.5", func(v Value) { v.Int(0, 9) }, "spec.x must be a whole number, not the number 1.5"},
		{"a number that is too large", "  x: 99999999999999999999", func(v Value) { v.Int(0, 9) }, "spec.x must be a whole number, not the number 99999999999999999999"},
		{"a number beyond its bounds", "  x: 10", func(v Value) { v.Int(0, 9) }, "MR105 spec.x must be from 0 to 9, not 10"},
		{"no number", "  x: .nan", func(v Value) { v.Float() }, "spec.x must be a number, not the number .nan"},
		{"a number without a unit", "  x: 80", func(v Value) { v.Duration() }, "spec.x must be a duration, not the number 80; write a number with a unit"},
		{"a negative duration", "  x: -1s", func(v Value) { v.Duration() }, `spec.x must be a duration, not the string "-1s"`},
		{"an infinite constant", "  x: [1, .inf]", func(v Value) { v.JSON() }, "spec.x cannot be written as JSON"},
		{"an entry of a list", "  x: [a, {b: 1}]", func(v Value) { v.Strings() }, "f.yaml:5:10: MR103 spec.x[1] must be a string, not a mapping"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var found []diagnostic.Diagnostic
			c.read(spec(t, c.text, &found).Get("x"))
			if len(found) != 1 || !strings.Contains(found[0].String(), c.want) {
				t.Errorf("%v\nwant %s", found, c.want)
			}
		})
	}
}

func TestAFieldThatNobodyReadIsNamedWithItsNeighbours(t *testing.T) {
	var found []diagnostic.Diagnostic
	m := spec(t, "  timeuot: 1s\n  size: 3", &found)
	m.Get("timeout")
	m.Get("size")
	m.Done()
	m.Foreign()
	if got := show(found, nil); got != "f.yaml:5:3: MR102 spec has no field \"timeuot\"; did you mean \"timeout\"?\nf.yaml:5:3: MR109 spec.timeuot is not understood yet; remove it, or say the same with Millrace's own kinds\n" {
		t.Error(got)
	}
}

func TestAMissingFieldIsReportedWhereItBelongs(t *testing.T) {
	var found []diagnostic.Diagnostic
	spec(t, "  x: {a: 1}", &found).Get("x").Map().Required("b", "a name")
	if got := show(found, nil); got != "f.yaml:5:6: MR104 spec.x.b is missing; add `b:` with a name\n" {
		t.Error(got)
	}
}

func TestTheTextOfAScalarBeginsBehindItsQuote(t *testing.T) {
	for text, want := range map[string]int{"  x: a|": 6, "  x: 'a|'": 7, `  x: "a|"`: 7, "  x: |\n    a|": 6} {
		var found []diagnostic.Diagnostic
		pos, _ := spec(t, text, &found).Get("x").TextPos()
		if pos.Column != want {
			t.Errorf("%q begins at column %d, want %d", text, pos.Column, want)
		}
	}
}

func TestTheFingerprintSeesWhatIsSaidAndNotWhere(t *testing.T) {
	print := func(text string) uint64 {
		docs, found := Parse("f.yaml", []byte(text))
		if len(docs) != 1 {
			t.Fatal(found)
		}
		return docs[0].Print
	}
	large := "  x: [" + strings.Repeat("1, ", 101_000) + "%]\n"
	base := print(head + strings.ReplaceAll(large, "%", "1"))
	if print("# moved\n\n"+head+strings.ReplaceAll(large, "%", "1")+"# said\n") != base {
		t.Error("a comment changed it")
	}
	if print(head+strings.ReplaceAll(large, "%", "2")) == base {
		t.Error("a change at the end of a large document is not seen")
	}
}

func TestALongLineIsCutAroundTheCaret(t *testing.T) {
	line := strings.Repeat("a", 300) + "é!" + strings.Repeat("b", 300)
	d := diagnostic.Diagnostic{Code: "MR103", Message: "m"}
	d.Pos.File, d.Pos.Line, d.Pos.Column = "f.yaml", 1, 302
	lines := strings.Split(Render(d, []byte(line)), "\n")
	if len(lines) != 3 || len([]rune(lines[1])) > widest+8 {
		t.Fatal(lines)
	}
	if r := []rune(lines[1])[len([]rune(lines[2]))-1]; r != '!' {
		t.Errorf("the caret stands under %q", r)
	}
}

func TestWhatNestsWithoutEndIsRefusedAtOnce(t *testing.T) {
	chained := head + "  a0: &a0 [x]\n"
	for i := range 600 {
		chained += fmt.Sprintf("  a%d: &a%d [*a%d]\n", i+1, i+1, i)
	}
	for name, text := range map[string]string{
		"brackets":          head + "  a: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		"open brackets":     strings.Repeat("[", 200_000),
		"aliases in a line": chained,
	} {
		docs, found := Parse("f.yaml", []byte(text))
		if len(docs) > 0 || len(found) == 0 || len(found) > 2 {
			t.Errorf("%s: %d documents, %v", name, len(docs), found)
		}
	}
}

func TestABindingFileIsOneMapping(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "",
		"# nothing\n---\n":    "",
		"- a\n":               "f.yaml:1:1: MR103 the object must be a mapping, not a list",
		"a: {}\n---\nb: {}\n": "f.yaml:3:1: MR105 the file has a second document",
		"a: {}\na: {}\n":      `f.yaml:2:1: MR107 "a" stands here and at line 1`,
		"a: [":                "MR101",
	} {
		var found []diagnostic.Diagnostic
		_, ok := ParseMap("f.yaml", []byte(text), &found)
		if got := show(found, nil); ok || (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%q: %v %s", text, ok, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		docs, found := Parse("f.yaml", src)
		for _, d := range docs {
			d.Body(&found, "").Get("spec").JSON()
		}
		for _, d := range found {
			if !d.Pos.Known() {
				t.Errorf("no place: %v", d)
			}
			Render(d, src)
		}
		ParseMap("f.yaml", src, &found)
	})
}

func TestChunksTogetherAreTheFile(t *testing.T) {
	for _, c := range []struct {
		name, src string
		lines     []int
	}{
		{"nothing", "", nil},
		{"one object", "a: 1\n", []int{0}},
		{"a marker at the start", "---\na: 1\n---\nb: 2", []int{0, 2}},
		{"windows", "a: 1\r\n---\r\nb: 2\r\n", []int{0, 1}},
		{"a directive belongs to the next document", "%YAML 1.2\n---\na: 1\n---\nb: 2", []int{0, 3}},
		{"dashes that are no marker", "a: |\n  ---\n----\n", []int{0}},
		{"a marker with a value", "--- {a: 1}\n--- # said\nb: 2\n", []int{0, 1}},
	} {
		var lines []int
		var all []byte
		for _, k := range Split([]byte(c.src)) {
			lines = append(lines, k.Line)
			all = append(all, k.Text...)
		}
		if string(all) != c.src || !slices.Equal(lines, c.lines) {
			t.Errorf("%s: %v, want %v", c.name, lines, c.lines)
		}
	}
}
