package main

import (
	"strings"
	"testing"
)

func TestHelpIsWhatANewcomerCanWorkFrom(t *testing.T) {
	for _, c := range newRoot(streams{}).Commands() {
		name := c.Name()
		if name == "help" {
			continue
		}
		if c.Long == "" || c.Example == "" {
			t.Errorf("%s has no explanation or no example", name)
		}
		r := run(t, "", false, name, "--help")
		if r.code != 0 || r.err != "" {
			t.Errorf("%s --help: %+v", name, r)
		}
		golden(t, "help-"+name, r.out)
		if other := run(t, "", false, "help", name); other.out != r.out {
			t.Errorf("help %s is not %s --help:\n%s", name, name, other.out)
		}
	}
	golden(t, "help", run(t, "", false).out)
	if r := run(t, "", false, "help"); r.code != 0 || !strings.Contains(r.out, "millrace check FILE") {
		t.Errorf("help: %+v", r)
	}
}

func TestACodeIsExplained(t *testing.T) {
	for _, code := range []string{"MR203", "mr203"} {
		r := run(t, "", false, "help", code)
		if r.code != 0 || !strings.HasPrefix(r.out, "MR203: no model or graph has this name\n\n") {
			t.Errorf("help %s: %+v", code, r)
		}
	}
	if r := run(t, "", false, "help", "codes"); !strings.Contains(r.out, "MR101  the file is not well-formed YAML or JSON\n") {
		t.Errorf("help codes: %+v", r)
	}
	if r := run(t, "", false, "help", "MR999"); r.code != 1 || r.err != "millrace: help MR999: there is no such code; `millrace help codes` lists them\n" {
		t.Errorf("help MR999: %+v", r)
	}
}

func TestAMistakeInTheCommandLineSaysWhereToLook(t *testing.T) {
	for _, c := range []struct {
		args string
		want string
	}{
		{"chek", "millrace: unknown command \"chek\" for \"millrace\"\n\nDid you mean this?\n\tcheck\n\nSee `millrace --help`.\n"},
		{"help chek", "millrace: unknown command \"chek\" for \"millrace\"\n\nDid you mean this?\n\tcheck\n\nSee `millrace --help`.\n"},
		{"check", "millrace: millrace check: FILE is missing\nSee `millrace check --help`.\n"},
		{"check --formt json x", "millrace: unknown flag: --formt\nSee `millrace check --help`.\n"},
		{"check --format yaml x", "millrace: check --format yaml: there are text, json and sarif\nSee `millrace check --help`.\n"},
		{"explain --format yaml x", "millrace: explain --format yaml: there are text, json, dot and mermaid\nSee `millrace explain --help`.\n"},
		{"ask sentiment", "millrace: millrace ask: EXPRESSION and TEXT is missing\nSee `millrace ask --help`.\n"},
		{"ask sentiment I love it", "millrace: millrace ask: \"love\" is too much; it takes EXPRESSION and TEXT\nSee `millrace ask --help`.\n"},
		{"control-plane x", "millrace: control-plane: --xds is missing; it says where proxies connect, as --xds 127.0.0.1:18000\nSee `millrace control-plane --help`.\n"},
		{"control-plane x --xds 18000", "millrace: invalid argument \"18000\" for \"--xds\" flag: \"18000\" is not an address; write it as 127.0.0.1:8080, port 0 for a free one\nSee `millrace control-plane --help`.\n"},
		{"control-plane x --log-level loud", "millrace: invalid argument \"loud\" for \"--log-level\" flag: there is no level \"loud\"; there are trace, debug, info, warning, error, critical, off\nSee `millrace control-plane --help`.\n"},
	} {
		r := run(t, "", false, strings.Fields(c.args)...)
		if r.code != 2 || r.err != c.want || r.out != "" {
			t.Errorf("%s: %d, %q\n%s", c.args, r.code, r.out, r.err)
		}
	}
}

func TestTheVersionNamesTheProgramAndGo(t *testing.T) {
	if r := run(t, "", false, "version"); r.code != 0 || !strings.HasPrefix(r.out, "millrace ") || !strings.Contains(r.out, " go1.") {
		t.Errorf("%+v", r)
	}
}

func TestAShellCompletesCommandsCodesAndValues(t *testing.T) {
	for args, want := range map[string]string{
		"__complete ch":                  "check\t",
		"__complete help MR20":           "MR203\t",
		"__complete check x --format ":   "sarif\n",
		"__complete explain x --format ": "mermaid\n",
		"completion bash":                "__start_millrace",
	} {
		if r := run(t, "", false, strings.Split(args, " ")...); r.code != 0 || !strings.Contains(r.out, want) {
			t.Errorf("%s: %+v", args, r)
		}
	}
}
