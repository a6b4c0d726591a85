package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// asParent makes the test binary a supervisor of its own that is there to be killed; see TestAKilledSupervisor….
const asParent = "SUPERVISOR_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(asParent) != "" {
		parentMain()
		return
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what should come soon.
const patience = 30 * time.Second

// house is a supervisor with its log and everything that it has reported.
type house struct {
	*Supervisor
	log *buffer

	mu      sync.Mutex
	reports []Report
	changed chan struct{}
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{log: new(buffer), changed: make(chan struct{})}
	s, err := New(Options{Log: h.log, Report: h.add, Cache: t.TempDir(), Drain: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	h.Supervisor = s
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("log:\n%s", h.log)
		}
	})
	return h
}

func (h *house) add(r Report) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reports = append(h.reports, r)
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *house) all() []Report {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.reports)
}

// await returns the first report from the nth on that is as wanted, and its number.
func (h *house) await(t *testing.T, n int, what string, wanted func(Report) bool) (Report, int) {
	t.Helper()
	deadline := time.After(patience)
	for {
		h.mu.Lock()
		reports, changed := h.reports, h.changed
		h.mu.Unlock()
		for ; n < len(reports); n++ {
			if wanted(reports[n]) {
				return reports[n], n
			}
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("no report of %s; there were %+v", what, reports)
		}
	}
}

func (h *house) awaitState(t *testing.T, n int, server string, state State) (Report, int) {
	t.Helper()
	return h.await(t, n, server+" "+state.String(), func(r Report) bool { return r.Server == server && r.State == state })
}

func (h *house) start(t *testing.T, specs ...Spec) {
	t.Helper()
	if err := h.Start(t.Context(), specs); err != nil {
		t.Fatal(err)
	}
}

func (h *house) ready(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := h.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

// python is a Spec of the test server, with NAME=value variables.
func python(name string, env ...string) Spec {
	script, err := filepath.Abs("testdata/server.py")
	if err != nil {
		panic(err)
	}
	variables := make(map[string]string)
	for _, e := range env {
		key, value, _ := strings.Cut(e, "=")
		variables[key] = value
	}
	return Spec{Name: name, Command: []string{"python", script, "{port}"}, Env: variables, Ready: Probe{Path: "/ready"}}
}

// say asks the server on port for its word.
func say(t *testing.T, port int) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/word", port))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// awaitGone waits until no process has the pid. A zombie is gone: whoever adopted it has yet to look.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	eventually(t, fmt.Sprintf("pid %d is gone", pid), func() bool {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return true
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || bytes.Contains(text, []byte(") Z "))
	})
}

// eventually polls what has no event to wait for.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never came true: %s", what)
		}
	}
}

// readPID waits for a file with a pid in it.
func readPID(t *testing.T, path string) int {
	t.Helper()
	pid := 0
	eventually(t, path+" has a pid", func() bool {
		text, err := os.ReadFile(path)
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	})
	return pid
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
