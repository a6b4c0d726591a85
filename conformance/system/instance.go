package system

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	lookEvery   = 5 * time.Millisecond // how often files and pages are looked at
	startWithin = 3 * time.Minute
	stopWithin  = 40 * time.Second
)

// Instance is a running `millrace up`. Its methods may be called by several goroutines.
type Instance struct {
	// Dir is the folder that is served; tests edit the files in it with [Instance.Edit].
	Dir string
	// Listen, Admin and XDS are host:port of the proxy, its admin page and the control plane.
	Listen, Admin, XDS string

	cmd     *exec.Cmd
	scratch string
	ended   chan struct{} // closed when the process is gone
	err     error         // how it ended; set before ended is closed
	work    sync.WaitGroup
}

// start runs `millrace up` on what fill puts into a folder, and returns once all is serving.
func start(ctx context.Context, fill func(dir string) error) (*Instance, error) {
	binary, err := Binary()
	if err != nil {
		return nil, err
	}
	at, err := scratch()
	if err != nil {
		return nil, err
	}
	i := &Instance{Dir: filepath.Join(at, "objects"), scratch: at, ended: make(chan struct{})}
	if err := errors.Join(os.MkdirAll(i.Dir, 0o755), fill(i.Dir)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(at))
	}
	if err := i.run(binary); err != nil {
		return nil, errors.Join(err, os.RemoveAll(at))
	}
	if err := i.serving(ctx); err != nil {
		return nil, errors.Join(err, i.Stop())
	}
	return i, nil
}

// run starts the process; its output goes to files.
func (i *Instance) run(binary string) error {
	told, err := os.Create(i.told())
	if err != nil {
		return fmt.Errorf("start millrace up: %w", err)
	}
	defer told.Close()
	log, err := os.Create(i.log())
	if err != nil {
		return fmt.Errorf("start millrace up: %w", err)
	}
	defer log.Close()
	i.cmd = exec.Command(binary, "up", i.Dir, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--xds", "127.0.0.1:0", "--ready-file", i.ready())
	i.cmd.Stdout, i.cmd.Stderr = told, log
	i.cmd.SysProcAttr = attributes()
	if err := i.cmd.Start(); err != nil {
		return fmt.Errorf("start millrace up: %w", err)
	}
	i.work.Go(func() {
		i.err = i.cmd.Wait()
		close(i.ended)
	})
	return nil
}

func (i *Instance) told() string  { return filepath.Join(i.scratch, "up.txt") }
func (i *Instance) log() string   { return filepath.Join(i.scratch, "servers.log") }
func (i *Instance) ready() string { return filepath.Join(i.scratch, "ready.json") }

// serving waits for the ready file.
func (i *Instance) serving(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	err := wait(ctx, func() (bool, error) {
		select {
		case <-i.ended:
			return false, fmt.Errorf("it ended: %w", i.err)
		default:
		}
		text, err := os.ReadFile(i.ready())
		if err != nil {
			return false, nil
		}
		var at struct{ Listen, Admin, XDS string }
		if err := json.Unmarshal(text, &at); err != nil {
			return false, fmt.Errorf("its ready file: %w", err)
		}
		i.Listen, i.Admin, i.XDS = at.Listen, at.Admin, at.XDS
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("start millrace up: %w\n%s", err, i.Report())
	}
	return nil
}

// Report is what it told, and the end of what its servers wrote.
func (i *Instance) Report() string {
	told, err := os.ReadFile(i.told())
	if err != nil {
		return err.Error()
	}
	log, err := os.ReadFile(i.log())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return string(told) + strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// URL is an address of the proxy.
func (i *Instance) URL(path string) string { return "http://" + i.Listen + path }

// Stop ends it as a user does, by SIGTERM, and removes its files. An error tells what did not end well: an exit code, a process
// that is still there, a port that is still open.
func (i *Instance) Stop() error {
	servers := i.processes()
	var late error
	_ = i.cmd.Process.Signal(syscall.SIGTERM) // it is gone already where this fails
	select {
	case <-i.ended:
	case <-time.After(stopWithin):
		late = fmt.Errorf("it still ran %v after SIGTERM", stopWithin)
		_ = i.cmd.Process.Kill()
	}
	i.work.Wait()
	err := errors.Join(late, i.err, gone(servers))
	if err != nil {
		err = fmt.Errorf("stop millrace up: %w\n%s", err, i.Report())
	}
	return errors.Join(err, os.RemoveAll(i.scratch))
}

// processes are those of its model servers.
func (i *Instance) processes() []int {
	all, err := i.Servers()
	if err != nil {
		return nil // it did not come so far
	}
	var pids []int
	for _, replicas := range all {
		for _, r := range replicas {
			if pid, err := PID(r.HTTP); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// gone is an error if one of the processes still runs.
func gone(pids []int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, pid := range pids {
		if wait(ctx, func() (bool, error) { return syscall.Kill(pid, 0) != nil, nil }) != nil {
			return fmt.Errorf("the server process %d outlived it", pid)
		}
	}
	return nil
}

// wait looks until done says yes or an error, or ctx ends.
func wait(ctx context.Context, done func() (bool, error)) error {
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lookEvery):
		}
	}
}
