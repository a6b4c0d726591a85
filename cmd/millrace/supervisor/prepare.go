package supervisor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/millrace/millrace/cmd/millrace/supervisor/pyenv"
	"github.com/millrace/millrace/cmd/millrace/supervisor/pyserve"
)

// prepared is what a Spec runs once its Python environment and its function's runtime are there. Placeholders are not
// filled in yet.
type prepared struct {
	command []string
	env     []string
	names   []string // of the ports
}

// prepare installs what the spec needs. It is quick where that was done before.
func (s *Supervisor) prepare(ctx context.Context, spec *Spec) (prepared, error) {
	if spec.Dir != "" {
		if info, err := os.Stat(spec.Dir); err != nil || !info.IsDir() {
			return prepared{}, fmt.Errorf("folder %s: it is not there; a server's command runs in it", spec.Dir)
		}
	}
	python, err := s.python(ctx, spec)
	if err != nil {
		return prepared{}, err
	}
	command, env := slices.Clone(spec.Command), pythonEnv(python)
	if spec.Function != nil {
		served, variables, err := pyserve.Prepare(s.cache, *spec.Function)
		if err != nil {
			return prepared{}, err
		}
		command, env = served, append(env, variables...)
	}
	env = append(env, spec.variables()...)
	if command[0], err = lookUp(command[0], spec.Dir, python); err != nil {
		return prepared{}, err
	}
	return prepared{command: command, env: env, names: portNames(spec.Ports, command, env)}, nil
}

// python returns the interpreter of the spec's environment, or nothing where it has none.
func (s *Supervisor) python(ctx context.Context, spec *Spec) (string, error) {
	if spec.Environment != "" {
		return pyenv.Find(spec.Dir, spec.Environment)
	}
	requirements := spec.Requirements
	if spec.Function != nil {
		requirements = slices.Concat([]string{pyserve.Requirement}, requirements)
	}
	if len(requirements) == 0 {
		return "", nil
	}
	store := pyenv.NewStore(filepath.Join(s.cache, "python"), writer{log: s.log, name: spec.Name})
	return store.Ensure(ctx, pyenv.Env{Name: spec.Name, Requirements: requirements})
}

// pythonEnv is what activating an environment sets. Output is not buffered: a log line that comes with the next
// thousand is of no use.
func pythonEnv(python string) []string {
	env := []string{"PYTHONUNBUFFERED=1"}
	if python == "" {
		return env
	}
	bin := filepath.Dir(python)
	return append(env, "VIRTUAL_ENV="+filepath.Dir(bin), "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
}
