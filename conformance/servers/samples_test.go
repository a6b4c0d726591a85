package servers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/millrace/millrace/cmd/millrace/supervisor"
	"github.com/millrace/millrace/cmd/millrace/supervisor/pyenv"
	"github.com/millrace/millrace/cmd/millrace/supervisor/pyserve"
)

// binding is one entry of the samples' binding file.
type binding struct {
	Environment string            `yaml:"environment"`
	Command     []string          `yaml:"command"`
	Env         map[string]string `yaml:"env"`
	Ready       string            `yaml:"ready"`
	Replicas    int               `yaml:"replicas"`
	Server      string            `yaml:"server"`
}

const samples = "../../deploy/samples"

// specs is what the binding file says, a function's contract apart.
func specs(t *testing.T) []supervisor.Spec {
	t.Helper()
	dir, err := filepath.Abs(samples)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "millrace.local.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var bindings map[string]binding
	if err := yaml.Unmarshal(text, &bindings); err != nil {
		t.Fatal(err)
	}
	var list []supervisor.Spec
	for name, b := range bindings {
		if b.Server != "" {
			if _, ok := bindings[b.Server]; !ok {
				t.Errorf("%s is bound to %s, which is not there", name, b.Server)
			}
			continue
		}
		spec := supervisor.Spec{Name: name, Command: b.Command, Dir: dir, Replicas: b.Replicas, Env: b.Env, Environment: b.Environment, Ready: supervisor.Probe{Path: b.Ready}}
		if name == "topic" {
			spec.Function = &pyserve.Function{
				Model: "topic", File: filepath.Join(dir, "models/topic/topic.py"), Name: "predict",
				Inputs:  []pyserve.Tensor{{Name: "message", Datatype: "BYTES"}},
				Outputs: []pyserve.Tensor{{Name: "topic", Datatype: "BYTES"}, {Name: "confidence", Datatype: "FP64"}},
			}
		}
		if spec.Ready.Path == "" {
			spec.Ready.Path = "/v2/health/ready"
		}
		list = append(list, spec)
	}
	return list
}

// environments prepares what the specs need, all of it before the clock of any server starts.
func environments(t *testing.T, specs []supervisor.Spec) {
	t.Helper()
	store := pyenv.NewStore("../../.cache/python", t.Output())
	done := make(map[string]bool)
	for _, spec := range specs {
		if done[spec.Environment] {
			continue
		}
		done[spec.Environment] = true
		env, err := pyenv.ReadFile(spec.Environment + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Ensure(t.Context(), env); err != nil {
			t.Fatal(err)
		}
	}
}

// up starts all samples and returns the addresses of their ready replicas by server. What each needs is logged.
func up(t *testing.T) map[string][]supervisor.Address {
	t.Helper()
	list := specs(t)
	environments(t, list)
	var mu sync.Mutex
	addresses := make(map[string][]supervisor.Address)
	pids := make(map[string]int)
	var log strings.Builder
	s, err := supervisor.New(supervisor.Options{
		Log:   &log,
		Cache: t.TempDir(),
		Report: func(r supervisor.Report) {
			mu.Lock()
			defer mu.Unlock()
			addresses[r.Server] = r.Addresses
			if r.State == supervisor.Ready {
				t.Logf("%s replica %d: ready in %.1f s", r.Server, r.Replica, r.Took.Seconds())
				pids[fmt.Sprintf("%s replica %d", r.Server, r.Replica)] = r.PID
			}
			if r.Err != nil {
				t.Logf("%s: %v", r.Server, r.Err)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for name, pid := range pids {
			t.Logf("%s: %.0f MiB", name, memory(pid))
		}
		s.Stop()
		if t.Failed() {
			t.Logf("log:\n%s", log.String())
		}
	})
	if err := s.Start(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := s.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	return addresses
}
