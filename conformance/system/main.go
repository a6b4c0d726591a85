package system

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/millrace/millrace/conformance/checkout"
)

// environments are what the samples' binding file names.
var environments = []string{"fastapi", "kserve", "mlserver", "seldon"}

// Main starts the samples, hands the instance over, runs the tests of a package, stops everything, and looks for goroutines
// that were left. It returns the code to exit with: not 0 as well where something did not stop as it should.
func Main(m *testing.M, use func(*Instance)) int {
	i, err := startSamples()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	use(i)
	code := m.Run()
	for _, err := range []error{i.Stop(), goleak.Find()} {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

func startSamples() (*Instance, error) {
	root, err := checkout.Root()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*startWithin)
	defer cancel()
	for _, name := range environments {
		if _, err := Python(ctx, name); err != nil {
			return nil, err
		}
	}
	return start(ctx, func(dir string) error { return os.CopyFS(dir, os.DirFS(filepath.Join(root, "deploy", "samples"))) })
}

// Start runs `millrace up` on files, by name, until the test ends.
func Start(t *testing.T, files map[string]string) *Instance {
	t.Helper()
	i, err := start(t.Context(), func(dir string) error {
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(i.Report())
		}
		if err := i.Stop(); err != nil {
			t.Error(err)
		}
	})
	return i
}
