package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// readyLine is what `millrace up` says of a server that is ready.
var readyLine = regexp.MustCompile(`^(\S+?)(-\d+)?: ready in (\S+ m?s)`)

// stepServers starts everything and shows the servers as they become ready.
func (d *demo) stepServers() error {
	d.section(1, "Real model servers, as local processes")
	commands, replicas, err := bindings(filepath.Join(d.place.samples, "millrace.local.yaml"))
	if err != nil {
		return err
	}
	want := 0
	for _, n := range replicas {
		want += n
	}
	d.typed("millrace up " + d.place.shown(d.place.samples))
	if d.up, err = start(d.place, d.Keep); err != nil {
		return err
	}
	ready := 0
	began := time.Now()
	err = d.up.serving(d.ctx, d.place, 2*time.Minute, func(line string) {
		m := readyLine.FindStringSubmatch(line)
		if m == nil {
			return
		}
		ready++
		d.line("%-28s %-46s ready in %s", m[1]+m[2], short(commands[m[1]], 46), m[3])
	})
	if err != nil {
		return err
	}
	d.check(ready == want, "%d of %d server processes are ready and every model and graph answers, %.1f s after the start", ready, want, time.Since(began).Seconds())
	return nil
}

// bindings reads from a binding file how each server is started, for people, and in how many replicas.
func bindings(path string) (commands map[string]string, replicas map[string]int, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	var all map[string]struct {
		Command  []string
		Replicas int
		Server   string
	}
	if err := yaml.Unmarshal(text, &all); err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	commands, replicas = make(map[string]string), make(map[string]int)
	for name, b := range all {
		if b.Server != "" {
			continue // it stands for another
		}
		commands[name] = strings.Join(b.Command, " ")
		if len(b.Command) == 0 {
			commands[name] = "a Python function, wrapped"
		}
		replicas[name] = max(b.Replicas, 1)
	}
	return commands, replicas, nil
}
