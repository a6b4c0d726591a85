package main

import (
	"os"
	"regexp"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/millrace/millrace/conformance/bench/contender"
	"github.com/millrace/millrace/conformance/checkout"
)

// TestMain runs the contenders that are this program again.
func TestMain(m *testing.M) {
	if contender.RunRole() {
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// All works with all contenders that are here, for a moment each. No time is asserted.
func TestEveryContenderThatRunsHereAnswersRightly(t *testing.T) {
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	any := regexp.MustCompile("")
	r, err := everything(t.Context(), root, settings{rounds: 1, time: 20 * time.Millisecond, work: any, against: any, progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("here: %q, not here: %q", r.Versions, r.Absent)
	if len(r.Works) != len(works()) {
		t.Errorf("%d works of %d were done", len(r.Works), len(works()))
	}
	for _, w := range r.Works {
		for _, e := range w.Entrants {
			if e.Failed != "" {
				t.Errorf("%s: %s failed: %s", w.Name, e.Name, e.Failed)
			} else if !w.idle && (e.PerSecond.Median <= 0 || e.CPU.Median <= 0) {
				t.Errorf("%s: %s has no figures: %+v", w.Name, e.Name, e)
			}
		}
	}
	if text := r.markdown(); len(text) < 1000 {
		t.Errorf("the table is not one:\n%s", text)
	}
}
