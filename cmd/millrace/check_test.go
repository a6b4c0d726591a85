package main

import (
	"strings"
	"testing"
)

func TestTheSamplesAreClean(t *testing.T) {
	r := run(t, "", false, "check", samples)
	if r.code != 0 || !strings.HasPrefix(r.out, "no errors; ") || r.err != "" {
		t.Errorf("%+v", r)
	}
}

func TestFindingsHaveAPlaceACaretAndASummary(t *testing.T) {
	t.Chdir("testdata")
	for _, c := range []struct {
		name string
		code int
		args []string
	}{
		{"check-broken", 1, []string{"check", "broken.yaml"}},
		{"check-unbound", 0, []string{"check", "unbound.yaml"}},
		{"check-both", 1, []string{"check", "broken.yaml", "unbound.yaml"}},
		{"check-missing", 1, []string{"check", "missing.yaml"}},
		{"check-bound", 0, []string{"check", "unbound.yaml", "--bind", "bound.yaml"}},
	} {
		r := run(t, "", false, c.args...)
		if r.code != c.code || r.err != "" {
			t.Errorf("%s: code %d, %s", c.name, r.code, r.err)
		}
		golden(t, c.name, r.out)
	}
}

func TestAFolderWithoutObjectsIsAnError(t *testing.T) {
	r := run(t, "", false, "check", t.TempDir())
	if r.code != 1 || !strings.HasPrefix(r.out, "MR108 there is no object in these files; name files, or directories") {
		t.Errorf("%+v", r)
	}
}
