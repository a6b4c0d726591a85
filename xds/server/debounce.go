package server

import (
	"sync"
	"time"
)

// Defaults of [Debounce].
const (
	DefaultQuiet = 10 * time.Millisecond
	DefaultMax   = 50 * time.Millisecond
)

// Debouncer makes one call of many events that come close together. Its methods may be called from any goroutine.
type Debouncer struct {
	quiet, max time.Duration
	run        func()
	events     chan struct{}
	stop       chan struct{}
	done       chan struct{}
	once       sync.Once
}

// Debounce calls run once no event has come for quiet, and at the latest max after the first event that run has not
// seen. Calls never overlap; events during a call lead to another one. Zero durations are the defaults.
func Debounce(quiet, max time.Duration, run func()) *Debouncer {
	if quiet <= 0 {
		quiet = DefaultQuiet
	}
	if max <= 0 {
		max = DefaultMax
	}
	d := &Debouncer{
		quiet: quiet, max: max, run: run,
		events: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go d.loop()
	return d
}

// Notify says that something happened. It does not wait.
func (d *Debouncer) Notify() {
	select {
	case d.events <- struct{}{}:
	default:
	}
}

// Close waits for a call that is under way and makes no other. It may be called more than once, but not by run.
func (d *Debouncer) Close() {
	d.once.Do(func() { close(d.stop) })
	<-d.done
}

func (d *Debouncer) loop() {
	defer close(d.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-d.stop:
			return
		case <-d.events:
		}
		deadline := time.Now().Add(d.max)
		timer.Reset(min(d.quiet, d.max))
		for waiting := true; waiting; {
			select {
			case <-d.stop:
				return
			case <-d.events:
				timer.Reset(min(d.quiet, time.Until(deadline)))
			case <-timer.C:
				waiting = false
			}
		}
		d.run()
	}
}
