package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/millrace/millrace/cmd/millrace/supervisor"
)

const (
	inFlight = 8  // at least so many requests are to be under way on the replica that is killed
	askers   = 24 // workers; round robin and least request give each replica about half
)

// passage is long enough to keep a replica busy for a good part of a second.
var passage = strings.Repeat("The cat sat on the mat. It was very happy about that. ", 6000)

var pidOf = regexp.MustCompile(`\bpid (\d+)`)

// stepKill kills one of two replicas while it works.
func (d *demo) stepKill() error {
	d.section(6, "One of two replicas is killed while it works")
	body := question(passage)
	reference, err := d.ask("/ask/readability?full=1", text{passage})
	if err != nil {
		d.check(false, "ask readability%s", because(err))
		return nil
	}
	long := d.httpShot("readability", "/ask/readability?full=1", body, func(answer []byte) (string, error) {
		var reply map[string]any
		if err := json.Unmarshal(answer, &reply); err != nil {
			return "", err
		}
		if compact(reply) != compact(reference) {
			return "", fmt.Errorf("a different answer: %s", short(string(answer), 200))
		}
		return "", nil
	})
	shots := make([]shot, askers)
	for i := range shots {
		shots[i] = long
	}
	l := startLoad(d.ctx, shots)
	victim, active, err := d.victim()
	told := d.up.count()
	killed := time.Now()
	if err == nil {
		err = syscall.Kill(victim, syscall.SIGKILL)
	}
	if err == nil {
		d.line("kill -9 %d, a replica of readability with %d requests under way on it", victim, active)
		if lines, waited := d.up.await(d.ctx, told, 30*time.Second, readyLine.MatchString); waited == nil {
			d.line("%s (%.1f s after the kill)", lines[len(lines)-1], time.Since(killed).Seconds())
			err = l.waitFor(d.ctx, "readability", killed, 2*askers, 30*time.Second)
		} else {
			err = waited
		}
	}
	outcomes := l.stop()
	failed, texts := failures(outcomes)
	d.check(err == nil, "the replica is back and both work%s", because(err))
	d.check(failed == 0 && active >= inFlight, "%d requests of %d kB, %d failed%s", len(outcomes), len(body)/1000, failed, list(texts))
	return nil
}

// victim waits until one of the replicas has enough requests under way, and returns its process.
func (d *demo) victim() (pid, active int, err error) {
	pids := make(map[string]int)
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); {
		all, err := d.endpoints()
		if err != nil {
			return 0, 0, err
		}
		for _, e := range of(all, "readability") {
			if pids[e.address] == 0 {
				if m := pidOf.FindStringSubmatch(supervisor.Owner(e.port())); m != nil {
					pids[e.address], _ = strconv.Atoi(m[1])
				}
				continue // look again: finding the process took a while
			}
			if n := e.figures["rq_active"]; n >= inFlight {
				return pids[e.address], n, nil
			}
		}
		select {
		case <-d.ctx.Done():
			return 0, 0, d.ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	return 0, 0, fmt.Errorf("no replica of readability had %d requests under way within 20 s; /clusters shows no such rq_active", inFlight)
}
