package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// record runs a command that prints the events of `go test -json`, appends them to file, and shows a line a package and
// everything of what failed.
func record(ctx context.Context, file string, command []string, stdout, stderr io.Writer) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("record tests: %w", err)
	}
	defer f.Close()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("record tests: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("record tests: %w", err)
	}
	s := show{out: stdout, pending: make(map[string][]string)}
	lost := s.events(out, f)
	_, rest := io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(command[:min(3, len(command))], " "), err)
	}
	if lost == nil {
		lost = rest
	}
	if lost != nil {
		return fmt.Errorf("record tests: %w", lost)
	}
	return nil
}

// show prints what a person wants to see of events.
type show struct {
	out     io.Writer
	pending map[string][]string // output by package and test, until it is known whether the test fails
}

// events reads events from in, copies them to file but for output, and shows them.
func (s *show) events(in io.Reader, file io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintf(s.out, "%s\n", lines.Bytes()) // the toolchain's own words
			continue
		}
		s.event(e)
		if e.Test == "" || (e.Action != "pass" && e.Action != "fail" && e.Action != "skip" && e.Action != "run") {
			continue
		}
		if _, err := fmt.Fprintf(file, "%s\n", lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (s *show) event(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		io.WriteString(s.out, e.Output)
	case "output":
		s.pending[key] = append(s.pending[key], e.Output)
	case "pass", "skip":
		if e.Test == "" {
			s.verdict(e)
		}
		delete(s.pending, key)
	case "fail":
		if e.Test == "" {
			s.unended(e.Package, key)
		}
		s.flush(key)
	}
}

// unended shows what the tests of a failed package wrote that never ended: the process did before them.
func (s *show) unended(pkg, key string) {
	for _, test := range slices.Sorted(maps.Keys(s.pending)) {
		if test != key && strings.HasPrefix(test, pkg+" ") {
			s.flush(test)
		}
	}
}

func (s *show) flush(key string) {
	for _, line := range s.pending[key] {
		if !strings.HasPrefix(line, "=== ") {
			io.WriteString(s.out, line)
		}
	}
	delete(s.pending, key)
}

// verdict shows a package that passed; the toolchain's line for it is the last of its output.
func (s *show) verdict(e event) {
	lines := s.pending[e.Package+" "]
	if len(lines) > 0 && strings.HasPrefix(lines[len(lines)-1], "ok") {
		io.WriteString(s.out, lines[len(lines)-1])
	}
}
