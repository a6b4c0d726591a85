package supervisor

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// guardName is the name under which this binary is started again to be a server's guard, and what ps shows.
const guardName = "millrace-guard"

// The bytes that the supervisor writes into the guard's control pipe. The end of the pipe means kill.
const (
	controlTerm = 'T'
	controlKill = 'K'
)

// The file descriptors that the guard is started with: the control pipe is its standard input, its standard output and
// error are the server's, and on guardReport it says the server's pid or why there is none.
const guardReport = 3

// lastGrace is what the processes that a server leaves behind have, from its end, to end as well.
const lastGrace = time.Second

// exitNotStarted is the guard's exit code where there was no server to wait for.
const exitNotStarted = 125

// init turns the process into a guard where it was started as one. It is an init so that no program and no test binary
// that links this package can forget it: one that did would run itself again instead of a guard. The main goroutine
// is locked to the main thread here, which Pdeathsig needs: it is bound to the thread that forked.
func init() {
	if len(os.Args) > 2 && os.Args[0] == guardName {
		os.Exit(guard(os.Args[1], os.Args[2:]))
	}
}

// guard starts argv with path as its program, obeys the control pipe until the server has ended, and leaves no descendant
// of it. It returns the exit code: the server's, or 128 and the number of the signal that ended it.
func guard(path string, argv []string) int {
	report := os.NewFile(guardReport, "report")
	unix.CloseOnExec(guardReport)
	unix.CloseOnExec(0)
	// To end is the supervisor's decision; a guard that obeyed a signal would orphan its server. They are caught and
	// dropped, not ignored: the server would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)

	pid, err := spawn(path, argv)
	if err != nil {
		fmt.Fprintf(report, "%v\n", err)
		report.Close()
		return exitNotStarted
	}
	fmt.Fprintf(report, "pid %d\n", pid)
	report.Close()

	w := &ward{pid: pid}
	go w.obey()
	return w.reap()
}

// spawn starts the server in a process group of its own. Orphans of the server become the guard's children, so that
// they can be found though they left the group.
func spawn(path string, argv []string) (int, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("become the reaper: %w", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	pid, err := syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{null.Fd(), 1, 2},
		// Should somebody kill the guard itself, its server goes with it.
		Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", path, err)
	}
	return pid, nil
}

// ward is the server as its guard sees it.
type ward struct {
	pid    int
	asked  atomic.Bool // the supervisor has asked it to end
	doomed atomic.Bool // whatever is left of it is killed on sight
}

// obey passes on what the supervisor asks for. When the supervisor is gone the pipe ends, and so does the server. SIGTERM
// goes to the server's own process alone, as in a container: servers of many processes end theirs in their own order.
func (w *ward) obey() {
	var b [1]byte
	for {
		n, err := os.Stdin.Read(b[:])
		switch {
		case n == 1 && b[0] == controlTerm:
			w.asked.Store(true)
			_ = syscall.Kill(w.pid, syscall.SIGTERM)
		case n == 1 && b[0] == controlKill, err != nil:
			w.kill()
			return
		}
	}
}

// kill ends all that is there, and what comes to light later.
func (w *ward) kill() {
	w.doomed.Store(true)
	w.signal(syscall.SIGKILL)
}

// signal sends sig to the server's group and to the orphans that left it.
func (w *ward) signal(sig syscall.Signal) {
	_ = syscall.Kill(-w.pid, sig)
	for _, child := range childrenOf(os.Getpid()) {
		_ = syscall.Kill(child, sig)
	}
}

// reap waits for the server and ends what it left behind, and returns its exit code. A server that was asked to end may
// leave processes that are still at it: they get SIGTERM, and a moment.
func (w *ward) reap() int {
	code := 0
	for {
		var status syscall.WaitStatus
		got, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil: // ECHILD: nobody is left
			return code
		case got == w.pid:
			if code = status.ExitStatus(); status.Signaled() {
				code = 128 + int(status.Signal())
			}
			if w.asked.Load() {
				w.signal(syscall.SIGTERM)
				time.AfterFunc(lastGrace, w.kill)
			} else {
				w.kill()
			}
		case w.doomed.Load():
			// Each death may make more orphans; Wait4 comes back here for every one.
			w.kill()
		}
	}
}
