package contender

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of /proc/PID/stat: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// Usage is what the system has counted of a process and its children so far.
type Usage struct {
	// User and System are to 10 ms; CPU is their sum to the nanosecond.
	User, System, CPU time.Duration
	// Wakeups are how often one of its threads began to wait.
	Wakeups int64
	// Memory is what is resident now, bytes.
	Memory int64
}

// Minus is the usage since before; Memory is that of u.
func (u Usage) Minus(before Usage) Usage {
	u.User, u.System, u.CPU, u.Wakeups = u.User-before.User, u.System-before.System, u.CPU-before.CPU, u.Wakeups-before.Wakeups
	return u
}

// Usage reads /proc; there is none but on Linux.
func (p *Process) Usage() (Usage, error) {
	var u Usage
	if err := u.add(p.PID()); err != nil {
		return u, fmt.Errorf("measure %s: %w", filepath.Base(p.cmd.Path), err)
	}
	return u, nil
}

// add adds a process and its children.
func (u *Usage) add(pid int) error {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return err
	}
	// The second field is the command in parentheses, which may hold blanks.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 22 {
		return fmt.Errorf("read %s/stat: %d fields", dir, len(fields))
	}
	for _, f := range []struct {
		at   int
		into *time.Duration
	}{{11, &u.User}, {12, &u.System}} {
		n, err := strconv.ParseInt(string(fields[f.at]), 10, 64)
		if err != nil {
			return fmt.Errorf("read %s/stat: %w", dir, err)
		}
		*f.into += time.Duration(n) * tick
	}
	pages, err := strconv.ParseInt(string(fields[21]), 10, 64)
	if err != nil {
		return fmt.Errorf("read %s/stat: %w", dir, err)
	}
	u.Memory += pages * int64(os.Getpagesize())
	threads, err := filepath.Glob(filepath.Join(dir, "task", "*"))
	if err != nil {
		return err
	}
	for _, t := range threads {
		u.thread(t)
	}
	children, err := os.ReadFile(filepath.Join(dir, "task", strconv.Itoa(pid), "children"))
	if err != nil {
		return err
	}
	for _, child := range strings.Fields(string(children)) {
		n, err := strconv.Atoi(child)
		if err != nil {
			return fmt.Errorf("read the children of %d: %w", pid, err)
		}
		if err := u.add(n); err != nil {
			return err
		}
	}
	return nil
}

// thread adds a thread, unless it has just ended.
func (u *Usage) thread(dir string) {
	if text, err := os.ReadFile(filepath.Join(dir, "schedstat")); err == nil {
		first, _, _ := strings.Cut(string(text), " ")
		if n, err := strconv.ParseInt(first, 10, 64); err == nil {
			u.CPU += time.Duration(n)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "status")); err == nil {
		if _, rest, ok := bytes.Cut(text, []byte("\nvoluntary_ctxt_switches:\t")); ok {
			value, _, _ := bytes.Cut(rest, []byte("\n"))
			if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
				u.Wakeups += n
			}
		}
	}
}
