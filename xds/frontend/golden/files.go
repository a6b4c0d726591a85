package golden

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Files runs show on every input of testdata (all files that match pattern) and compares the result with the golden file
// beside it. File names are given without their directory.
func Files(t *testing.T, pattern string, show func(t *testing.T, file string, src []byte) string) {
	t.Helper()
	inputs, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no files match testdata/%s: %v", pattern, err)
	}
	for _, in := range inputs {
		name := filepath.Base(in)
		t.Run(strings.ReplaceAll(strings.TrimSuffix(name, filepath.Ext(name)), "-", " "), func(t *testing.T) {
			src, err := os.ReadFile(in)
			if err != nil {
				t.Fatal(err)
			}
			Compare(t, strings.TrimSuffix(in, filepath.Ext(in))+".golden", show(t, name, src))
		})
	}
}

// Compare compares got with the golden file.
func Compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(got)) {
		t.Errorf("%s does not hold any more.\ngot:\n%s\nwant:\n%s", file, got, want)
	}
}
