package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestEveryGraphOfTheSamplesIsExplained(t *testing.T) {
	r := run(t, "", false, "explain", samples)
	if r.code != 0 || r.err != "" {
		t.Fatalf("%+v", r)
	}
	for _, name := range []string{"triage", "tidy", "mood", "english-mood", "urgency-desk", "urgency-panel", "urgency-ab", "comment-gate", "comment-check"} {
		if !strings.Contains(r.out, "graph default/"+name+": ") {
			t.Errorf("%s is missing:\n%s", name, r.out)
		}
	}
}

func TestAGraphAModelAndAnExpressionAreExplainedByName(t *testing.T) {
	for name, want := range map[string]string{
		"triage":                             "graph default/triage: ",
		"default/triage":                     "graph default/triage: ",
		"language":                           "call language",
		"language+sentiment":                 "parallel (merge)",
		"normalise | (language + sentiment)": "chain",
	} {
		r := run(t, "", false, "explain", samples, name)
		if r.code != 0 || !strings.Contains(r.out, want) || r.err != "" || strings.Count(r.out, "graph ") != 1 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestWhatCannotBeExplainedSaysWhy(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{samples + " languag", "millrace: explain languag: there is no graph and no model of this name; did you mean \"language\"?\n"},
		{samples + " languge+sentiment", "MR203 graph languge+sentiment: no model \"languge\"; did you mean \"language\"?\n    languge+sentiment\n    ^\n"},
		{samples + " language+|x", "millrace: explain: expression \"language+|x\", at character 10: unexpected \"|\"; write a model's name before it\n    language+|x\n             ^\n"},
		{"missing.yaml", "millrace: explain: read missing.yaml: no such file or directory\n"},
		{samples + " missing.yaml", "millrace: explain: read missing.yaml: no such file or directory\n"},
	} {
		r := run(t, "", false, append([]string{"explain"}, strings.Fields(c.args)...)...)
		if r.code != 1 || r.err != c.want || r.out != "" {
			t.Errorf("%s: %+v", c.args, r)
		}
	}
}

func TestAGoodGraphBesideABrokenOneIsExplained(t *testing.T) {
	r := run(t, "", false, "explain", "testdata/broken.yaml")
	if r.code != 1 || !strings.Contains(r.out, "graph default/fine: ") || !strings.Contains(r.err, "MR203 graph mood: no model \"sentimnt\"") {
		t.Errorf("%+v", r)
	}
	if r := run(t, "", false, "explain", "testdata/broken.yaml", "fine"); r.code != 0 || r.err != "" {
		t.Errorf("%+v", r)
	}
}

func TestPlansComeInEveryFormat(t *testing.T) {
	for format, want := range map[string]string{"dot": "digraph \"default/triage\" {", "mermaid": "flowchart TD", "json": `"name": "triage"`} {
		r := run(t, "", false, "explain", samples, "triage", "--format", format)
		if r.code != 0 || !strings.Contains(r.out, want) {
			t.Errorf("%s: %+v", format, r)
		}
		if format == "json" && !json.Valid([]byte(r.out)) {
			t.Errorf("not JSON: %s", r.out)
		}
	}
}
