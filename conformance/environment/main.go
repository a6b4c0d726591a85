package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"github.com/millrace/millrace/cmd/millrace/supervisor/pyenv"
	"github.com/millrace/millrace/conformance/checkout"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "environment:", err)
		os.Exit(1)
	}
}

// run prepares the environments of names, all of them where there is none.
func run(ctx context.Context, names []string, stdout, stderr io.Writer) error {
	root, err := checkout.Root()
	if err != nil {
		return err
	}
	servers := filepath.Join(root, "conformance", "servers")
	if len(names) == 0 {
		if names, err = known(servers); err != nil {
			return err
		}
	}
	store := pyenv.NewStore(filepath.Join(root, ".cache", "python"), stderr)
	for _, name := range names {
		env, err := pyenv.ReadFile(filepath.Join(servers, name+".txt"))
		if errors.Is(err, fs.ErrNotExist) {
			all, _ := known(servers)
			return fmt.Errorf("no environment %q; there are %s", name, strings.Join(all, ", "))
		}
		if err != nil {
			return err
		}
		python, err := store.Ensure(ctx, env)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%s\t%s\n", name, python)
	}
	return nil
}

// known lists the environments that have a requirements file, in order.
func known(servers string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(servers, "*.txt"))
	if err != nil {
		return nil, fmt.Errorf("list environments: %w", err)
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".txt"))
	}
	sort.Strings(names)
	return names, nil
}
