package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write puts text into a file of its own.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const header = "## G\n\n| Feature | State | Tests |\n|---|---|---|\n"

const results = `{"Action":"run","Package":"github.com/millrace/millrace/a","Test":"TestGood"}
{"Action":"pass","Package":"github.com/millrace/millrace/a","Test":"TestGood"}
{"Action":"pass","Package":"github.com/millrace/millrace/a","Test":"TestTorn"}
{"Action":"fail","Package":"github.com/millrace/millrace/a","Test":"TestTorn"}
{"Action":"skip","Package":"github.com/millrace/millrace/a","Test":"TestIdle"}
{"Action":"run","Package":"github.com/millrace/millrace/a","Test":"TestHung"}
`

func TestARowIsHeldAgainstItsTests(t *testing.T) {
	file := write(t, "test.json", results)
	for name, c := range map[string]struct{ rows, want string }{
		"works with a test that passed":           {"| f | works | `a.TestGood` |\n", ""},
		"works without a test":                    {"| f | works | |\n", ":5: f names no test"},
		"works with a test that is not there":     {"| f | works | `a.TestGone` |\n", ":5: f: the test a.TestGone did not run"},
		"works with a test that failed once":      {"| f | works | `a.TestTorn` |\n", "a.TestTorn failed"},
		"works with a test that was skipped":      {"| f | works | `a.TestGood`, `a.TestIdle` |\n", "a.TestIdle was skipped"},
		"works with a test that did not end":      {"| f | works | `a.TestHung` |\n", "a.TestHung was skipped or did not end"},
		"a test of another package":               {"| f | works | `b.TestGood` |\n", "b.TestGood did not run"},
		"partly with what is missing":             {"| f | partly: the half | `a.TestGood` |\n", ""},
		"partly without":                          {"| f | partly | `a.TestGood` |\n", "does not say what is missing"},
		"partly with a test that failed":          {"| f | partly: the half | `a.TestTorn` |\n", "a.TestTorn failed"},
		"absent":                                  {"| f | absent | |\n", ""},
		"absent with tests":                       {"| f | absent | `a.TestGood` |\n", "is absent and yet"},
		"a state that is none":                    {"| f | nearly | `a.TestGood` |\n", `the state "nearly" is none`},
		"what is not a test":                      {"| f | works | `a.Good` |\n", "a.Good is not a test"},
		"a row of two cells":                      {"| f | works |\n", "2 cells, not 3"},
		"a feature that stands there twice":       {"| f | absent | |\n| f | absent | |\n", ":6: f stands on line 5 already"},
		"an expression with an escaped bar in it": {"| `a \\| b` | absent | |\n", ""},
		"a table that is about something else":    {"| f | absent | |\n\n| a | b |\n|---|---|\n| c | d |\n", ""},
		"a file without a table of features":      {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			err := check(write(t, "F.md", header+c.rows), file, &out)
			if c.rows == "" {
				c.want = "there is no table"
			}
			if c.want == "" && err != nil {
				t.Errorf("got %v\n%s", err, out.String())
			}
			if c.want != "" && (err == nil || !strings.Contains(out.String(), c.want)) {
				t.Errorf("got %v and\n%s\nwant %s", err, out.String(), c.want)
			}
		})
	}
}

func TestTheCountIsOneLineAndNeverHidesAFailure(t *testing.T) {
	file := write(t, "test.json", results)
	for name, c := range map[string]struct{ file, status, want string }{
		"some failed":                       {file, "2", "1 passed, 1 failed\n"},
		"all passed":                        {write(t, "b.json", `{"Action":"pass","Package":"p","Test":"TestA"}`), "0", "1 passed, 0 failed\n"},
		"what ran them failed all the same": {write(t, "c.json", `{"Action":"pass","Package":"p","Test":"TestA"}`), "2", "1 passed, 1 failed\n"},
		"nothing ran":                       {filepath.Join(t.TempDir(), "none"), "2", "0 passed, 1 failed\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := count(c.file, c.status, &out); err != nil || out.String() != c.want {
				t.Errorf("got %q, %v; want %q", out.String(), err, c.want)
			}
		})
	}
}

func TestRecordingShowsWhatFailedAndKeepsVerdicts(t *testing.T) {
	events := `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: the reason\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    quiet\n"}
{"Action":"pass","Package":"p","Test":"TestB"}
{"Action":"output","Package":"q","Output":"PASS\n"}
{"Action":"output","Package":"q","Output":"ok  \tq\t0.1s\n"}
{"Action":"pass","Package":"q"}
{"Action":"output","Package":"r","Test":"TestC","Output":"fatal error\n"}
{"Action":"output","Package":"r","Output":"FAIL\tr\t0.1s\n"}
{"Action":"fail","Package":"r"}
not json
`
	file := filepath.Join(t.TempDir(), "out.json")
	var out strings.Builder
	if err := record(t.Context(), file, []string{"cat", write(t, "events", events)}, &out, &out); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "    a_test.go:3: the reason\nok  \tq\t0.1s\nfatal error\nFAIL\tr\t0.1s\nnot json\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	kept, err := readResults(file)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := kept[testName{"p", "TestA"}], kept[testName{"p", "TestB"}]; a == nil || a.failed != 1 || b == nil || b.passed != 1 {
		t.Errorf("got %v and %v", a, b)
	}
	if err := record(t.Context(), file, []string{"false"}, &out, &out); err == nil {
		t.Error("a command that fails is no error")
	}
}

// TestTheTableNamesTestsThatExist finds a misspelt test at once, without running any.
func TestTheTableNamesTestsThatExist(t *testing.T) {
	rows, problems, err := readTable("../FEATURES.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("FEATURES.md:%d: %s", p.line, p.text)
	}
	known := make(map[string]map[string]bool)
	for _, r := range rows {
		for _, name := range r.tests {
			if known[name.dir] == nil {
				known[name.dir] = testsIn(t, filepath.Join("../..", name.dir))
			}
			if test, _, _ := strings.Cut(name.test, "/"); !known[name.dir][test] {
				t.Errorf("FEATURES.md:%d: there is no test %s", r.line, name)
			}
		}
	}
}

// testsIn lists the test functions of a folder.
func testsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]bool)
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				out[f.Name.Name] = true
			}
		}
	}
	return out
}
