package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/millrace/millrace/conformance/bench/contender"
	"github.com/millrace/millrace/conformance/bench/upstream"
	"github.com/millrace/millrace/conformance/checkout"
)

func main() {
	if contender.RunRole() {
		os.Exit(1) // a role ends by its signal
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command(ctx, os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings are the flags.
type settings struct {
	rounds        int
	time, settle  time.Duration
	work, against *regexp.Regexp
	progress      io.Writer
}

func command(ctx context.Context, arguments []string, progress io.Writer) error {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(progress)
	rounds := f.Int("rounds", 10, "how often each contender has its turn")
	turn := f.Duration("time", time.Second, "how long each turn is measured")
	work := f.String("work", "", "a regular expression: only works whose name it finds")
	against := f.String("against", "", "a regular expression: only contenders whose name it finds, and Millrace")
	peers := f.Bool("peers", true, "build the peers that are Go modules; the first time takes minutes")
	publish := f.Bool("publish", false, "write the table to conformance/bench/RESULTS.md as well")
	if err := f.Parse(arguments); err != nil {
		return err
	}
	s := settings{rounds: *rounds, time: *turn, settle: 150 * time.Millisecond, progress: progress}
	var err error
	if s.work, err = regexp.Compile(*work); err != nil {
		return fmt.Errorf("flag -work: %w", err)
	}
	if s.against, err = regexp.Compile(*against); err != nil {
		return fmt.Errorf("flag -against: %w", err)
	}
	root, err := checkout.Root()
	if err != nil {
		return err
	}
	if *peers {
		if err := contender.BuildPeers(ctx, root); err != nil {
			fmt.Fprintln(progress, err) // it is then said to be absent
		}
	}
	r, err := everything(ctx, root, s)
	if err != nil {
		return err
	}
	r.Command = strings.Join(append([]string{"go run ./conformance/bench"}, arguments...), " ")
	return r.write(root, *publish)
}

// everything runs the works that are asked for.
func everything(ctx context.Context, root string, s settings) (r *report, err error) {
	r = &report{Machine: machine(), Time: time.Now(), Rounds: s.rounds, Turn: s.time.String()}
	b := &bench{rounds: s.rounds, time: s.time, settle: s.settle}
	for i, c := range contender.All(root) {
		version, absent := c.Version(ctx)
		if i == 0 && absent != nil {
			return nil, absent
		}
		if i > 0 && !s.against.MatchString(c.Name()) {
			continue
		}
		if r.describe(c, version, absent); absent == nil {
			b.contenders = append(b.contenders, c)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, ".cache", "bench"), 0o755); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp(filepath.Join(root, ".cache", "bench"), "run-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if b.servers, err = upstream.Start(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.servers.Close()) }()
	for _, w := range works() {
		if !s.work.MatchString(w.Name) {
			continue
		}
		entrants, err := b.measure(ctx, w)
		if err != nil {
			return nil, err
		}
		done := resultOf(w, entrants)
		r.Works = append(r.Works, done)
		done.say(s.progress)
	}
	return r, nil
}

// say tells a result in a line for each entrant.
func (w *result) say(to io.Writer) {
	fmt.Fprintf(to, "== %s: %s\n", w.Name, w.Load)
	for _, e := range w.Entrants {
		if e.Failed != "" {
			fmt.Fprintf(to, "%-22s failed: %s\n", e.Name, e.Failed)
			continue
		}
		if w.idle {
			fmt.Fprintf(to, "%-22s %6.1f KB a connection\n", e.Name, e.MemoryEach/1e3)
			continue
		}
		ratio := ""
		if e.Ratio != nil {
			ratio = "ratio " + e.Ratio.text(2)
		}
		fmt.Fprintf(to, "%-22s %24s µs %5.2f wake-ups %7.0f/s p99 %7.0f µs  %s\n", e.Name, e.CPU.text(1), e.Wakeups.Median, e.PerSecond.Median, e.P99.Median, ratio)
	}
}

// write writes the report's files.
func (r *report) write(root string, publish bool) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Join(root, ".cache", "bench")
	table := []byte(r.markdown())
	errs := []error{os.WriteFile(filepath.Join(dir, "results.json"), text, 0o644), os.WriteFile(filepath.Join(dir, "results.md"), table, 0o644)}
	if publish {
		errs = append(errs, os.WriteFile(filepath.Join(root, "conformance", "bench", "RESULTS.md"), table, 0o644))
	}
	return errors.Join(errs...)
}
