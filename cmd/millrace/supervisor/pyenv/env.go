package pyenv

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// DefaultPython is the version that an Env without one gets.
const DefaultPython = "3.11"

// Env is a Python environment to be prepared.
type Env struct {
	Name         string   // letters, digits, dots, dashes and underscores
	Python       string   // a version such as 3.11; empty means DefaultPython
	Requirements []string // as in a requirements file, one each
}

var (
	nameForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	pythonLine = regexp.MustCompile(`(?m)^#\s*python\s+(\d+\.\d+(?:\.\d+)?)\s*$`)
)

// ReadFile returns the environment of a requirements file. Its name is the file's without the extension; a comment
// line `# python 3.11` states the version.
func ReadFile(path string) (Env, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Env{}, fmt.Errorf("read requirements %s: %w", path, err)
	}
	return Parse(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), string(text)), nil
}

// Parse returns the environment called name of a requirements file's text. Comments and blank lines are not part
// of what is asked for.
func Parse(name, text string) Env {
	env := Env{Name: name}
	if m := pythonLine.FindStringSubmatch(text); m != nil {
		env.Python = m[1]
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			env.Requirements = append(env.Requirements, line)
		}
	}
	return env
}

// Find returns the interpreter of the environment called name that was prepared for the checkout or folder around
// dir: the nearest .cache/python/NAME in dir and the folders above it, else the one in $MILLRACE_CACHE.
func Find(dir, name string) (string, error) {
	if !nameForm.MatchString(name) {
		return "", fmt.Errorf("find environment %q: a name has letters, digits, dots, dashes and underscores only", name)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find environment %s: %w", name, err)
	}
	var places []string
	for d := dir; ; d = filepath.Dir(d) {
		places = append(places, filepath.Join(d, ".cache", "python", name))
		if d == filepath.Dir(d) {
			break
		}
	}
	if own, err := DefaultDir(); err == nil {
		places = append(places, filepath.Join(own, name))
	}
	for _, place := range places {
		real, err := filepath.EvalSymlinks(place)
		if err == nil && whole(real) {
			return interpreter(real), nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("find environment %s: %w", name, err)
		}
	}
	return "", fmt.Errorf("find environment %s: it is not prepared for %s; run `go run ./conformance/environment %s` in the checkout, or state `requirements` instead of `environment`", name, dir, name)
}

func (e Env) python() string {
	if e.Python == "" {
		return DefaultPython
	}
	return e.Python
}

// text is the requirements file that the installer reads.
func (e Env) text() string { return strings.Join(e.Requirements, "\n") + "\n" }

// folder names the environment by what is in it.
func (e Env) folder() string {
	sum := sha256.Sum256([]byte(e.python() + "\n" + uvRequirement + "\n" + e.text()))
	return e.Name + "-" + hex.EncodeToString(sum[:6])
}

func (e Env) check() error {
	if !nameForm.MatchString(e.Name) {
		return fmt.Errorf("prepare environment %q: a name has letters, digits, dots, dashes and underscores only", e.Name)
	}
	for _, r := range e.Requirements {
		if strings.ContainsAny(r, "\r\n") {
			return fmt.Errorf("prepare environment %s: requirement %q: one requirement a line", e.Name, r)
		}
	}
	return nil
}
