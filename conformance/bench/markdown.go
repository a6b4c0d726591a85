package main

import (
	_ "embed"
	"fmt"
	"strings"
)

// notes say where Millrace is behind, and why. They are written by hand after a look at the profiles.
//
//go:embed notes.md
var notes string

// markdown is the report for people.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Millrace beside its peers

Written by `+"`%s`"+` on %s.

Machine: %s. The load, the servers and the contender share its cores; each contender may use all of them. CPU is user and
system time of the contender's process alone. Each figure is the median of %d rounds of %s in which the contenders took turns, with the
least and the greatest in parentheses; a ratio is Millrace's figure to the other's in the same round. Every answer was compared byte
for byte. The relay copies bytes between sockets and reads nothing: the floor. Times of an open loop count from when a
question was due.

`, r.Command, r.Time.Format("2 January 2006"), r.Machine, r.Rounds, r.Turn)
	for _, v := range r.Versions {
		fmt.Fprintf(&b, "- %s\n", v)
	}
	for _, a := range r.Absent {
		fmt.Fprintf(&b, "- not here: %s\n", a)
	}
	r.goals(&b)
	for _, w := range r.Works {
		if w.idle {
			w.idleTable(&b)
		} else {
			w.markdown(&b)
		}
	}
	b.WriteString(notes)
	return b.String()
}

// goals is the table of ratios that have one.
func (r *report) goals(b *strings.Builder) {
	b.WriteString("\n## What is to be reached: CPU a request, Millrace to the other\n\n| work | other | at most | is | |\n|---|---|---|---|---|\n")
	for _, w := range r.Works {
		for _, e := range w.Entrants {
			if e.Goal == nil || e.Ratio == nil {
				continue
			}
			state := "reached"
			if e.Ratio.Median > *e.Goal {
				state = "**missed**"
			}
			fmt.Fprintf(b, "| %s | %s | %.2f | %s | %s |\n", w.Name, e.Name, *e.Goal, e.Ratio.text(2), state)
		}
	}
}

func (w *result) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n%s.\n\n", w.Name, w.Load)
	b.WriteString("| | CPU µs/request | user + system | wake-ups | requests/s | p50 µs | p99 µs | p99.9 µs | MB at rest, loaded | CPU ratio | p99 ratio |\n" +
		"|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, e := range w.Entrants {
		if e.Failed != "" {
			first, _, _ := strings.Cut(e.Failed, "\n")
			fmt.Fprintf(b, "| %s | failed: %s |\n", e.Name, first)
			continue
		}
		ratio, late := "", ""
		if e.Ratio != nil {
			ratio, late = "**"+fmt.Sprintf("%.2f", e.Ratio.Median)+"** "+e.Ratio.limits(2), fmt.Sprintf("%.2f", e.RatioP99.Median)
		}
		fmt.Fprintf(b, "| %s | %s | %.1f + %.1f | %.2f | %.0f | %.0f | %.0f | %.0f | %.0f, %.0f | %s | %s |\n", e.Name, e.CPU.text(1), e.User.Median, e.System.Median,
			e.Wakeups.Median, e.PerSecond.Median, e.P50.Median, e.P99.Median, e.P999.Median, float64(e.MemoryAtRest)/1e6, e.MemoryUnderLoad.Median/1e6, ratio, late)
	}
}

// text is the median and, in parentheses, the least and the greatest.
func (s spread) text(digits int) string {
	return fmt.Sprintf("%.*f %s", digits, s.Median, s.limits(digits))
}

func (s spread) limits(digits int) string {
	return fmt.Sprintf("(%.*f–%.*f)", digits, s.Least, digits, s.Greatest)
}
