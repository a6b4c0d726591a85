package local

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/millrace/millrace/cmd/millrace/supervisor"
	"github.com/millrace/millrace/cmd/millrace/supervisor/pyserve"
)

func TestAnEditedFunctionIsSeenAndAnUnreadableOneIsNot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f.py")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("def f(x): return x")
	s := &servers{specs: []supervisor.Spec{{Name: "f", Function: &pyserve.Function{File: file}, Revision: revision(file)}, {Name: "other"}}}
	if s.edited() {
		t.Error("a file that is as it was counts as edited")
	}
	write("def f(x): return x + 1")
	if !s.edited() {
		t.Error("an edit was not seen")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if s.edited() {
		t.Error("a file that is away for a moment, as while an editor saves, counts as edited")
	}
}
