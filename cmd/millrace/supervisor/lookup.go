package supervisor

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// lookUp finds the program that a command names: with a slash, relative to dir; without, in the Python environment
// first and then on PATH.
func lookUp(name, dir, python string) (string, error) {
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		abs, err := filepath.Abs(name)
		if err != nil {
			return "", err
		}
		return executable(abs)
	}
	if python != "" {
		if path, err := executable(filepath.Join(filepath.Dir(python), name)); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	// Debian has no `python` outside of an environment.
	if name == "python" {
		if path, err := exec.LookPath("python3"); err == nil {
			return path, nil
		}
	}
	if python != "" {
		return "", fmt.Errorf("command %q: not in the environment %s and not on PATH; add its package to the requirements", name, filepath.Dir(filepath.Dir(python)))
	}
	return "", fmt.Errorf("command %q: not on PATH; install it, or give the server `requirements` or an `environment` that has it", name)
}

func executable(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("command: %w", err)
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return "", fmt.Errorf("command %s: not an executable file; run chmod +x on it, or put its interpreter in front", path)
	}
	return path, nil
}
