package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/millrace/millrace/conformance/checkout"
)

// environments are what the samples' binding file names.
var environments = []string{"fastapi", "kserve", "mlserver", "seldon"}

// place is where the demo works.
type place struct {
	checkout string
	binary   string // millrace
	scratch  string // of this run
	samples  string // the copy that is served and edited
}

func (p *place) log() string   { return filepath.Join(p.scratch, "servers.log") }
func (p *place) told() string  { return filepath.Join(p.scratch, "up.txt") }
func (p *place) ready() string { return filepath.Join(p.scratch, "ready.json") }

// shown is a path as one types it in the checkout.
func (p *place) shown(path string) string {
	if rel, err := filepath.Rel(p.checkout, path); err == nil {
		return rel
	}
	return path
}

// prepare builds and installs what is missing, showing progress, and copies the samples.
func prepare(ctx context.Context, out io.Writer) (*place, error) {
	root, err := checkout.Root()
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(root, ".cache", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return nil, fmt.Errorf("build millrace: %w", err)
	}
	p := &place{checkout: root, binary: filepath.Join(bin, "millrace")}
	began := time.Now()
	if err := p.command(ctx, out, "go", "build", "-o", bin, "./cmd/millrace", "./conformance/environment"); err != nil {
		return nil, fmt.Errorf("build millrace: %w", err)
	}
	fmt.Fprintf(out, "built millrace in %.1f s\n", time.Since(began).Seconds())
	began = time.Now()
	if err := p.command(ctx, out, filepath.Join(bin, "environment"), environments...); err != nil {
		return nil, fmt.Errorf("prepare the Python environments: %w", err)
	}
	fmt.Fprintf(out, "prepared the Python environments in %.1f s\n", time.Since(began).Seconds())
	base := filepath.Join(root, ".cache", "demo")
	if err := clean(base, out); err != nil {
		return nil, err
	}
	if p.scratch, err = os.MkdirTemp(base, "run-"); err != nil {
		return nil, fmt.Errorf("make a scratch directory: %w", err)
	}
	p.samples = filepath.Join(p.scratch, "samples")
	if err := os.CopyFS(p.samples, os.DirFS(filepath.Join(root, "deploy", "samples"))); err != nil {
		return nil, fmt.Errorf("copy the samples: %w", err)
	}
	return p, nil
}

// command runs a command of the toolchain in the checkout; its output is progress.
func (p *place) command(ctx context.Context, out io.Writer, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stderr = p.checkout, out
	cmd.WaitDelay = 5 * time.Second
	return cmd.Run()
}

// clean removes what earlier runs left, apart from those that were kept running.
func clean(base string, out io.Writer) error {
	if err := os.MkdirAll(base, 0o755); err != nil {
		return fmt.Errorf("make a scratch directory: %w", err)
	}
	old, err := filepath.Glob(filepath.Join(base, "run-*"))
	if err != nil {
		return err
	}
	for _, dir := range old {
		text, err := os.ReadFile(filepath.Join(dir, "pid"))
		pid, bad := strconv.Atoi(strings.TrimSpace(string(text)))
		if err == nil && bad == nil && syscall.Kill(pid, 0) == nil {
			fmt.Fprintf(out, "an earlier demo still runs; stop it with: kill %d\n", pid)
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove an earlier run: %w", err)
		}
	}
	return nil
}
