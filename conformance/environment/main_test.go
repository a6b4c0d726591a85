package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/cmd/millrace/supervisor/pyenv"
	"github.com/millrace/millrace/conformance/checkout"
)

func TestAnUnknownEnvironmentIsRefusedWithThoseThatThereAre(t *testing.T) {
	err := run(t.Context(), []string{"mlservr"}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), `no environment "mlservr"; there are clients, envoy, fastapi, kserve, mlserver, seldon`) {
		t.Errorf("error %v", err)
	}
}

func TestEveryEnvironmentIsPinnedToTheLast(t *testing.T) {
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	servers := filepath.Join(root, "conformance", "servers")
	names, err := known(servers)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		pinned, err := pyenv.ReadFile(filepath.Join(servers, name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range pinned.Requirements {
			if !strings.Contains(r, "==") {
				t.Errorf("%s.txt: %s is not pinned", name, r)
			}
		}
		wanted, err := pyenv.ReadFile(filepath.Join(servers, name+".in"))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range wanted.Requirements {
			// The name alone: extras and versions are the resolver's business.
			project := strings.ToLower(strings.FieldsFunc(r, func(c rune) bool { return strings.ContainsRune("[<>=!~; ", c) })[0])
			if !strings.Contains(strings.ToLower(strings.Join(pinned.Requirements, "\n")+"\n"), project+"==") {
				t.Errorf("%s.txt lacks %s of %s.in", name, project, name)
			}
		}
	}
}
