package directory

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quiet is how long nothing must happen before a change is read, and most how long a change waits for quiet. A file that
// someone is still writing is waited for, up to patience. What cannot be watched is looked at again every retry.
const (
	quiet    = 10 * time.Millisecond
	most     = 50 * time.Millisecond
	patience = 5 * time.Second
	retry    = 250 * time.Millisecond
)

// Watch reads paths and again after each change, until ctx ends, and hands over what changed. The first load comes at once.
// handle is called by one goroutine, which Watch runs in. A directory that goes is told as a load with an error, and waited
// for.
func Watch(ctx context.Context, paths []string, handle func(Load), extra ...string) error {
	w := watcher{paths: paths, extra: extra}
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %s: %w", strings.Join(paths, " "), err)
	}
	defer events.Close()
	all := w.watch(events)
	last, err := w.settled(ctx)
	if err != nil {
		return err
	}
	handle(Load{Contents: last, Saved: time.Now()})
	failed := ""
	for {
		again := time.Duration(0) // no need to look before something happens
		if !all || w.unfinished { // closing a file is no event
			again = retry
		}
		noticed, ok := wait(ctx, events, again)
		if !ok {
			return nil
		}
		all = w.watch(events)
		now, err := w.settled(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			all = false
			if err.Error() != failed {
				failed = err.Error()
				handle(Load{Contents: last, Saved: noticed, Err: err})
			}
		case failed != "" || !equal(last, now):
			last, failed = now, ""
			handle(Load{Contents: now, Saved: noticed})
		}
	}
}

// watch watches every directory that is there, and tells whether all are.
func (w *watcher) watch(events *fsnotify.Watcher) bool {
	all := true
	wanted := w.directories()
	for _, d := range wanted {
		if err := events.Add(d); err != nil {
			all = false
		}
	}
	for _, d := range events.WatchList() {
		if _, err := os.Stat(d); err != nil || !slices.Contains(wanted, d) {
			_ = events.Remove(d) // it is gone, or no link leads there any more
		}
	}
	return all
}

// settled reads, and reads again while someone writes one of the files, up to patience.
func (w *watcher) settled(ctx context.Context) (Contents, error) {
	pause := quiet
	for start := time.Now(); ; pause = min(2*pause, retry) {
		out, err := w.read()
		if err != nil || !w.unfinished || time.Since(start) > patience {
			return out, err
		}
		select {
		case <-ctx.Done():
			return out, nil
		case <-time.After(pause):
		}
	}
}

// wait blocks until something happened and then nothing for a while, or until again has passed where it is not 0; it returns
// when the first event came.
func wait(ctx context.Context, events *fsnotify.Watcher, again time.Duration) (first time.Time, ok bool) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	if again > 0 {
		timer.Reset(again)
	}
	happened := func() {
		if first.IsZero() {
			first = time.Now()
		}
		if time.Since(first) < most {
			timer.Reset(quiet)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return first, false
		case _, open := <-events.Errors:
			if !open {
				return first, false
			}
			happened() // an overflow lost events: read everything
		case e, open := <-events.Events:
			if !open {
				return first, false
			}
			if e.Op != fsnotify.Chmod {
				happened()
			}
		case <-timer.C:
			if first.IsZero() {
				first = time.Now()
			}
			return first, true
		}
	}
}
