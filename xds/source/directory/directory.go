package directory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxFile bounds a file of objects.
const maxFile = 16 << 20

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

type watcher struct {
	paths, extra []string
	unfinished   bool // the last read found a file that someone was writing
}

// directories lists what has to be watched: a directory itself, a file's directory, and that of what a link leads to.
func (w *watcher) directories() []string {
	var out []string
	add := func(d string) {
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	for _, p := range w.paths {
		info, err := os.Stat(p)
		if err == nil && info.IsDir() {
			add(p)
			continue
		}
		add(filepath.Dir(p))
		if real, err := filepath.EvalSymlinks(p); err == nil && real != p {
			add(filepath.Dir(real))
		}
	}
	return out
}

func (w *watcher) read() (Contents, error) {
	out := Contents{}
	w.unfinished = false
	for _, p := range w.paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", p, unwrap(err))
		}
		dir := filepath.Dir(p)
		if info.IsDir() {
			dir = p
			if err := w.readDir(p, out); err != nil {
				return nil, err
			}
		} else if err := w.readFile(p, out); err != nil {
			return nil, err
		}
		for _, x := range w.extra {
			if at := filepath.Join(dir, x); out[filepath.ToSlash(at)] == nil {
				if err := w.readFile(at, out); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

func (w *watcher) readDir(dir string, out Contents) error {
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
		if err := w.readFile(at, out); err != nil && !errors.Is(err, fs.ErrNotExist) {
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

// readFile adds one file. Where the system tells that someone is still writing it, it is noted as unfinished.
func (w *watcher) readFile(at string, out Contents) error {
	f, err := os.Open(at)
	if err != nil {
		return fmt.Errorf("read %s: %w", at, unwrap(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read %s: %w", at, unwrap(err))
	}
	if info.Size() > maxFile {
		return fmt.Errorf("read %s: it has %d bytes, and a file of objects may have %d", at, info.Size(), maxFile)
	}
	if beingWritten(f) {
		w.unfinished = true
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
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
