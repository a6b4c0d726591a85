package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// stepStop ends everything, or says how to go on with it.
func (d *demo) stepStop() error {
	if d.Keep {
		d.keep()
		return nil
	}
	d.section(7, "Everything stops")
	all, err := d.endpoints()
	if err != nil {
		return err
	}
	began := time.Now()
	err = d.up.stop(30 * time.Second)
	d.check(err == nil, "millrace up ended with exit code %d, %.1f s after SIGTERM%s", d.up.cmd.ProcessState.ExitCode(), time.Since(began).Seconds(), because(err))
	var alive []string
	for _, at := range append([]string{d.up.Listen, d.up.Admin, d.up.XDS}, addressesOf(all)...) {
		conn, err := net.DialTimeout("tcp", at, time.Second)
		if err == nil {
			conn.Close()
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			alive = append(alive, at)
		}
	}
	_, ready := os.Stat(d.place.ready())
	d.check(len(alive) == 0 && ready != nil, "nothing listens any more on its ports, nor on those of %d endpoints%s", len(all), list(alive))
	d.summary()
	return nil
}

// keep says how to go on.
func (d *demo) keep() {
	d.section(7, "Everything goes on (KEEP=1)")
	samples := d.place.shown(d.place.samples)
	d.line("Lines to try:")
	for _, line := range []string{
		fmt.Sprintf("curl http://%s/ask/language+sentiment -d '{\"text\": \"I love it\"}'", d.up.Listen),
		fmt.Sprintf("%s ask 'normalise | topic + toxicity' \"My package is lost\" --server http://%s", d.place.shown(d.place.binary), d.up.Listen),
		fmt.Sprintf("%s explain %s triage", d.place.shown(d.place.binary), samples),
		fmt.Sprintf("$EDITOR %s/triage.yaml; tail %s", samples, d.place.shown(d.place.told())),
		fmt.Sprintf("curl http://%s/clusters", d.up.Admin),
		fmt.Sprintf("kill %d    # stops everything", d.up.cmd.Process.Pid),
	} {
		d.line("  %s", line)
	}
	d.summary()
}

// summary is the last line.
func (d *demo) summary() {
	verdict := fmt.Sprintf("%d checks passed, %d failed", d.right, len(d.wrong))
	colour := green
	if len(d.wrong) > 0 {
		colour = red
	}
	fmt.Fprintf(d.out, "\n%s in %.1f s after preparation\n", d.paint(colour, verdict), time.Since(d.started).Seconds())
}

func addressesOf(all []endpoint) []string {
	seen := make(map[string]bool)
	var out []string
	for _, e := range all {
		if !seen[e.address] {
			seen[e.address] = true
			out = append(out, e.address)
		}
	}
	return out
}
