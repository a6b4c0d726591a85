package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Client asks one question after another. It is one worker's.
type Client interface {
	// Ask sends the question and verifies the answer.
	Ask() error
	// Close ends what the client alone has.
	Close() error
}

// Plan is how to ask.
type Plan struct {
	// Workers is how many ask at once.
	Workers int
	// Rate is the requests per second of all workers together; 0 asks again as soon as there is an answer.
	Rate float64
	// Dial makes a worker's client.
	Dial func(worker int) (Client, error)
}

// Run is a load that is under way. Its methods are for one goroutine.
type Run struct {
	plan    Plan
	workers []*worker
	begin   time.Time
	done    chan struct{}
	once    sync.Once
	work    sync.WaitGroup
}

// worker is one client's loop.
type worker struct {
	client Client
	count  atomic.Int64
	times  []time.Duration
	err    error
}

// Start connects all workers, lets each ask once, and starts the load.
func Start(p Plan) (*Run, error) {
	r := &Run{plan: p, done: make(chan struct{})}
	for i := range p.Workers {
		c, err := p.Dial(i)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start load: worker %d: %w", i, err), r.close())
		}
		r.workers = append(r.workers, &worker{client: c, times: make([]time.Duration, 0, 4096)})
		if err := c.Ask(); err != nil {
			return nil, errors.Join(fmt.Errorf("start load: worker %d: %w", i, err), r.close())
		}
	}
	r.begin = time.Now()
	for i, w := range r.workers {
		r.work.Go(func() {
			if p.Rate == 0 {
				w.err = r.closed(w)
			} else {
				w.err = r.open(w, i)
			}
			if w.err != nil {
				r.end()
			}
		})
	}
	return r, nil
}

func (r *Run) end() { r.once.Do(func() { close(r.done) }) }

// over tells whether the run has ended.
func (r *Run) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// closed asks again as soon as there is an answer.
func (r *Run) closed(w *worker) error {
	for !r.over() {
		at := time.Now()
		if err := w.client.Ask(); err != nil {
			return err
		}
		w.add(time.Since(at))
	}
	return nil
}

// open asks at the worker's own times, whatever the answers take. A question that was due while the one before was unanswered
// counts from when it was due, so a slow answer is not hidden by the questions that it kept back; one that found its client
// free counts from when it was sent, so that the timers of this process are not taken for the proxy's time.
func (r *Run) open(w *worker, i int) error {
	period := time.Duration(float64(time.Second) * float64(r.plan.Workers) / r.plan.Rate)
	due := r.begin.Add(period * time.Duration(i) / time.Duration(r.plan.Workers))
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	for {
		from := due
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-r.done:
				return nil
			case <-timer.C:
			}
			from = time.Now()
		} else if r.over() {
			return nil
		}
		if err := w.client.Ask(); err != nil {
			return err
		}
		w.add(time.Since(from))
		due = due.Add(period)
	}
}

func (w *worker) add(t time.Duration) {
	w.times = append(w.times, t)
	w.count.Add(1)
}

// Count is how many answers there are so far.
func (r *Run) Count() int64 {
	var n int64
	for _, w := range r.workers {
		n += w.count.Load()
	}
	return n
}

// For lets the load go on for d. Its error is that of the first worker that failed, or ctx's.
func (r *Run) For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.done:
		return errors.Join(r.Stop()...)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Stop ends the load, waits for the answers under way, closes the clients, and returns what went wrong.
func (r *Run) Stop() []error {
	r.end()
	r.work.Wait()
	var errs []error
	for i, w := range r.workers {
		if w.err != nil {
			errs = append(errs, fmt.Errorf("worker %d, after %d answers: %w", i, w.count.Load(), w.err))
		}
	}
	if err := r.close(); err != nil {
		errs = append(errs, err)
	}
	return errs
}

func (r *Run) close() error {
	var errs []error
	for _, w := range r.workers {
		errs = append(errs, w.client.Close())
	}
	return errors.Join(errs...)
}

// Times are the times of the answers, in no order. Stop comes before.
func (r *Run) Times() []time.Duration {
	var all []time.Duration
	for _, w := range r.workers {
		all = append(all, w.times...)
	}
	return all
}
