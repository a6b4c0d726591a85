package pyenv

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestARequirementsFileIsAnEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Env
	}{
		"plain":            {"a==1\nb>=2\n", Env{Name: "e", Requirements: []string{"a==1", "b>=2"}}},
		"with a version":   {"# python 3.12\n\n  a  \n", Env{Name: "e", Python: "3.12", Requirements: []string{"a"}}},
		"with comments":    {"# for python users\na\n# b\n", Env{Name: "e", Requirements: []string{"a"}}},
		"with CRLF":        {"a\r\nb\r\n", Env{Name: "e", Requirements: []string{"a", "b"}}},
		"nothing in it":    {"\n# nothing\n", Env{Name: "e"}},
		"no last line end": {"a", Env{Name: "e", Requirements: []string{"a"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Parse("e", c.text); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestCommentsDoNotMakeAnotherEnvironment(t *testing.T) {
	a, b := Parse("e", "# one\na==1\n"), Parse("e", "# two\n\na==1")
	if a.folder() != b.folder() {
		t.Errorf("%s and %s", a.folder(), b.folder())
	}
	if c := Parse("e", "# python 3.12\na==1\n"); c.folder() == a.folder() {
		t.Errorf("another Python has the same folder %s", c.folder())
	}
}

func TestANameThatIsNoFolderNameIsRefused(t *testing.T) {
	s, _ := newTestStore(t)
	for _, name := range []string{"", "../up", "a/b", ".hidden", "a b"} {
		if _, err := s.Ensure(t.Context(), Env{Name: name}); err == nil {
			t.Errorf("%q was taken", name)
		}
		if _, err := Find(".", name); err == nil {
			t.Errorf("%q was looked for", name)
		}
	}
}

func TestThePreparedEnvironmentOfTheNearestFolderIsFound(t *testing.T) {
	root := t.TempDir()
	inner := filepath.Join(root, "deploy", "samples")
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MILLRACE_CACHE", filepath.Join(root, "cache"))
	_, err := Find(inner, "mlserver")
	if err == nil || !strings.Contains(err.Error(), "go run ./conformance/environment mlserver") {
		t.Errorf("error %v: want the way out", err)
	}
	s, bin := newTestStore(t)
	for _, dir := range []string{filepath.Join(root, "cache", "python"), filepath.Join(root, ".cache", "python")} {
		// The stand-in installer goes along.
		if err := os.CopyFS(dir, os.DirFS(filepath.Dir(filepath.Dir(bin)))); err != nil {
			t.Fatal(err)
		}
		s.dir = dir
		want := ensure(t, s, Env{Name: "mlserver", Requirements: []string{"a"}})
		if got, err := Find(inner, "mlserver"); err != nil || got != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
}

func FuzzEveryRequirementIsOneLine(f *testing.F) {
	f.Add("a==1\n# python 3.11\n")
	f.Add("\r\n\ra\rb")
	f.Fuzz(func(t *testing.T, text string) {
		env := Parse("e", text)
		for _, r := range env.Requirements {
			if r == "" || strings.Contains(r, "\n") || r[0] == '#' {
				t.Errorf("requirement %q of %q", r, text)
			}
		}
		if again := Parse("e", env.text()); !reflect.DeepEqual(again.Requirements, env.Requirements) {
			t.Errorf("%q became %q", env.Requirements, again.Requirements)
		}
	})
}
