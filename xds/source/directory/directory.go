package directory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// maxFile bounds a file of objects.
const maxFile = 16 << 20

// quiet is how long nothing must happen before a change is read, and most how long a change waits for quiet.
const (
	quiet = 10 * time.Millisecond
	most  = 50 * time.Millisecond
)

// Contents are files by the name that their user gave them (relative to where they were given, with slashes).
type Contents map[string][]byte

// Load is what a change came to.
type Load struct {
	Contents Contents
	// Saved is when the newest of the changed files was written, or when the change was noticed where it cannot be told.
	Saved time.Time
	Err   error // of reading; Contents are then those of before
}

// Read reads paths once: files, and directories with their *.yaml, *.yml and *.json files, without their subdirectories.
// extra are file names that are read where they stand beside a path.
func Read(paths []string, extra ...string) (Contents, error) {
	w := watcher{paths: paths, extra: extra}
	return w.read()
}

// Watch reads paths and again after each change, until ctx ends, and hands over what changed. The first load comes at once.
// handle is called by one goroutine, which Watch runs in.
func Watch(ctx context.Context, paths []string, handle func(Load), extra ...string) error {
	w := watcher{paths: paths, extra: extra}
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %s: %w", strings.Join(paths, " "), err)
	}
	defer events.Close()
	for _, d := range w.directories() {
		if err := events.Add(d); err != nil {
			return fmt.Errorf("watch %s: %w", d, err)
		}
	}
	last, err := w.read()
	if err != nil {
		return err
	}
	handle(Load{Contents: last, Saved: time.Now()})
	for {
		noticed, ok := wait(ctx, events)
		if !ok {
			return nil
		}
		now, err := w.read()
		switch {
		case err != nil:
			handle(Load{Contents: last, Saved: noticed, Err: err})
		case !equal(last, now):
			last = now
			handle(Load{Contents: now, Saved: noticed})
		}
	}
}

// wait blocks until something happened and then nothing for a while; it returns when the first event came.
func wait(ctx context.Context, events *fsnotify.Watcher) (first time.Time, ok bool) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return first, false
		case _, open := <-events.Errors:
			if !open {
				return first, false
			}
			// An overflow lost events: read everything.
			if first.IsZero() {
				first = time.Now()
			}
			timer.Reset(quiet)
		case e, open := <-events.Events:
			if !open {
				return first, false
			}
			if e.Op == fsnotify.Chmod {
				continue
			}
			if first.IsZero() {
				first = time.Now()
			}
			if time.Since(first) < most {
				timer.Reset(quiet)
			}
		case <-timer.C:
			return first, true
		}
	}
}

func equal(a, b Contents) bool {
	if len(a) != len(b) {
		return false
	}
	for name, text := range a {
		if other, ok := b[name]; !ok || !bytes.Equal(text, other) {
			return false
		}
	}
	return true
}

type watcher struct{ paths, extra []string }

// directories lists what has to be watched: a directory itself, a file's directory.
func (w *watcher) directories() []string {
	var out []string
	for _, p := range w.paths {
		d := p
		if info, err := os.Stat(p); err != nil || !info.IsDir() {
			d = filepath.Dir(p)
		}
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

func (w *watcher) read() (Contents, error) {
	out := Contents{}
	for _, p := range w.paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", p, unwrap(err))
		}
		dir := filepath.Dir(p)
		if info.IsDir() {
			dir = p
			if err := readDir(p, out); err != nil {
				return nil, err
			}
		} else if err := readFile(p, out); err != nil {
			return nil, err
		}
		for _, x := range w.extra {
			if at := filepath.Join(dir, x); out[filepath.ToSlash(at)] == nil {
				if err := readFile(at, out); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

func readDir(dir string, out Contents) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read %s: %w", dir, unwrap(err))
	}
	for _, e := range entries {
		name := e.Name()
		// Editors' backups and Kubernetes' own links begin with a dot or end with a tilde.
		if strings.HasPrefix(name, ".") || !isObjects(name) {
			continue
		}
		at := filepath.Join(dir, name)
		if info, err := os.Stat(at); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if err := readFile(at, out); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func isObjects(name string) bool {
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

func readFile(at string, out Contents) error {
	info, err := os.Stat(at)
	if err != nil {
		return fmt.Errorf("read %s: %w", at, unwrap(err))
	}
	if info.Size() > maxFile {
		return fmt.Errorf("read %s: it has %d bytes, and a file of objects may have %d", at, info.Size(), maxFile)
	}
	text, err := os.ReadFile(at)
	if err != nil {
		return fmt.Errorf("read %s: %w", at, unwrap(err))
	}
	out[filepath.ToSlash(at)] = text
	return nil
}

// unwrap drops the operation and path that the message has already.
func unwrap(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
