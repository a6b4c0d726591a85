package supervisor

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// guarded is a running server process with its guard, seen from the supervisor.
type guarded struct {
	pid     int // the server's own, and its process group's
	cmd     *exec.Cmd
	control *os.File      // the write end of the guard's control pipe
	done    chan struct{} // closed when the guard and all below it are gone
	err     error         // why it ended; read after done
}

// launch starts path with argv under a guard. Both outputs go to out, which stays the caller's to close.
func launch(path string, argv, env []string, dir string, out *os.File) (*guarded, error) {
	// Every end that stays here is close-on-exec: a server that inherited another's control pipe would keep it open.
	controlRead, controlWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer controlRead.Close()
	reportRead, reportWrite, err := os.Pipe()
	if err != nil {
		controlWrite.Close()
		return nil, err
	}
	defer reportRead.Close()

	cmd := &exec.Cmd{
		Path:        "/proc/self/exe", // the very binary that runs, even if it was replaced meanwhile
		Args:        append([]string{guardName, path}, argv...),
		Env:         env,
		Dir:         dir,
		Stdin:       controlRead,
		Stdout:      out,
		Stderr:      out,
		ExtraFiles:  []*os.File{reportWrite},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true}, // out of reach of a terminal's signals
	}
	err = cmd.Start()
	reportWrite.Close()
	if err != nil {
		controlWrite.Close()
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	g := &guarded{cmd: cmd, control: controlWrite, done: make(chan struct{})}
	text, err := io.ReadAll(reportRead)
	word, found := strings.CutPrefix(strings.TrimSpace(string(text)), "pid ")
	if err == nil && found {
		g.pid, err = strconv.Atoi(word)
	}
	if err != nil || g.pid == 0 {
		controlWrite.Close()
		waited := cmd.Wait()
		switch {
		case err != nil:
			return nil, fmt.Errorf("start the guard: %w", err)
		case word == "":
			return nil, fmt.Errorf("start the guard: it said nothing: %w", waited)
		}
		return nil, fmt.Errorf("%s", word)
	}
	go g.wait()
	return g, nil
}

// wait waits for the guard. A guard that was itself killed has taken the server's process with it; the rest of the
// server's group goes here.
func (g *guarded) wait() {
	_ = g.cmd.Wait()
	state := g.cmd.ProcessState
	if !state.Exited() {
		_ = syscall.Kill(-g.pid, syscall.SIGKILL)
		g.err = fmt.Errorf("its guard was ended by %v", state)
	} else {
		g.err = exitError(state.ExitCode())
	}
	g.control.Close()
	close(g.done)
}

// exitError says how a server ended. Ending without being asked is a failure whatever the code.
func exitError(code int) error {
	if code > 128 {
		return fmt.Errorf("ended by signal %d (%s)", code-128, syscall.Signal(code-128))
	}
	return fmt.Errorf("ended with exit code %d", code)
}

// terminate asks the server to end.
func (g *guarded) terminate() { _, _ = g.control.Write([]byte{controlTerm}) }

// kill ends the server and all below it.
func (g *guarded) kill() { _, _ = g.control.Write([]byte{controlKill}) }
