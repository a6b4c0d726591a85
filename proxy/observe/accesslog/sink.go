package accesslog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Options are the parts of [Sinks] that tests and embedders replace.
type Options struct {
	Stdout, Stderr io.Writer // nil are the process's
	// Buffer bounds the bytes that wait for each sink; 0 is 4 MiB.
	Buffer int
	// Delay is how long a line may wait for others to be written with it; 0 is 10 ms.
	Delay time.Duration
}

// Sinks owns what access logs are written to: logs that name the same file share one sink. It is safe for concurrent use.
type Sinks struct {
	o                Options
	written, dropped atomic.Uint64

	mu     sync.Mutex // guards what follows
	byName map[string]*sink
	closed bool
}

// NewSinks returns sinks without any open. Close ends them.
func NewSinks(o Options) *Sinks {
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	if o.Buffer <= 0 {
		o.Buffer = 4 << 20
	}
	if o.Delay <= 0 {
		o.Delay = 10 * time.Millisecond
	}
	return &Sinks{o: o, byName: map[string]*sink{}}
}

// Counts returns how many lines were written, and how many dropped because a sink was full or failed.
func (s *Sinks) Counts() (written, dropped uint64) { return s.written.Load(), s.dropped.Load() }

// Close writes out what waits and closes all files. Lines that come later are dropped.
func (s *Sinks) Close() error {
	s.mu.Lock()
	s.closed = true
	all := s.byName
	s.byName = map[string]*sink{}
	s.mu.Unlock()
	var errs []error
	for _, k := range all {
		errs = append(errs, k.close())
	}
	return errors.Join(errs...)
}

// The names of the standard streams; no path is like them.
const (
	stdout = "\x00stdout"
	stderr = "\x00stderr"
)

// take returns the sink of a name for one more user.
func (s *Sinks) take(name string) (*sink, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("open access log: the sinks are closed")
	}
	if k := s.byName[name]; k != nil {
		k.users++
		return k, nil
	}
	k := &sink{owner: s, name: name, users: 1, wake: make(chan struct{}, 1), quit: make(chan struct{})}
	switch name {
	case stdout:
		k.out = s.o.Stdout
	case stderr:
		k.out = s.o.Stderr
	default:
		f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return nil, fmt.Errorf("open access log: %w", err)
		}
		k.out, k.file = f, f
	}
	s.byName[name] = k
	k.work.Go(k.run)
	return k, nil
}

// give returns a sink that was taken, and closes it after its last user.
func (s *Sinks) give(k *sink) {
	s.mu.Lock()
	k.users--
	last := k.users == 0 && s.byName[k.name] == k
	if last {
		delete(s.byName, k.name)
	}
	s.mu.Unlock()
	if last {
		_ = k.close() // what could not be written is counted
	}
}

// sink is one file or stream with its writer.
type sink struct {
	owner *Sinks
	name  string
	users int // guarded by owner.mu
	out   io.Writer
	file  *os.File // nil for streams
	wake  chan struct{}
	quit  chan struct{}
	work  sync.WaitGroup

	mu     sync.Mutex // guards what follows; never held while writing
	buf    []byte
	lines  uint64
	closed bool
}

// put takes a line into the buffer, of which it keeps no view, or drops it. It never waits for the writer.
func (k *sink) put(line []byte) {
	k.mu.Lock()
	if k.closed || len(k.buf)+len(line) > k.owner.o.Buffer {
		k.mu.Unlock()
		k.owner.dropped.Add(1)
		return
	}
	first := len(k.buf) == 0
	k.buf = append(k.buf, line...)
	k.lines++
	k.mu.Unlock()
	if first {
		select {
		case k.wake <- struct{}{}:
		default:
		}
	}
}

// run writes what comes until the sink is closed. Two buffers take turns.
func (k *sink) run() {
	var spare []byte
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-k.quit:
			k.flush(spare)
			return
		case <-k.wake:
		}
		timer.Reset(k.owner.o.Delay)
		select {
		case <-k.quit:
		case <-timer.C:
		}
		spare = k.flush(spare)
	}
}

// keep is the largest buffer that is kept for another turn.
const keep = 256 << 10

// flush writes what is there, with the next lines going to spare, and returns the written buffer.
func (k *sink) flush(spare []byte) []byte {
	k.mu.Lock()
	out, lines := k.buf, k.lines
	k.buf, k.lines = spare[:0], 0
	k.mu.Unlock()
	if len(out) == 0 {
		return out
	}
	if _, err := k.out.Write(out); err != nil {
		k.owner.dropped.Add(lines)
	} else {
		k.owner.written.Add(lines)
	}
	if cap(out) > keep {
		return nil
	}
	return out
}

func (k *sink) close() error {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	close(k.quit)
	k.work.Wait()
	if k.file == nil {
		return nil
	}
	if err := k.file.Close(); err != nil {
		return fmt.Errorf("close access log: %w", err)
	}
	return nil
}
