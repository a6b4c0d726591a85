package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/millrace/millrace/conformance/bench/contender"
)

// report is what a run found, as it is written to the JSON file.
type report struct {
	Machine  string
	Time     time.Time
	Command  string
	Rounds   int
	Turn     string
	Versions []string // of those that are here
	Absent   []string // why the others are not
	Works    []result
}

// result is one work's. CPU, user and system are microseconds a request, times are microseconds, memory is bytes.
type result struct {
	Name, Load string
	Entrants   []figures
	idle       bool
}

type figures struct {
	Name               string
	CPU, User, System  spread
	Wakeups, PerSecond spread
	P50, P99, P999     spread
	MemoryAtRest       int64
	MemoryUnderLoad    spread
	MemoryEach         float64  `json:",omitempty"` // bytes of an idle connection
	Ratio              *spread  `json:",omitempty"` // Millrace's CPU to this one's, round by round
	RatioP99           *spread  `json:",omitempty"` // its p99 to this one's
	Goal               *float64 `json:",omitempty"` // the ratio to reach
	Failed             string   `json:",omitempty"` // why there are no figures
}

// resultOf sums up a work; the first entrant is Millrace.
func resultOf(w work, entrants []*entrant) result {
	r := result{Name: w.Name, Load: w.String(), idle: w.Idle}
	cpu := func(s sample) float64 { return s.CPU }
	p99 := func(s sample) float64 { return s.P99 }
	for i, e := range entrants {
		f := figures{
			Name: e.name, CPU: of(e.samples, cpu), P99: of(e.samples, p99), MemoryAtRest: e.rest, MemoryEach: e.each,
			User:            of(e.samples, func(s sample) float64 { return s.User }),
			System:          of(e.samples, func(s sample) float64 { return s.System }),
			Wakeups:         of(e.samples, func(s sample) float64 { return s.Wakeups }),
			PerSecond:       of(e.samples, func(s sample) float64 { return s.PerSecond }),
			P50:             of(e.samples, func(s sample) float64 { return s.P50 }),
			P999:            of(e.samples, func(s sample) float64 { return s.P999 }),
			MemoryUnderLoad: of(e.samples, func(s sample) float64 { return float64(s.Memory) }),
		}
		if e.failed != nil {
			r.Entrants = append(r.Entrants, figures{Name: e.name, Failed: e.failed.Error()})
			continue
		}
		if i > 0 && !w.Idle {
			cpu, late := ratios(entrants[0].samples, e.samples, cpu), ratios(entrants[0].samples, e.samples, p99)
			f.Ratio, f.RatioP99 = &cpu, &late
		}
		if goal, ok := w.Goals[e.name]; ok {
			f.Goal = &goal
		}
		r.Entrants = append(r.Entrants, f)
	}
	return r
}

// machine is what it ran on.
func machine() string {
	kind := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				kind = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel := runtime.GOOS
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel += " " + strings.TrimSpace(string(text))
	}
	return fmt.Sprintf("%d × %s, %s, loopback", runtime.NumCPU(), kind, kernel)
}

// describe names those that are here and those that are not.
func (r *report) describe(c contender.Contender, version string, absent error) {
	if absent != nil {
		r.Absent = append(r.Absent, fmt.Sprintf("%s: %v", c.Name(), absent))
		return
	}
	r.Versions = append(r.Versions, fmt.Sprintf("%s: %s", c.Name(), version))
}
