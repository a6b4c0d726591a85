package main

import (
	"bytes"
	"flag"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files")

// samples are the sample objects of the repository.
const samples = "../../deploy/samples"

// here is the folder of the tests, whatever folder a test changes to.
var here, _ = os.Getwd()

// result is what a command line came to.
type result struct {
	code     int
	out, err string
}

// run runs a command line as main does; with terminal set a person reads its output.
func run(t *testing.T, in string, terminal bool, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := execute(t.Context(), streams{in: strings.NewReader(in), out: &out, err: &errs, terminal: terminal}, args)
	return result{code, out.String(), errs.String()}
}

// golden compares text with a file in testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(here, "testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s: got:\n%s\nwant:\n%s", file, text, want)
	}
}

// fileOf makes a file in a folder of the test's own.
func fileOf(t *testing.T, name, text string) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return at
}

// busy returns an address that somebody listens at.
func busy(t *testing.T) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lis.Close() })
	return lis.Addr().String()
}

// teller is an output whose lines a test waits for.
type teller struct {
	mu      sync.Mutex
	text    string
	changed chan struct{}
}

func newTeller() *teller { return &teller{changed: make(chan struct{})} }

func (w *teller) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text += string(p)
	close(w.changed)
	w.changed = make(chan struct{})
	return len(p), nil
}

// await returns the first whole line that has want in it.
func (w *teller) await(t *testing.T, want string) string {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		w.mu.Lock()
		text, changed := w.text, w.changed
		w.mu.Unlock()
		for line := range strings.Lines(text) {
			if strings.Contains(line, want) && strings.HasSuffix(line, "\n") {
				return strings.TrimSuffix(line, "\n")
			}
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%q was never said; it said:\n%s", want, text)
		}
	}
}
