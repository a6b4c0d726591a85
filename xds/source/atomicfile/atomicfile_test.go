package atomicfile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWriteReplacesAndLeavesNothingBeside(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "status.json")
	for _, text := range []string{"{}", `{"a":1}`} {
		if err := Write(file, []byte(text)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil || string(got) != text+"\n" {
			t.Fatalf("the file has %q (%v), want %q and a line's end", got, err, text)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d files in the folder (%v), want one", len(entries), err)
	}
}

func TestWriteThatFailsKeepsWhatWasThere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "status.json")
	if err := os.Mkdir(file, 0o755); err != nil { // a folder in the file's place cannot be replaced by a file
		t.Fatal(err)
	}
	if err := Write(file, []byte("{}")); err == nil {
		t.Fatal("no error")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || !entries[0].IsDir() {
		t.Fatalf("the folder has %v (%v), want what was there alone", entries, err)
	}
	if err := Write(filepath.Join(dir, "none", "status.json"), nil); err == nil {
		t.Fatal("no error for a folder that is not there")
	}
}
