package directory

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watched is a directory that is being watched, and what was handed over.
type watched struct {
	t     *testing.T
	dir   string
	loads chan Load
	last  Load
}

func watch(t *testing.T, dir string, paths ...string) *watched {
	t.Helper()
	w := &watched{t: t, dir: dir, loads: make(chan Load, 1000)}
	if paths == nil {
		paths = []string{dir}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Watch(ctx, paths, func(l Load) { w.loads <- l }, "millrace.local.yaml") }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("watch ended: %v", err)
		}
	})
	w.until(func(Load) bool { return true })
	return w
}

// until waits for a load that is as wanted.
func (w *watched) until(wanted func(Load) bool) {
	w.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case w.last = <-w.loads:
			if wanted(w.last) {
				return
			}
		case <-timeout:
			w.t.Fatalf("no such load came; the last one has %v, %v", keys(w.last), w.last.Err)
		}
	}
}

// untilIs waits until the file has that text; an empty text means that it is gone.
func (w *watched) untilIs(name, text string) {
	w.t.Helper()
	at := filepath.ToSlash(filepath.Join(w.dir, name))
	w.until(func(l Load) bool {
		got, ok := l.Contents[at]
		return l.Err == nil && ok == (text != "") && string(got) == text
	})
}

func keys(l Load) []string {
	var out []string
	for k := range l.Contents {
		out = append(out, filepath.Base(k))
	}
	slices.Sort(out)
	return out
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}

func TestOnlyFilesOfObjectsAreRead(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.yaml", "b.yml", "c.json", ".hidden.yaml", "a.yaml~", "#a.yaml#", ".a.yaml.swp", "4913", "notes.txt", "a.yaml.bak"} {
		put(t, dir, name, "x")
	}
	must(t, os.Mkdir(filepath.Join(dir, "sub.yaml"), 0o700))
	got, err := Read([]string{dir})
	must(t, err)
	if strings.Join(keys(Load{Contents: got}), " ") != "a.yaml b.yml c.json" {
		t.Error(keys(Load{Contents: got}))
	}
}

func TestABindingFileIsFoundBesideAFile(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.yaml", "a")
	put(t, dir, "other.yaml", "o")
	put(t, dir, "millrace.local.yaml", "b")
	got, err := Read([]string{filepath.Join(dir, "a.yaml")}, "millrace.local.yaml")
	must(t, err)
	if strings.Join(keys(Load{Contents: got}), " ") != "a.yaml millrace.local.yaml" {
		t.Error(keys(Load{Contents: got}))
	}
}

func TestWhatCannotBeReadIsNamed(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "large.yaml", "")
	must(t, os.Truncate(filepath.Join(dir, "large.yaml"), maxFile+1))
	for path, want := range map[string]string{
		filepath.Join(dir, "none.yaml"):  "no such file or directory",
		filepath.Join(dir, "large.yaml"): "it has 16777217 bytes",
	} {
		_, err := Read([]string{path})
		if err == nil || !strings.HasPrefix(err.Error(), "read "+path+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v", err)
		}
		if err := Watch(t.Context(), []string{path}, func(Load) { t.Error("it was handed over") }); err == nil {
			t.Error("it is watched all the same")
		}
	}
}

func TestAFileIsTakenHoweverAnEditorWritesIt(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.yaml", "one")
	w := watch(t, dir)

	put(t, dir, "a.yaml", "in place")
	w.untilIs("a.yaml", "in place")

	put(t, dir, ".a.yaml.tmp", "renamed over")
	must(t, os.Rename(filepath.Join(dir, ".a.yaml.tmp"), filepath.Join(dir, "a.yaml")))
	w.untilIs("a.yaml", "renamed over")

	put(t, dir, "a.yaml~", "backup")
	must(t, os.Rename(filepath.Join(dir, "a.yaml"), filepath.Join(dir, "a.yaml.bak")))
	put(t, dir, "a.yaml", "moved away and new")
	w.untilIs("a.yaml", "moved away and new")
	if got := strings.Join(keys(w.last), " "); got != "a.yaml" {
		t.Errorf("backups are read: %s", got)
	}

	must(t, os.Remove(filepath.Join(dir, "a.yaml")))
	w.untilIs("a.yaml", "")
	put(t, dir, "a.yaml", "again")
	w.untilIs("a.yaml", "again")

	put(t, dir, "b.yaml", "another")
	w.untilIs("b.yaml", "another")
}

