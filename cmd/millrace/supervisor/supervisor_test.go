package supervisor

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAServerIsReadyOnAPortThatWasChosenForIt(t *testing.T) {
	h := newHouse(t)
	h.start(t, python("sentiment", "WORD=good", "DELAY=0.2"))
	h.ready(t)

	r, _ := h.awaitState(t, 0, "sentiment", Ready)
	if r.HTTP == 0 || r.GRPC != 0 || r.PID == 0 || r.Took < 200*time.Millisecond {
		t.Errorf("report %+v: want a port, no gRPC port, a pid, and the time that it took", r)
	}
	if len(r.Addresses) != 1 || r.Addresses[0].HTTP != r.HTTP {
		t.Errorf("addresses %v: want the one of port %d", r.Addresses, r.HTTP)
	}
	if got := say(t, r.HTTP); got != "good" {
		t.Errorf("it said %q, want good", got)
	}
	if log := h.log.String(); !strings.Contains(log, "sentiment | listening on ") || !strings.Contains(log, "sentiment | ready in ") {
		t.Errorf("log %q: want the server's line and the supervisor's, both with the name in front", log)
	}
}

func TestReplicasHaveTheirOwnPortsAndNames(t *testing.T) {
	h := newHouse(t)
	spec := python("readability", "WORD={replica}")
	spec.Replicas = 2
	h.start(t, spec)
	h.ready(t)

	r, _ := h.await(t, 0, "two addresses", func(r Report) bool { return len(r.Addresses) == 2 })
	for _, a := range r.Addresses {
		if got, want := say(t, a.HTTP), string(rune('0'+a.Replica)); got != want {
			t.Errorf("replica %d said %q", a.Replica, got)
		}
	}
	if log := h.log.String(); !strings.Contains(log, "readability-0 | ") || !strings.Contains(log, "readability-1 | ") {
		t.Errorf("log %q: want a name for each replica", log)
	}
}

func TestAServerThatDiesIsStartedAgainAndItsAddressIsGoneMeanwhile(t *testing.T) {
	h := newHouse(t)
	h.start(t, python("toxicity"))
	first, n := h.awaitState(t, 0, "toxicity", Ready)
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	exited, n := h.awaitState(t, n, "toxicity", Exited)
	if len(exited.Addresses) != 0 || exited.Err == nil || !strings.Contains(exited.Err.Error(), "ended by signal 9") {
		t.Errorf("report %+v: want no address, and the signal in the error", exited)
	}
	second, _ := h.awaitState(t, n, "toxicity", Ready)
	if second.PID == first.PID || second.HTTP != first.HTTP {
		t.Errorf("started again as %+v: want another pid and the same port as %+v", second, first)
	}
}

func TestAServerThatCannotRunSaysWhyInItsLastWords(t *testing.T) {
	h := newHouse(t)
	h.start(t, python("broken", "FAIL=no module called vader"))
	r, n := h.awaitState(t, 0, "broken", Exited)
	if r.Err == nil || !strings.Contains(r.Err.Error(), "exit code 1; its last words: no module called vader") {
		t.Errorf("error %v: want the code and the last line of its output", r.Err)
	}
	h.awaitState(t, n+1, "broken", Exited) // it is tried again

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.WaitReady(ctx); err == nil || !strings.Contains(err.Error(), "broken is ") {
		t.Errorf("WaitReady: %v: want the server that is not ready", err)
	}
}

func TestStopLeavesNoDescendantNotEvenOneThatLeftTheGroup(t *testing.T) {
	h := newHouse(t)
	file := filepath.Join(t.TempDir(), "child")
	h.start(t, python("keywords", "CHILD="+file))
	h.ready(t)
	r, _ := h.awaitState(t, 0, "keywords", Ready)
	child := readPID(t, file)
	h.Stop()
	awaitGone(t, r.PID)
	awaitGone(t, child)
	if last := h.all()[len(h.all())-1]; last.State != Stopped || len(last.Addresses) != 0 {
		t.Errorf("last report %+v: want stopped and no address", last)
	}
}

func TestAServerThatIgnoresSIGTERMIsKilledAfterItsGrace(t *testing.T) {
	h := newHouse(t)
	spec := python("stubborn", "STUBBORN=1")
	spec.Grace = 100 * time.Millisecond
	h.start(t, spec)
	r, _ := h.awaitState(t, 0, "stubborn", Ready)
	h.Stop()
	awaitGone(t, r.PID)
	if !strings.Contains(h.log.String(), "did not end within 100ms of SIGTERM") {
		t.Errorf("log %q: want a line about the kill", h.log)
	}
}

func TestAServerThatIsNeverReadyIsStartedAgain(t *testing.T) {
	h := newHouse(t)
	spec := python("slow", "DELAY=3600")
	spec.Ready.Timeout = 300 * time.Millisecond
	h.start(t, spec)
	r, n := h.awaitState(t, 0, "slow", Exited)
	if r.Err == nil || !strings.Contains(r.Err.Error(), "was not ready within 300ms") {
		t.Errorf("error %v: want the limit", r.Err)
	}
	h.awaitState(t, n, "slow", Starting)
}

func TestATakenFixedPortIsNamedWithItsOwner(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	h := newHouse(t)
	spec := python("fixed")
	spec.Ports = map[string]int{HTTPPort: port}
	h.start(t, spec)
	r, n := h.awaitState(t, 0, "fixed", Failed)
	self := describe("self")
	_, self, _ = strings.Cut(self, " (")
	if text := r.Err.Error(); !strings.Contains(text, "is taken by pid ") || !strings.Contains(text, self) {
		t.Errorf("error %q: want this very process, %s", text, self)
	}
	l.Close()
	if r, _ = h.awaitState(t, n, "fixed", Ready); r.HTTP != port {
		t.Errorf("ready on %d once the port was free, want %d", r.HTTP, port)
	}
}

func TestAKilledGuardTakesItsServerAlong(t *testing.T) {
	h := newHouse(t)
	h.start(t, python("guarded"))
	r, n := h.awaitState(t, 0, "guarded", Ready)
	if err := syscall.Kill(parentOf(t, r.PID), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, r.PID)
	h.awaitState(t, n, "guarded", Ready)
}

func TestTheEndOfStartsContextStopsTheServers(t *testing.T) {
	h := newHouse(t)
	ctx, cancel := context.WithCancel(t.Context())
	if err := h.Start(ctx, []Spec{python("a")}); err != nil {
		t.Fatal(err)
	}
	r, n := h.awaitState(t, 0, "a", Ready)
	cancel()
	h.awaitState(t, n, "a", Stopped)
	awaitGone(t, r.PID)
}

// parentOf reads a process's parent from /proc.
func parentOf(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", itoa(pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "PPid:\t")
	line, _, _ := strings.Cut(rest, "\n")
	return atoi(t, line)
}
