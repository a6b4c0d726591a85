package pyenv

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// uvRequirement pins the installer: another version may resolve or compile otherwise.
const uvRequirement = "uv==0.13.9"

// marker is the file that says an environment is whole. It is written last.
const marker = ".complete"

// Store is a folder of prepared environments. It may be used by many goroutines and many processes at once.
type Store struct {
	dir      string
	progress io.Writer
}

// NewStore returns the store in dir, which is made when first needed. Progress goes to progress, one line at a
// time: a line when an installation starts, one every few seconds with the seconds so far, one when it ends.
func NewStore(dir string, progress io.Writer) *Store {
	return &Store{dir: dir, progress: progress}
}

// DefaultDir is where environments of a user's own servers are kept: $MILLRACE_CACHE/python, else python in
// millrace's folder of the user's cache.
func DefaultDir() (string, error) {
	if dir := os.Getenv("MILLRACE_CACHE"); dir != "" {
		return filepath.Join(dir, "python"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a cache folder: %w; set MILLRACE_CACHE to a folder that may be written", err)
	}
	return filepath.Join(dir, "millrace", "python"), nil
}

// Ensure returns the path of env's interpreter, installing the environment first where it is not whole yet.
// It leaves a link with the environment's name beside it, by which [Find] finds it. An error carries the end of
// the installer's output.
func (s *Store) Ensure(ctx context.Context, env Env) (string, error) {
	if err := env.check(); err != nil {
		return "", err
	}
	dir, err := filepath.Abs(filepath.Join(s.dir, env.folder()))
	if err != nil {
		return "", fmt.Errorf("prepare environment %s: %w", env.Name, err)
	}
	build := func(lock *os.File) error { return s.install(ctx, env, dir, lock) }
	if err := s.once(ctx, env.Name, dir, build); err != nil {
		return "", err
	}
	if err := s.link(env, dir); err != nil {
		return "", fmt.Errorf("prepare environment %s: %w", env.Name, err)
	}
	return interpreter(dir), nil
}

// once runs build under dir's lock, which the commands that build runs are to inherit, unless dir is whole, and marks it
// whole.
func (s *Store) once(ctx context.Context, name, dir string, build func(lock *os.File) error) error {
	if whole(dir) {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return fmt.Errorf("prepare environment %s: %w", name, err)
	}
	held, err := lock(ctx, dir+".lock", func() {
		s.say("environment %s: waiting for another process that prepares it", name)
	})
	if err != nil {
		return fmt.Errorf("prepare environment %s: %w", name, err)
	}
	defer held.Close()
	if whole(dir) { // the other process finished it
		return nil
	}
	if err := os.RemoveAll(dir); err != nil { // what an interrupted installation left
		return fmt.Errorf("prepare environment %s: %w", name, err)
	}
	if err := build(held); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, marker), nil, 0o644); err != nil {
		return fmt.Errorf("prepare environment %s: %w", name, err)
	}
	return nil
}

func (s *Store) install(ctx context.Context, env Env, dir string, lock *os.File) error {
	uv, err := s.uv(ctx)
	if err != nil {
		return err
	}
	done := s.watch("environment " + env.Name)
	err = s.run(ctx, lock, env.text(), uv, "venv", "--quiet", "--python", env.python(), dir)
	if err == nil && len(env.Requirements) > 0 {
		// Bytecode is compiled now: a server whose packages are not compiled starts up to ten times slower.
		err = s.run(ctx, lock, env.text(), uv, "pip", "install", "--quiet", "--compile-bytecode",
			"--python", interpreter(dir), "--requirement", "-")
	}
	done(err)
	if err != nil {
		return fmt.Errorf("prepare environment %s: %w", env.Name, err)
	}
	return nil
}

// uv returns the installer's path, installing it first where it is missing.
func (s *Store) uv(ctx context.Context) (string, error) {
	dir, err := filepath.Abs(filepath.Join(s.dir, strings.ReplaceAll(uvRequirement, "==", "-")))
	if err != nil {
		return "", fmt.Errorf("prepare the installer uv: %w", err)
	}
	build := func(lock *os.File) error {
		python, err := exec.LookPath("python3")
		if err != nil {
			return fmt.Errorf("prepare the installer uv: %w; install Python 3.9 or newer", err)
		}
		done := s.watch("installer uv")
		if err = s.run(ctx, lock, "", python, "-m", "venv", dir); err != nil {
			err = fmt.Errorf("%w; python3 needs its venv module (on Debian: python3-venv)", err)
		} else {
			err = s.run(ctx, lock, "", interpreter(dir), "-m", "pip", "install", "--quiet", uvRequirement)
		}
		done(err)
		if err != nil {
			return fmt.Errorf("prepare the installer uv: %w", err)
		}
		return nil
	}
	if err := s.once(ctx, "uv", dir, build); err != nil {
		return "", err
	}
	return filepath.Join(dir, "bin", "uv"), nil
}

// run runs one command to its end; it inherits lock, and input is its standard input.
func (s *Store) run(ctx context.Context, lock *os.File, input string, name string, args ...string) error {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.ExtraFiles = []*os.File{lock}
	cmd.Stdin = strings.NewReader(input)
	cmd.Stdout, cmd.Stderr = &out, &out
	// An activated environment of the user's must not be mistaken for the one that is made here.
	cmd.Env = append(os.Environ(), "VIRTUAL_ENV=", "CONDA_PREFIX=", "UV_NO_PROGRESS=1")
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("%s %s: %w%s", filepath.Base(name), strings.Join(args, " "), err, tail(out.String()))
	}
	return nil
}

// link points the store's entry of env's name at dir, in one step.
func (s *Store) link(env Env, dir string) error {
	name := filepath.Join(s.dir, env.Name)
	if target, err := os.Readlink(name); err == nil && target == filepath.Base(dir) {
		return nil
	}
	fresh := fmt.Sprintf("%s.%d.link", name, os.Getpid())
	os.Remove(fresh)
	if err := os.Symlink(filepath.Base(dir), fresh); err != nil {
		return err
	}
	return os.Rename(fresh, name)
}

func whole(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, marker))
	return err == nil
}

func interpreter(dir string) string { return filepath.Join(dir, "bin", "python") }

// tail is the end of a command's output, as the indented end of an error.
func tail(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) == 1 && lines[0] == "" {
		return ""
	}
	if len(lines) > 12 {
		lines = lines[len(lines)-12:]
	}
	return "\n    " + strings.Join(lines, "\n    ")
}
