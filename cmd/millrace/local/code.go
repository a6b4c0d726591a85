package local

import (
	"context"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/millrace/millrace/cmd/millrace/supervisor"
	"github.com/millrace/millrace/xds/source/store"
)

// lookAtCode is how often the files of Python functions are looked at.
const lookAtCode = 500 * time.Millisecond

// revision tells one state of a file from another; empty where it cannot be read.
func revision(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return strconv.FormatUint(xxhash.Sum64(text), 16)
}

// watch starts servers anew whose Python function was edited, until ctx ends. The old one serves until the new one is ready,
// so that a file that does not run replaces nothing.
func (s *servers) watch(ctx context.Context, snapshot func() *store.Snapshot) {
	tick := time.NewTicker(lookAtCode)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		snap := snapshot()
		if snap == nil || !s.edited() {
			continue
		}
		s.say("a Python function was edited: its server starts anew")
		s.take(snap)
	}
}

// edited tells whether a function's file is not what its server was started with.
func (s *servers) edited() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.specs, func(spec supervisor.Spec) bool {
		if spec.Function == nil {
			return false
		}
		now := revision(spec.Function.File)
		return now != "" && now != spec.Revision
	})
}
