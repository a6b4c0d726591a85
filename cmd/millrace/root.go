package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// errSaid ends a command with exitFailed whose output has said why.
var errSaid = errors.New("said")

// usageError is a mistake in the command line.
type usageError struct {
	err     error
	command *cobra.Command
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// execute runs a command line until it is done or ctx ends, and returns the exit code.
func execute(ctx context.Context, s streams, args []string) int {
	root := newRoot(s)
	// Never nil, which cobra takes for the process's own arguments.
	root.SetArgs(append([]string{}, args...))
	err := root.ExecuteContext(ctx)
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errSaid):
		return exitFailed
	case errors.As(err, &usage):
		fmt.Fprintf(s.err, "millrace: %v\nSee `%s --help`.\n", err, usage.command.CommandPath())
		return exitUsage
	case !root.HasParent() && isUnknown(root, args):
		fmt.Fprintf(s.err, "millrace: %v\nSee `millrace --help`.\n", err)
		return exitUsage
	}
	fmt.Fprintf(s.err, "millrace: %v\n", err)
	return exitFailed
}

// isUnknown tells whether args name no command.
func isUnknown(root *cobra.Command, args []string) bool {
	_, _, err := root.Find(args)
	return err != nil
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "millrace",
		Short: "Ask any number of models, on any servers, in any combination",
		Long: `Millrace asks any number of models, on any servers, in any combination: it reads inference protocols as Envoy reads HTTP,
runs a graph of model servers for each request, and takes its configuration over xDS.

Begin with a file of objects (see deploy/samples) and three commands:

  millrace check FILE      says what is wrong with it, and where
  millrace up FILE         runs its model servers and answers on http://127.0.0.1:8080
  millrace ask NAME TEXT   asks a model, a graph, or an expression such as language+sentiment`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return &usageError{err, c} })
	root.AddGroup(&cobra.Group{ID: "write", Title: "For those who write graphs:"}, &cobra.Group{ID: "run", Title: "For those who run them:"})
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("write", upCommand(), askCommand(s), checkCommand(), explainCommand())
	add("run", proxyCommand(), controlPlaneCommand())
	root.AddCommand(versionCommand())
	root.SetHelpCommand(helpCommand())
	return root
}

// atLeast wants n arguments or more, by the names that the usage line gives them.
func atLeast(n int, what string) cobra.PositionalArgs {
	return between(n, -1, what)
}

// between wants from low to high arguments; a high below 0 is no bound.
func between(low, high int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < low:
			return &usageError{fmt.Errorf("%s: %s is missing", c.CommandPath(), what), c}
		case high >= 0 && len(args) > high:
			return &usageError{fmt.Errorf("%s: %q is too much; it takes %s", c.CommandPath(), args[high], what), c}
		}
		return nil
	}
}
