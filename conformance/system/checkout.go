package system

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/conformance/checkout"
)

// Binary builds the command once a process, from the sources as they are, and returns its path.
var Binary = sync.OnceValues(func() (string, error) {
	root, err := checkout.Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, ".cache", "bin", "millrace")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/millrace")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build millrace: %w:\n%s", err, out)
	}
	return path, nil
})

// Python is the interpreter of an environment of conformance/servers, which is prepared first where it is not there.
func Python(ctx context.Context, environment string) (string, error) {
	root, err := checkout.Root()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "run", "./conformance/environment", environment)
	cmd.Dir, cmd.WaitDelay = root, 5*time.Second
	var wrong strings.Builder
	cmd.Stderr = &wrong
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("prepare the environment %s: %w: %s", environment, err, wrong.String())
	}
	_, path, ok := strings.Cut(strings.TrimSpace(string(out)), "\t")
	if !ok {
		return "", fmt.Errorf("prepare the environment %s: no path in %q", environment, out)
	}
	return path, nil
}

// scratch makes a folder inside the checkout, where the environments that a binding file names are found.
func scratch() (string, error) {
	root, err := checkout.Root()
	if err != nil {
		return "", err
	}
	base := filepath.Join(root, ".cache", "system")
	if err := os.MkdirAll(base, 0o755); err != nil {
		return "", fmt.Errorf("make a scratch folder: %w", err)
	}
	dir, err := os.MkdirTemp(base, "run-")
	if err != nil {
		return "", fmt.Errorf("make a scratch folder: %w", err)
	}
	return dir, nil
}
