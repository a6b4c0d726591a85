package pyenv

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeUV stands in for the installer: it notes its calls beside itself, makes the environment's folder, and fails, or
// leaves a process behind, where a file tells it to.
const fakeUV = `#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
if [ "$1" = venv ]; then
	for dir; do :; done
	mkdir -p "$dir/bin" && touch "$dir/bin/python"
else
	cat > "$here/requirements"
	if [ -e "$here/linger" ]; then sleep 600 >/dev/null 2>&1 & echo $! > "$here/linger"; fi
	if [ -e "$here/fail" ]; then echo "no version of vader matches"; exit 2; fi
fi
`

// newTestStore is a store with the stand-in, and the stand-in's folder.
func newTestStore(t *testing.T) (*Store, string) {
	t.Helper()
	dir := t.TempDir()
	uv := filepath.Join(dir, strings.ReplaceAll(uvRequirement, "==", "-"))
	bin := filepath.Join(uv, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{filepath.Join(bin, "uv"): fakeUV, filepath.Join(uv, marker): ""} {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return NewStore(dir, new(lockedBuffer)), bin
}

// calls counts the installations that the stand-in was asked for.
func calls(t *testing.T, bin string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(bin, "calls"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Count(string(text), "pip install")
}

func ensure(t *testing.T, s *Store, env Env) string {
	t.Helper()
	python, err := s.Ensure(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	return python
}

func TestAnEnvironmentIsInstalledOnce(t *testing.T) {
	s, bin := newTestStore(t)
	env := Env{Name: "mlserver", Requirements: []string{"mlserver==1.7.1", "yake==0.7.3"}}
	first := ensure(t, s, env)
	second := ensure(t, s, env)
	if first != second || calls(t, bin) != 1 {
		t.Errorf("got %s and %s with %d installations, want one and the same of one", first, second, calls(t, bin))
	}
	text, err := os.ReadFile(filepath.Join(bin, "requirements"))
	if err != nil || string(text) != "mlserver==1.7.1\nyake==0.7.3\n" {
		t.Errorf("the installer read %q, %v", text, err)
	}
	progress := s.progress.(*lockedBuffer).String()
	if !strings.HasPrefix(progress, "environment mlserver: installing\nenvironment mlserver: installed in ") {
		t.Errorf("progress %q", progress)
	}
}

func TestChangedRequirementsGetAFolderOfTheirOwnAndTheName(t *testing.T) {
	s, _ := newTestStore(t)
	old := ensure(t, s, Env{Name: "e", Requirements: []string{"a==1"}})
	fresh := ensure(t, s, Env{Name: "e", Requirements: []string{"a==2"}})
	if old == fresh {
		t.Fatalf("both are %s", old)
	}
	target, err := filepath.EvalSymlinks(filepath.Join(s.dir, "e"))
	if err != nil || interpreter(target) != fresh {
		t.Errorf("the name leads to %s, %v; want %s", target, err, fresh)
	}
	if again := ensure(t, s, Env{Name: "e", Requirements: []string{"a==1"}}); again != old {
		t.Errorf("the old one is %s now, was %s", again, old)
	}
}

func TestAnInterruptedInstallationIsBegunAgain(t *testing.T) {
	s, bin := newTestStore(t)
	env := Env{Name: "e", Requirements: []string{"a"}}
	dir := filepath.Dir(filepath.Dir(ensure(t, s, env)))
	half := filepath.Join(dir, "half-written")
	if err := errors.Join(os.Remove(filepath.Join(dir, marker)), os.WriteFile(half, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	ensure(t, s, env)
	if _, err := os.Stat(half); err == nil || calls(t, bin) != 2 {
		t.Errorf("%d installations, and what was left is there: %v", calls(t, bin), err == nil)
	}
}

func TestAFailureHasTheInstallersWordsAndIsTriedAgain(t *testing.T) {
	s, bin := newTestStore(t)
	fail := filepath.Join(bin, "fail")
	if err := os.WriteFile(fail, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	env := Env{Name: "e", Requirements: []string{"vader"}}
	if _, err := s.Ensure(t.Context(), env); err == nil || !strings.Contains(err.Error(), "prepare environment e: uv pip install") || !strings.Contains(err.Error(), "no version of vader matches") {
		t.Errorf("error %v", err)
	}
	if err := os.Remove(fail); err != nil {
		t.Fatal(err)
	}
	ensure(t, s, env)
}

func TestOfManyAtOnceOneInstalls(t *testing.T) {
	s, bin := newTestStore(t)
	env := Env{Name: "e", Requirements: []string{"a"}}
	var wg sync.WaitGroup
	for range 8 {
		// Each has a lock file descriptor of its own, as another process would.
		wg.Go(func() {
			if _, err := s.Ensure(t.Context(), env); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if calls(t, bin) != 1 {
		t.Errorf("%d installations, want 1", calls(t, bin))
	}
}

func TestWhoWaitsForTheLockGivesUpWithItsContext(t *testing.T) {
	s, _ := newTestStore(t)
	env := Env{Name: "e", Requirements: []string{"a"}}
	held, err := lock(t.Context(), filepath.Join(s.dir, env.folder()+".lock"), func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := ensureUntilItWaits(t, s, env); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}

func TestAnInstallerThatIsStillAtItKeepsTheLock(t *testing.T) {
	s, bin := newTestStore(t)
	linger := filepath.Join(bin, "linger")
	if err := os.WriteFile(linger, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	env := Env{Name: "e", Requirements: []string{"a"}}
	dir := filepath.Dir(filepath.Dir(ensure(t, s, env)))
	text, err := os.ReadFile(linger)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(linger), os.Remove(filepath.Join(dir, marker))); err != nil {
		t.Fatal(err)
	}
	if err := ensureUntilItWaits(t, s, env); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v: want that it waits for the process that was left behind", err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.progress = new(lockedBuffer)
	ensure(t, s, env)
}

// ensureUntilItWaits gives up as soon as there is something to wait for.
func ensureUntilItWaits(t *testing.T, s *Store, env Env) error {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.progress = writerFunc(func(p []byte) (int, error) {
		if bytes.Contains(p, []byte("waiting for another process")) {
			cancel()
		}
		return len(p), nil
	})
	_, err := s.Ensure(ctx, env)
	return err
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// lockedBuffer is progress that several installations write.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
