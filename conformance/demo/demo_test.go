package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestTheDemoShowsWhatItSays runs the whole demo: seven sections, real servers, and nothing that is not as it should be.
func TestTheDemoShowsWhatItSays(t *testing.T) {
	var out strings.Builder
	began := time.Now()
	err := run(t.Context(), options{Out: &out})
	t.Logf("%s", out.String())
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(out.String(), "\n"); lines > 120 {
		t.Errorf("%d lines are too many for a newcomer", lines)
	}
	for n := range 7 {
		if !regexp.MustCompile(`(?m)^` + string(rune('1'+n)) + `  \S`).MatchString(out.String()) {
			t.Errorf("section %d is missing", n+1)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("there are colours though nobody reads it on a terminal")
	}
	t.Logf("%.1f s", time.Since(began).Seconds())
}