func TestAFileIsTakenWholeWhenItIsWrittenInPieces(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.yaml", "old")
	put(t, dir, "seen.yaml", "0")
	w := watch(t, dir)
	for i := range 20 {
		f, err := os.Create(filepath.Join(dir, "a.yaml"))
		must(t, err)
		first, second := fmt.Sprintf("first %d ", i), fmt.Sprintf("second %d", i)
		_, err = f.WriteString(first)
		must(t, err)
		must(t, f.Sync())
		_, err = f.WriteString(second)
		must(t, err)
		must(t, f.Close())
		w.untilIs("a.yaml", first+second)
	}
}

// What is half written is not handed over where the system tells of writers; elsewhere, quiet alone tells.
func TestAFileThatSomeoneStillWritesIsWaitedFor(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "a.yaml"))
	must(t, err)
	_, err = f.WriteString("first ")
	must(t, err)
	w := &watcher{paths: []string{dir}}
	_, err = w.read()
	must(t, err)
	known := w.unfinished
	got := make(chan Contents, 1)
	go func() {
		c, _ := w.settled(t.Context())
		got <- c
	}()
	if !known {
		<-got // nothing is waited for where nothing is known
	}
	_, err = f.WriteString("second")
	must(t, err)
	must(t, f.Close())
	if known {
		if text := string((<-got)[filepath.ToSlash(f.Name())]); text != "first second" {
			t.Errorf("handed over %q", text)
		}
	}
	if _, err := w.read(); err != nil || w.unfinished {
		t.Errorf("a closed file is still waited for: %v", err)
	}
}

// Kubernetes mounts a ConfigMap as links through ..data, which is renamed over.
func TestAConfigMapIsSwappedAsAWhole(t *testing.T) {
	dir := t.TempDir()
	version := func(n int) {
		name := fmt.Sprintf("..v%d", n)
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		put(t, filepath.Join(dir, name), "a.yaml", fmt.Sprintf("a%d", n))
		put(t, filepath.Join(dir, name), "b.yaml", fmt.Sprintf("b%d", n))
		must(t, os.Symlink(name, filepath.Join(dir, "..data_tmp")))
		must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	version(1)
	for _, name := range []string{"a.yaml", "b.yaml"} {
		must(t, os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
	}
	w := watch(t, dir)
	for n := 2; n < 5; n++ {
		version(n)
		w.until(func(l Load) bool {
			a, b := string(l.Contents[filepath.ToSlash(filepath.Join(dir, "a.yaml"))]), string(l.Contents[filepath.ToSlash(filepath.Join(dir, "b.yaml"))])
			if a[1:] != b[1:] {
				t.Errorf("a is of %s and b of %s", a, b)
			}
			return a == fmt.Sprintf("a%d", n)
		})
		must(t, os.RemoveAll(filepath.Join(dir, fmt.Sprintf("..v%d", n-1))))
	}
}

func TestALinkIsFollowedToItsFile(t *testing.T) {
	real, dir := t.TempDir(), t.TempDir()
	put(t, real, "a.yaml", "one")
	link := filepath.Join(dir, "link.yaml")
	must(t, os.Symlink(filepath.Join(real, "a.yaml"), link))
	w := watch(t, dir, link)
	put(t, real, "a.yaml", "two")
	w.untilIs("link.yaml", "two")
}

func TestADirectoryThatGoesIsToldAndWaitedFor(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "conf")
	must(t, os.Mkdir(dir, 0o700))
	put(t, dir, "a.yaml", "one")
	w := watch(t, dir)
	for i := range 3 {
		must(t, os.RemoveAll(dir))
		w.until(func(l Load) bool { return errors.Is(l.Err, os.ErrNotExist) || l.Err != nil })
		if !strings.HasPrefix(w.last.Err.Error(), "read "+dir) {
			t.Errorf("%v", w.last.Err)
		}
		text := fmt.Sprintf("came back %d", i)
		must(t, os.Mkdir(dir, 0o700))
		put(t, dir, "a.yaml", text)
		w.untilIs("a.yaml", text)
		put(t, dir, "a.yaml", text+" and is watched")
		w.untilIs("a.yaml", text+" and is watched")
	}
}

func TestADirectoryThatIsReplacedIsWatchedInItsNewForm(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "conf")
	must(t, os.Mkdir(dir, 0o700))
	put(t, dir, "a.yaml", "one")
	w := watch(t, dir)
	next := filepath.Join(parent, "next")
	must(t, os.Mkdir(next, 0o700))
	put(t, next, "a.yaml", "two")
	must(t, os.Rename(dir, filepath.Join(parent, "old")))
	must(t, os.Rename(next, dir))
	w.untilIs("a.yaml", "two")
	put(t, dir, "a.yaml", "three")
	w.untilIs("a.yaml", "three")
}
