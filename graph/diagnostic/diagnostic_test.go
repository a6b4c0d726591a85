package diagnostic

import (
	"testing"

	"github.com/millrace/millrace/graph/ast"
)

var _ = Register(Entry{Code: "MR999", Title: "a test", Text: "It is one."})

func TestFindingIsOneLineWithItsPlaceAndTheWayOut(t *testing.T) {
	d := Diagnostic{
		Code: "MR203", Pos: ast.Position{File: "triage.yaml", Line: 14, Column: 5}, Graph: "triage",
		Message: `no model "sentimnt"`, Remedy: `did you mean "sentiment"?`,
	}
	if got, want := d.String(), `triage.yaml:14:5: MR203 graph triage: no model "sentimnt"; did you mean "sentiment"?`; got != want {
		t.Errorf("\n got  %s\n want %s", got, want)
	}
	if got := (Diagnostic{Code: "MR101", Message: "bad"}).Error(); got != "MR101 bad" {
		t.Error(got)
	}
}

func TestOnlyErrorsThatWaitForNobodyAreFatal(t *testing.T) {
	for _, c := range []struct {
		name string
		d    Diagnostic
		want bool
	}{
		{"an error", Diagnostic{}, true},
		{"a warning", Diagnostic{Severity: Warning}, false},
		{"one that waits for another object", Diagnostic{Warming: true}, false},
	} {
		if got := Fatal([]Diagnostic{c.d}); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestCodesAreExplainedInAnyCase(t *testing.T) {
	e, ok := Explain(" mr999 ")
	if !ok || e.Title != "a test" {
		t.Errorf("%+v, %v", e, ok)
	}
	if _, ok := Explain("MR000"); ok {
		t.Error("a code that nobody registered is explained")
	}
	if all := All(); len(all) != 1 || all[0].Code != "MR999" {
		t.Errorf("all are %v", all)
	}
}
