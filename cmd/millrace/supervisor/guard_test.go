package supervisor

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// parentMain is a program that supervises what it is told to, says the pid of each server that is ready, and waits for
// its death.
func parentMain() {
	var specs []Spec
	if err := json.Unmarshal([]byte(os.Getenv(asParent)), &specs); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	s, err := New(Options{Cache: "unused", Report: func(r Report) {
		if r.State == Ready {
			fmt.Println(r.PID)
		}
	}})
	if err == nil {
		err = s.Start(context.Background(), specs)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	select {}
}

func TestAKilledSupervisorLeavesNoProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "child")
	// One that ignores SIGTERM and has a child outside of its process group, and one that is a shell with a child.
	specs := []Spec{
		python("stubborn", "STUBBORN=1", "CHILD="+file),
		{Name: "shell", Command: []string{"sh", "-c", `python3 "$0" "$1" & wait`, python("").Command[1], "{port}"}},
	}
	text, err := json.Marshal(specs)
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command("/proc/self/exe")
	parent.Env = append(os.Environ(), asParent+"="+string(text))
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []int
	for lines := bufio.NewScanner(out); len(pids) < 2*len(specs); {
		if !lines.Scan() {
			t.Fatalf("the supervisor ended: %v", lines.Err())
		}
		pid := atoi(t, lines.Text())
		pids = append(pids, pid, parentOf(t, pid)) // the server and its guard
	}
	for _, pid := range pids {
		pids = append(pids, childrenOf(pid)...)
	}
	pids = append(pids, readPID(t, file))
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	for _, pid := range pids {
		awaitGone(t, pid)
	}
}
