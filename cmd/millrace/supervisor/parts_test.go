package supervisor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPausesGrowToTheLongestAndNeverBeyond(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b backoff
		for i := range rapid.IntRange(1, 100).Draw(t, "failures") {
			full := longest
			if i < 10 {
				full = min(firstPause<<i, longest)
			}
			if got := b.next(); got <= full/2-time.Millisecond || got > full {
				t.Fatalf("pause %d is %v, want more than half of %v and no more than it", i, got, full)
			}
		}
		b.reset()
		if got := b.next(); got > firstPause {
			t.Fatalf("pause after a reset is %v", got)
		}
	})
}

func TestAPortIsHandedOutToOneHolderAtATime(t *testing.T) {
	p := &ports{held: make(map[int]struct{})}
	seen := make(map[int]bool)
	for range 50 {
		got, err := p.take([]string{"grpc_port", "port"}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, port := range got {
			if seen[port] || port < firstPort || port >= firstPort+portCount {
				t.Fatalf("port %d a second time, or out of range", port)
			}
			seen[port] = true
		}
	}
}

func TestAReplicaKeepsItsPortsUnlessTheyAreTaken(t *testing.T) {
	p := &ports{held: make(map[int]struct{})}
	first, err := p.take([]string{"port"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := p.take([]string{"port"}, nil, first)
	if err != nil || other["port"] == first["port"] {
		t.Fatalf("got %v, %v: want another port while the first is held", other, err)
	}
	p.release(first)
	again, err := p.take([]string{"port"}, nil, first)
	if err != nil || again["port"] != first["port"] {
		t.Fatalf("got %v, %v: want %v again", again, err, first)
	}
}

func TestTheLogHasWholeLinesWithANameInFront(t *testing.T) {
	var out strings.Builder
	l := &log{out: &out}
	long := strings.Repeat("x", maxLine+10)
	l.copy("mls", strings.NewReader("one\r\n\ntwo\n"+long+"\nno end"), nil)
	want := "mls | one\nmls | two\nmls | " + long[:maxLine] + "\nmls | xxxxxxxxxx\nmls | no end\n"
	if out.String() != want {
		t.Errorf("got %d bytes, want %d: %.80q", out.Len(), len(want), out.String())
	}
}

func TestACommandIsLookedUpInTheEnvironmentFirst(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"python", "sh", "mlserver"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	python := filepath.Join(bin, "python")
	for name, c := range map[string]struct{ command, python, want, wrong string }{
		"the interpreter":                  {command: "python", python: python, want: python},
		"a program of the environment":     {command: "mlserver", python: python, want: filepath.Join(bin, "mlserver")},
		"the environment's before PATH's":  {command: "sh", python: python, want: filepath.Join(bin, "sh")},
		"a relative path is below the dir": {command: "./bin/mlserver", want: filepath.Join(bin, "mlserver")},
		"missing from both":                {command: "no-such-server", python: python, wrong: "add its package to the requirements"},
		"missing without an environment":   {command: "no-such-server", wrong: "not on PATH"},
		"not executable":                   {command: "./notes.txt", wrong: "chmod +x"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := lookUp(c.command, dir, c.python)
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("error %v, want %q in it", err, c.wrong)
			}
		})
	}
}

func TestAMissingFolderOrProgramIsAnErrorThatSaysSo(t *testing.T) {
	h := newHouse(t)
	nowhere := python("nowhere")
	nowhere.Dir = "/no/such/folder"
	h.start(t, nowhere, Spec{Name: "nothing", Command: []string{"no-such-server", "{port}"}})
	for server, want := range map[string]string{"nowhere": "folder /no/such/folder: it is not there", "nothing": "not on PATH"} {
		r, _ := h.awaitState(t, 0, server, Failed)
		if !strings.Contains(r.Err.Error(), want) {
			t.Errorf("error %v: want %q in it", r.Err, want)
		}
	}
}
