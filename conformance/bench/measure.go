package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/millrace/millrace/conformance/bench/contender"
	"github.com/millrace/millrace/conformance/bench/load"
	"github.com/millrace/millrace/conformance/bench/upstream"
)

// enough answers there must be in a turn; it lasts longer where there are fewer.
const enough = 16

// sample is what one turn of one contender gave.
type sample struct {
	CPU, User, System float64 // microseconds a request, of the contender alone
	Wakeups           float64 // a request
	PerSecond         float64 // requests
	P50, P99, P999    float64 // microseconds
	Memory            int64   // bytes, resident at the end
}

// entrant is a contender that takes part in a work.
type entrant struct {
	name    string
	process *contender.Process
	rest    int64   // bytes, resident before the first request
	each    float64 // bytes a connection, of a work of idle ones
	samples []sample
	failed  error // why it has no more turns
}

// bench is one run of everything.
type bench struct {
	contenders []contender.Contender // those that are here
	servers    *upstream.Servers
	dir        string // for the files of the processes
	rounds     int
	time       time.Duration // of each turn
	settle     time.Duration // how long the load runs before each turn
}

// measure does one work: all its entrants at once, in turns. A peer that gives a wrong answer, or none, has no figures and says
// why; Millrace's failure is an error.
func (b *bench) measure(ctx context.Context, w work) (entrants []*entrant, err error) {
	defer func() {
		for _, e := range entrants {
			err = errors.Join(err, e.process.Stop())
		}
	}()
	for i, c := range b.contenders {
		if c.Does(w.Duty) {
			if entrants, err = b.enter(ctx, w, entrants, c, w.Duty, c.Name()); err != nil {
				return entrants, err
			}
		}
		if i == 0 && w.Beside {
			if entrants, err = b.enter(ctx, w, entrants, c, contender.PassHTTP, forwarding); err != nil {
				return entrants, err
			}
		}
	}
	if w.Idle {
		for i, e := range entrants {
			if e.each, e.failed = b.idle(ctx, w, e); e.failed != nil && (i == 0 || ctx.Err() != nil) {
				return entrants, fmt.Errorf("%s: %s: %w", w.Name, e.name, e.failed)
			}
		}
		return entrants, nil
	}
	for round := range b.rounds {
		// Who begins changes, so that nobody always follows the same one.
		for i := range entrants {
			e := entrants[(i+round)%len(entrants)]
			if e.failed != nil {
				continue
			}
			s, err := b.turn(ctx, w, e)
			if err == nil {
				e.samples = append(e.samples, s)
				continue
			}
			err = fmt.Errorf("%s: %s: %w\n%s", w.Name, e.name, err, e.process.Output())
			if e == entrants[0] || ctx.Err() != nil {
				return entrants, err
			}
			e.failed, e.samples = err, nil
		}
	}
	return entrants, nil
}

// enter starts a contender and adds it to the entrants.
func (b *bench) enter(ctx context.Context, w work, to []*entrant, c contender.Contender, d contender.Duty, name string) ([]*entrant, error) {
	dir, err := os.MkdirTemp(b.dir, "entrant-")
	if err != nil {
		return to, err
	}
	p, err := c.Start(ctx, contender.Job{Duty: d, Dir: dir, Upstream: contender.Upstream{HTTP: b.servers.HTTP, GRPC: b.servers.GRPC, Model: b.servers.Model}})
	if err != nil {
		return to, fmt.Errorf("%s: %s: %w", w.Name, name, err)
	}
	to = append(to, &entrant{name: name, process: p})
	u, err := p.Usage()
	to[len(to)-1].rest = u.Memory
	return to, err
}

// turn loads one entrant and measures it.
func (b *bench) turn(ctx context.Context, w work, e *entrant) (s sample, err error) {
	plan, release, err := w.plan(e.process)
	if err != nil {
		return s, err
	}
	defer release()
	run, err := load.Start(plan)
	if err != nil {
		return s, err
	}
	before, after, answers, took, err := b.watch(ctx, run, e.process)
	if err := errors.Join(append(run.Stop(), err)...); err != nil {
		return s, err
	}
	used := after.Minus(before)
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(answers) }
	s = sample{
		CPU: each(used.CPU), User: each(used.User), System: each(used.System), Wakeups: float64(used.Wakeups) / float64(answers),
		PerSecond: float64(answers) / took.Seconds(), Memory: after.Memory,
	}
	times := run.Times()
	slices.Sort(times)
	at := func(q float64) float64 {
		return float64(times[min(len(times)-1, int(q*float64(len(times))))].Nanoseconds()) / 1e3
	}
	s.P50, s.P99, s.P999 = at(0.5), at(0.99), at(0.999)
	return s, nil
}

// watch reads the figures at the two ends of the measured time.
func (b *bench) watch(ctx context.Context, run *load.Run, p *contender.Process) (before, after contender.Usage, answers int64, took time.Duration, err error) {
	if err = run.For(ctx, b.settle); err != nil {
		return
	}
	if before, err = p.Usage(); err != nil {
		return
	}
	from, first := time.Now(), run.Count()
	for i := 0; i == 0 || run.Count() < first+enough; i++ {
		if err = run.For(ctx, b.time); err != nil {
			return
		}
	}
	after, err = p.Usage()
	return before, after, run.Count() - first, time.Since(from), err
}
