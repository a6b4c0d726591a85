package main

import (
	"strings"
	"testing"
)

func TestAReportAlignsItsTablesAndRemembersWhatIsWrong(t *testing.T) {
	var out strings.Builder
	r := report{out: &out}
	r.section(1, "Title")
	r.table([]string{"a", "1"}, []string{"größer", "2"})
	r.check(true, "good")
	r.check(false, "bad: %d\ndetails", 7)
	if got, want := out.String(), "\n1  Title\n   a       1\n   größer  2\n   ✓ good\n   ✗ bad: 7\ndetails\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if r.right != 1 || len(r.wrong) != 1 || r.wrong[0] != "bad: 7" {
		t.Errorf("got %d right, wrong %q", r.right, r.wrong)
	}
}

func TestALoadCountsEveryFailureByItsText(t *testing.T) {
	total, texts := failures([]outcome{{kind: "a"}, {kind: "a", failure: "x"}, {kind: "a", failure: "x"}, {kind: "b", failure: "y"}})
	if total != 3 || strings.Join(texts, "; ") != "1 × b: y; 2 × a: x" {
		t.Errorf("got %d, %q", total, texts)
	}
}
