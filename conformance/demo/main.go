package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	keep := flag.Bool("keep", false, "leave everything running at the end")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	info, err := os.Stdout.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == ""
	failed := run(ctx, options{Keep: *keep, Out: os.Stdout, Colour: terminal})
	if failed != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", failed)
		stop()
		os.Exit(1)
	}
}
