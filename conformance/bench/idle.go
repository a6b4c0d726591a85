package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/millrace/millrace/conformance/bench/load"
)

// idle opens the work's connections, has each ask once, and measures what they hold while they wait: bytes each, beside what one
// connection before them had grown.
func (b *bench) idle(ctx context.Context, w work, e *entrant) (each float64, err error) {
	one := w
	one.Connections = 1
	var open []load.Client
	defer func() {
		for _, c := range open {
			err = errors.Join(err, c.Close())
		}
	}()
	var before int64
	for _, w := range []work{one, w} {
		plan, release, err := w.plan(e.process)
		if err != nil {
			return 0, err
		}
		defer release()
		for i := range plan.Workers {
			c, err := plan.Dial(i)
			if err != nil {
				return 0, err
			}
			open = append(open, c)
			if err := errors.Join(c.Ask(), context.Cause(ctx)); err != nil {
				return 0, err
			}
		}
		u, err := e.process.Usage()
		if err != nil {
			return 0, err
		}
		if w.Connections == 1 {
			before = u.Memory
			continue
		}
		each = float64(u.Memory-before) / float64(w.Connections)
	}
	return each, nil
}

// idleTable is the Markdown of a work of idle connections.
func (w *result) idleTable(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n%s. Resident memory that the process gained for each, its connection to the upstream included where it keeps one.\n\n| | KB a connection |\n|---|---|\n", w.Name, w.Load)
	for _, e := range w.Entrants {
		if e.Failed != "" {
			first, _, _ := strings.Cut(e.Failed, "\n")
			fmt.Fprintf(b, "| %s | failed: %s |\n", e.Name, first)
			continue
		}
		fmt.Fprintf(b, "| %s | %.1f |\n", e.Name, e.MemoryEach/1e3)
	}
}
