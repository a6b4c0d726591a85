package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// lookEvery is how often the output and the ready file are looked at.
const lookEvery = 2 * time.Millisecond

// addresses is what the ready file says.
type addresses struct{ Listen, Admin, XDS string }

// up is a running `millrace up`. Its output goes to files, so that it can outlive the demo.
type up struct {
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process is gone; err is then set
	err    error
	log    string // the file with what servers write
	follow sync.WaitGroup
	addresses

	mu    sync.Mutex
	lines []string // guarded by mu: what it told, without what servers write
}

// start runs `millrace up` on the samples of p, and returns at once. keep lets it outlive this process.
func start(p *place, keep bool) (*up, error) {
	told, err := os.Create(p.told())
	if err != nil {
		return nil, fmt.Errorf("start millrace up: %w", err)
	}
	defer told.Close()
	log, err := os.Create(p.log())
	if err != nil {
		return nil, fmt.Errorf("start millrace up: %w", err)
	}
	defer log.Close()
	u := &up{ended: make(chan struct{}), log: p.log()}
	u.cmd = exec.Command(p.binary, "up", p.shown(p.samples), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--xds", "127.0.0.1:0", "--ready-file", p.ready())
	u.cmd.Dir, u.cmd.Stdout, u.cmd.Stderr = p.checkout, told, log
	u.cmd.SysProcAttr = attributes(keep)
	if err := u.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start millrace up: %w", err)
	}
	if err := os.WriteFile(filepath.Join(p.scratch, "pid"), []byte(strconv.Itoa(u.cmd.Process.Pid)), 0o644); err != nil {
		return nil, err
	}
	u.follow.Go(func() {
		u.err = u.cmd.Wait()
		close(u.ended)
	})
	u.follow.Go(func() { u.read(p.told()) })
	return u, nil
}

// read follows the file of what it told until the process is gone.
func (u *up) read(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	in := bufio.NewReader(f)
	var part string
	for over := false; ; {
		text, err := in.ReadString('\n')
		part += text
		if err == nil {
			u.mu.Lock()
			u.lines = append(u.lines, strings.TrimRight(part, "\r\n"))
			u.mu.Unlock()
			part = ""
			continue
		}
		if over || !errors.Is(err, io.EOF) {
			return
		}
		select {
		case <-u.ended:
			over = true // once more, for its last lines
		case <-time.After(lookEvery):
		}
	}
}

// count is how many lines there are.
func (u *up) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.lines)
}

// since returns the lines from the nth.
func (u *up) since(n int) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]string(nil), u.lines[n:]...)
}

// await waits for a line from the nth on that match likes, and returns the lines up to it.
func (u *up) await(ctx context.Context, n int, within time.Duration, match func(string) bool) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		lines := u.since(n)
		for i, line := range lines {
			if match(line) {
				return lines[:i+1], nil
			}
		}
		select {
		case <-ctx.Done():
			return lines, fmt.Errorf("millrace up did not say what was awaited within %v; it said:\n%s", within, strings.Join(lines, "\n"))
		case <-u.ended:
			return lines, u.gone()
		case <-time.After(lookEvery):
		}
	}
}

// serving waits until the ready file is there and it was told that all serves. told is called with each new line meanwhile.
func (u *up) serving(ctx context.Context, p *place, within time.Duration, told func(string)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for n, all := 0, false; ; {
		text, err := os.ReadFile(p.ready())
		for _, line := range u.since(n) {
			told(line)
			n++
			all = all || strings.HasPrefix(line, "all is serving")
		}
		if err == nil && all {
			if err := json.Unmarshal(text, &u.addresses); err != nil {
				return fmt.Errorf("read the ready file: %w", err)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("millrace up was not ready within %v; it said:\n%s", within, strings.Join(u.since(0), "\n"))
		case <-u.ended:
			return u.gone()
		case <-time.After(lookEvery):
		}
	}
}

// gone is the error of a process that ended though nobody asked for it.
func (u *up) gone() error {
	u.follow.Wait()
	said := u.since(max(0, u.count()-20))
	if log, err := os.ReadFile(u.log); err == nil {
		lines := strings.Split(strings.TrimSpace(string(log)), "\n")
		said = append(said, lines[max(0, len(lines)-10):]...)
	}
	return fmt.Errorf("millrace up ended (%v); it said:\n%s", u.cmd.ProcessState, strings.Join(said, "\n"))
}

// stop asks it to end and waits; the error is of one that does not end well.
func (u *up) stop(within time.Duration) error {
	if err := u.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop millrace up: %w", err)
	}
	select {
	case <-u.ended:
	case <-time.After(within):
		return fmt.Errorf("stop millrace up: it still runs %v after SIGTERM", within)
	}
	u.follow.Wait()
	return u.err
}

// kill ends it whatever it does; its guard ends its servers.
func (u *up) kill() {
	select {
	case <-u.ended:
	default:
		if u.stop(10*time.Second) != nil {
			_ = u.cmd.Process.Kill() // it is gone already where this fails
		}
	}
	u.follow.Wait()
}
