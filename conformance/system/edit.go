package system

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Edit replaces the one place of a file that has from, and returns what undoes it. The file is saved as editors do: a whole new
// file that takes the old one's name.
func (i *Instance) Edit(t *testing.T, name, from, to string) (undo func()) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(i.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), from); n != 1 {
		t.Fatalf("edit %s: %q is in it %d times, not once", name, from, n)
	}
	i.Save(t, name, strings.Replace(string(text), from, to, 1))
	return func() { i.Save(t, name, string(text)) }
}

// Save writes a file of the folder that is served.
func (i *Instance) Save(t *testing.T, name, text string) {
	t.Helper()
	part := filepath.Join(i.scratch, filepath.Base(name)+".part")
	if err := os.WriteFile(part, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(part, filepath.Join(i.Dir, name)); err != nil {
		t.Fatal(err)
	}
}

// Remove removes a file of the folder that is served.
func (i *Instance) Remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(i.Dir, name)); err != nil {
		t.Fatal(err)
	}
}
