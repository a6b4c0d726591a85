package supervisor

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

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

	go control(pid)
	return reap(pid)
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

// control passes on what the supervisor asks for. When the supervisor is gone the pipe ends, and so does the server.
func control(pid int) {
	var b [1]byte
	for {
		n, err := os.Stdin.Read(b[:])
		switch {
		case n == 1 && b[0] == controlTerm:
			_ = syscall.Kill(-pid, syscall.SIGTERM)
		case n == 1 && b[0] == controlKill, err != nil:
			_ = syscall.Kill(-pid, syscall.SIGKILL)
			return
		}
	}
}

// reap waits for the server, kills what it left behind, and returns its exit code.
func reap(pid int) int {
	code, ended := 0, false
	for {
		var status syscall.WaitStatus
		got, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil: // ECHILD: nobody is left
			return code
		case got == pid:
			ended = true
			if code = status.ExitStatus(); status.Signaled() {
				code = 128 + int(status.Signal())
			}
			_ = syscall.Kill(-pid, syscall.SIGKILL)
		}
		if ended {
			// Each death may make more orphans; Wait4 comes back here for every one.
			for _, child := range childrenOf(os.Getpid()) {
				_ = syscall.Kill(child, syscall.SIGKILL)
			}
		}
	}
}
