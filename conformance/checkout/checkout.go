// Package checkout finds the files of the checkout that a conformance command or test runs in. It imports the standard library only.
package checkout

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Root is the nearest folder at or above the current one that has the module's go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module github.com/millrace/millrace\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("find the checkout: no go.mod of millrace here or above; run this inside the checkout")
		}
		dir = filepath.Dir(dir)
	}
}
