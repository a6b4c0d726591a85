package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/xds/frontend/document"
	"github.com/millrace/millrace/xds/frontend/golden"
)

const source = "spec:\n  graph: sentimnt | größe\n"

var found = []diagnostic.Diagnostic{
	{Code: document.CodeReference, Pos: ast.Position{File: "dir with space/triage.yaml", Line: 2, Column: 10}, Graph: "triage", Path: "chain[0]", Message: `no model "sentimnt"`, Remedy: `did you mean "sentiment"?`, Warming: true},
	{Code: document.CodeValue, Pos: ast.Position{File: "./triage.yaml", Line: 2, Column: 21}, Message: "a < b & \"c\""},
	{Code: document.CodeUnread, Severity: diagnostic.Warning, Pos: ast.Position{File: "/etc/objects"}, Message: "no files"},
	{Code: document.CodeReference, Message: "nowhere"},
}

func sourceOf(file string) []byte {
	if strings.HasSuffix(file, "triage.yaml") {
		return []byte(source)
	}
	return nil
}

func render(t *testing.T, format string, found []diagnostic.Diagnostic) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, found, sourceOf); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEachFormatIsWhatItsGoldenFileSays(t *testing.T) {
	for _, format := range Formats {
		golden.Compare(t, "testdata/findings."+format, render(t, format, found))
	}
}

func TestNothingFoundIsARenderingToo(t *testing.T) {
	if got := render(t, "text", nil); got != "" {
		t.Errorf("text: %q", got)
	}
	for _, format := range []string{"json", "sarif"} {
		got := render(t, format, nil)
		if !json.Valid([]byte(got)) || strings.Contains(got, "null") {
			t.Errorf("%s: %s", format, got)
		}
	}
}

// A reader of SARIF looks rules up by index and needs lines from 1.
func TestSARIFRefersToItsOwnRules(t *testing.T) {
	var log sarifLog
	if err := json.Unmarshal([]byte(render(t, "sarif", found)), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	for _, r := range run.Results {
		if run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("result %s points to rule %s", r.RuleID, run.Tool.Driver.Rules[r.RuleIndex].ID)
		}
		for _, l := range r.Locations {
			if g := l.PhysicalLocation.Region; g != nil && g.StartLine < 1 {
				t.Errorf("line %d", g.StartLine)
			}
		}
	}
}

func TestAnUnknownFormatIsRefusedWithThoseThatThereAre(t *testing.T) {
	err := Write(&bytes.Buffer{}, "sariff", found, nil)
	if err == nil || err.Error() != `report: there is no format "sariff"; did you mean "sarif"?` {
		t.Error(err)
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("closed") }

func TestAWriterThatFailsIsTold(t *testing.T) {
	if err := Write(closed{}, "text", found, nil); err == nil || err.Error() != "report: closed" {
		t.Error(err)
	}
}
