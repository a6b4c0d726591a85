package pyserve

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAReferenceNamesAFileAndAFunction(t *testing.T) {
	for ref, want := range map[string][2]string{
		"topic.py:predict":          {"/models/topic.py", "predict"},
		"a/b.py:f_1":                {"/models/a/b.py", "f_1"},
		"/abs/topic.py:predict":     {"/abs/topic.py", "predict"},
		"topic.py":                  {},
		"topic:predict":             {},
		"topic.py:":                 {},
		":predict":                  {},
		"topic.py:pre dict":         {},
		"topic.py:predict:and:more": {},
		"topic.py:1st":              {},
	} {
		file, function, err := ParseRef("/models", ref)
		if file != want[0] || function != want[1] || (err == nil) != (want[1] != "") {
			t.Errorf("ParseRef(%q) = %q, %q, %v; want %q", ref, file, function, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "such as topic.py:predict") {
			t.Errorf("ParseRef(%q): %v: want an example", ref, err)
		}
	}
}

func TestAFunctionIsServedByAWholeRuntime(t *testing.T) {
	cache := t.TempDir()
	file := filepath.Join(t.TempDir(), "topic.py")
	if err := os.WriteFile(file, []byte("def predict(text): return text\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	f := Function{Model: "topic", File: file, Name: "predict", Inputs: []Tensor{{Name: "text", Datatype: "BYTES"}}, Outputs: []Tensor{{Name: "label", Datatype: "BYTES", Shape: []int{-1, 1}}}}
	command, env, err := Prepare(cache, f)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"MLSERVER_MODEL_NAME=topic",
		"MILLRACE_FUNCTION=" + file + ":predict",
		`MILLRACE_CONTRACT={"inputs":[{"name":"text","datatype":"BYTES","shape":[-1]}],"outputs":[{"name":"label","datatype":"BYTES","shape":[-1,1]}]}`,
	} {
		if !slices.Contains(env, want) {
			t.Errorf("env %q lacks %s", env, want)
		}
	}
	dir := command[len(command)-1]
	for _, name := range []string{"millrace_function.py", "settings.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	again, _, err := Prepare(cache, f)
	if err != nil || !slices.Equal(again, command) {
		t.Errorf("a second time: %q, %v; want %q", again, err, command)
	}
	left, err := os.ReadDir(cache)
	if err != nil || len(left) != 1 {
		t.Errorf("%d entries in the cache, %v; want the runtime alone", len(left), err)
	}
}

func TestAMissingFileIsAnErrorBeforeAnythingStarts(t *testing.T) {
	_, _, err := Prepare(t.TempDir(), Function{Model: "m", File: "/no/such/file.py", Name: "f"})
	if err == nil || !strings.Contains(err.Error(), "/no/such/file.py") {
		t.Errorf("error %v", err)
	}
}

func FuzzAReferenceEitherFitsOrIsRefused(f *testing.F) {
	f.Add("topic.py:predict")
	f.Add("a:b.py:c")
	f.Fuzz(func(t *testing.T, ref string) {
		file, function, err := ParseRef("/models", ref)
		if err == nil && (!strings.HasSuffix(file, ".py") || function == "" || strings.ContainsAny(function, ":/.")) {
			t.Errorf("ParseRef(%q) = %q, %q", ref, file, function)
		}
	})
}
