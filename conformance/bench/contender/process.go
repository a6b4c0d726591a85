package contender

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	lookEvery   = 10 * time.Millisecond
	startWithin = 30 * time.Second
)

// Process is a running contender. Its methods are for one goroutine.
type Process struct {
	// Address is host:port where it serves; Path is where it serves the job.
	Address, Path string
	// Admin is host:port of its admin page, empty where it has none.
	Admin string

	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed when it is gone
	err   error         // how it ended; set before ended is closed
}

// run starts a program in the job's folder with its output in a file there.
func run(j Job, environment []string, name string, arguments ...string) (*Process, error) {
	p := &Process{log: filepath.Join(j.Dir, "output.txt"), ended: make(chan struct{}), Path: "/v2/models/echo/infer"}
	if j.Duty == PassGRPC {
		p.Path = "/inference.GRPCInferenceService/ModelInfer"
	}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer out.Close()
	p.cmd = exec.Command(name, arguments...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = j.Dir, out, out
	p.cmd.Env = append(os.Environ(), environment...)
	p.cmd.SysProcAttr = attributes()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// listening waits until the process accepts connections at its address; it stops one that does not.
func (p *Process) listening(ctx context.Context) (*Process, error) {
	return p.ready(ctx, func() (bool, error) {
		conn, err := net.DialTimeout("tcp", p.Address, time.Second)
		if err != nil {
			return false, nil
		}
		return true, conn.Close()
	})
}

// ready waits until look says so.
func (p *Process) ready(ctx context.Context, look func() (bool, error)) (*Process, error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		ok, err := look()
		if ok && err == nil {
			return p, nil
		}
		if err == nil {
			select {
			case <-tick.C:
				continue
			case <-p.ended:
				err = fmt.Errorf("it ended: %v", p.err)
			case <-ctx.Done():
				err = context.Cause(ctx)
			}
		}
		return nil, errors.Join(fmt.Errorf("start %s: %w\n%s", filepath.Base(p.cmd.Path), err, p.Output()), p.Stop())
	}
}

// Output is the end of what it wrote.
func (p *Process) Output() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// PID is the process's id; it may have children.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop kills it and its children: how a peer stops is not compared, and some take half a minute.
func (p *Process) Stop() error {
	if err := kill(p.PID()); err != nil {
		select {
		case <-p.ended: // it was gone already
		default:
			return fmt.Errorf("stop %s: %w", filepath.Base(p.cmd.Path), err)
		}
	}
	<-p.ended
	return nil
}
