package supervisor

import (
	"reflect"
	"strings"
	"testing"

	"github.com/millrace/millrace/cmd/millrace/supervisor/pyserve"
)

func TestASpecThatCanNeverRunIsRefusedWithAWayOut(t *testing.T) {
	function := &pyserve.Function{Model: "topic", File: "topic.py", Name: "predict"}
	for name, c := range map[string]struct {
		spec Spec
		want string
	}{
		"no name":                     {Spec{Command: []string{"x", "{port}"}}, "it has no name"},
		"nothing to run":              {Spec{Name: "a"}, "neither a command nor a Python function"},
		"two things to run":           {Spec{Name: "a", Command: []string{"x", "{port}"}, Function: function}, "both a command and a Python function"},
		"a fixed port for two":        {Spec{Name: "a", Command: []string{"x"}, Replicas: 2, Ports: map[string]int{"port": 1}}, "2 replicas cannot share"},
		"a variable without a name":   {Spec{Name: "a", Command: []string{"x", "{port}"}, Env: map[string]string{"A=B": ""}}, "has no ="},
		"nobody knows where it is":    {Spec{Name: "a", Command: []string{"x", "{other_port}"}}, "write {port}"},
		"a port that no one is told":  {Spec{Name: "a", Command: []string{"x"}}, "write {port}"},
		"fixed, so it is known":       {Spec{Name: "a", Command: []string{"x"}, Ports: map[string]int{"port": 1}}, ""},
		"in a variable":               {Spec{Name: "a", Command: []string{"x"}, Env: map[string]string{"PORT": "{port}"}}, ""},
		"gRPC alone":                  {Spec{Name: "a", Command: []string{"x", "--grpc={grpc_port}"}}, ""},
		"a function brings its ports": {Spec{Name: "a", Function: function}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.spec.Check()
			if c.want == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v: want %q in it", err, c.want)
			}
		})
	}
}

func TestTwoServersOfOneNameAreRefusedAndNothingStarts(t *testing.T) {
	h := newHouse(t)
	err := h.Start(t.Context(), []Spec{python("a"), python("a")})
	if err == nil || !strings.Contains(err.Error(), "two of this name") {
		t.Errorf("error %v", err)
	}
	if got := h.all(); len(got) != 0 {
		t.Errorf("reports %+v: want none", got)
	}
}

func TestPlaceholdersBecomePortsAndOtherBracesStay(t *testing.T) {
	ports := map[string]int{"port": 80, "metrics_port": 81}
	for text, want := range map[string]string{
		"--port={port}":             "--port=80",
		"{metrics_port}/{port}":     "81/80",
		`{"port": {port}}`:          `{"port": 80}`,
		"{replica}":                 "3",
		"{name} {} { } {port":       "{name} {} { } {port",
		"127.0.0.1:{unknown_port}/": "127.0.0.1:{unknown_port}/",
	} {
		if got := expand(text, ports, 3); got != want {
			t.Errorf("expand(%q) = %q, want %q", text, got, want)
		}
	}
	s := Spec{Command: []string{"a", "{port}", "{port}"}, Env: map[string]string{"M": "{metrics_port}", "R": "{replica}"}, Ports: map[string]int{"grpc_port": 1}}
	if got, want := portNames(s.Ports, s.Command, s.variables()), []string{"grpc_port", "metrics_port", "port"}; !reflect.DeepEqual(got, want) {
		t.Errorf("portNames() = %v, want %v", got, want)
	}
}

func FuzzExpandLeavesNoPortPlaceholderThatItKnows(f *testing.F) {
	f.Add("--port {port} {grpc_port}")
	f.Add("{{port}}")
	f.Add("{")
	f.Fuzz(func(t *testing.T, text string) {
		ports := map[string]int{}
		for i, name := range portNames(nil, []string{text}, nil) {
			ports[name] = firstPort + i
		}
		again := expand(text, ports, 0)
		for _, name := range portNames(nil, []string{again}, nil) {
			// {{port}} becomes {20000}, which is no name; only new nesting could make one.
			if _, known := ports[name]; known && !strings.Contains(text, "{{") && !strings.Contains(text, "}}") {
				t.Errorf("%q still has {%s}", again, name)
			}
		}
	})
}
