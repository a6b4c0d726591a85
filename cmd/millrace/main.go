package main

import (
	"context"
	"io"
	"os"
)

func main() {
	info, err := os.Stdout.Stat()
	s := streams{in: os.Stdin, out: os.Stdout, err: os.Stderr, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
	os.Exit(execute(context.Background(), s, os.Args[1:]))
}

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
	// terminal says that a person reads out.
	terminal bool
}
