package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "features:", err)
		stop()
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: features record FILE COMMAND… | features check TABLE FILE | features count FILE [STATUS]")

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	switch {
	case len(args) >= 3 && args[0] == "record":
		return record(ctx, args[1], args[2:], stdout, stderr)
	case len(args) == 3 && args[0] == "check":
		return check(args[1], args[2], stdout)
	case (len(args) == 2 || len(args) == 3) && args[0] == "count":
		status := "0"
		if len(args) == 3 {
			status = args[2]
		}
		return count(args[1], status, stdout)
	}
	return errUsage
}

// check reports each row that claims what was not shown.
func check(table, results string, out io.Writer) error {
	rows, problems, err := readTable(table)
	if err != nil {
		return err
	}
	tests, err := readResults(results)
	if err != nil {
		return err
	}
	problems = append(problems, judge(rows, tests)...)
	for _, p := range problems {
		fmt.Fprintf(out, "%s:%d: %s\n", table, p.line, p.text)
	}
	states := map[state]int{}
	for _, r := range rows {
		states[r.state]++
	}
	fmt.Fprintf(out, "%d features: %d work, %d partly, %d absent\n", len(rows), states[works], states[partly], states[absent])
	if len(problems) > 0 {
		return fmt.Errorf("%s claims what the tests did not show, in %d places", table, len(problems))
	}
	return nil
}

// count says in one line what became of the tests. A run that failed without a failed test counts as one failure.
func count(results, status string, out io.Writer) error {
	tests, err := readResults(results)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	passed, failed := 0, 0
	for _, t := range tests {
		switch {
		case t.failed > 0:
			failed++
		case t.passed > 0:
			passed++
		}
	}
	if status != "0" && failed == 0 {
		failed = 1
	}
	_, err = fmt.Fprintf(out, "%d passed, %d failed\n", passed, failed)
	return err
}
