package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// outcome is one request of a load.
type outcome struct {
	kind        string // which question it was
	began, took time.Time
	arm         string // what its answer tells of the way that it went
	failure     string // empty where it was answered as it should be
}

// shot sends one request and tells what its answer says.
type shot struct {
	kind string
	send func(context.Context) (arm string, err error)
}

// load sends shots without a pause from several workers, until it is stopped.
type load struct {
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu       sync.Mutex
	outcomes []outcome // guarded by mu
}

// startLoad starts a worker for each of shots.
func startLoad(ctx context.Context, shots []shot) *load {
	ctx, cancel := context.WithCancel(ctx)
	l := &load{cancel: cancel}
	for _, s := range shots {
		l.work.Go(func() {
			for ctx.Err() == nil {
				o := outcome{kind: s.kind, began: time.Now()}
				// A request that is under way is always finished: a load that ends must not look like one that failed.
				bounded, done := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
				arm, err := s.send(bounded)
				done()
				o.took, o.arm = time.Now(), arm
				if err != nil {
					o.failure = err.Error()
				}
				l.mu.Lock()
				l.outcomes = append(l.outcomes, o)
				l.mu.Unlock()
			}
		})
	}
	return l
}

// stop waits for the requests under way and returns all outcomes.
func (l *load) stop() []outcome {
	l.cancel()
	l.work.Wait()
	return l.outcomes
}

// so returns the outcomes so far.
func (l *load) so() []outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.outcomes)
}

// waitFor waits until n requests of a kind that began after since were answered.
func (l *load) waitFor(ctx context.Context, kind string, since time.Time, n int, within time.Duration) error {
	for limit := time.Now().Add(within); ; {
		got := 0
		for _, o := range l.so() {
			if o.kind == kind && o.began.After(since) {
				got++
			}
		}
		switch {
		case got >= n:
			return nil
		case time.Now().After(limit):
			return fmt.Errorf("%d of %d requests for %s were answered within %v", got, n, kind, within)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// failures returns what failed, each text once with its number.
func failures(outcomes []outcome) (total int, texts []string) {
	count := make(map[string]int)
	for _, o := range outcomes {
		if o.failure != "" {
			total++
			count[o.kind+": "+o.failure]++
		}
	}
	for text, n := range count {
		texts = append(texts, fmt.Sprintf("%d × %s", n, text))
	}
	slices.Sort(texts)
	return total, texts
}

// httpShot posts one body over kept connections; arm reads the answer.
func (d *demo) httpShot(kind, path string, body []byte, arm func([]byte) (string, error)) shot {
	return shot{kind, func(ctx context.Context) (string, error) {
		status, answer, err := post(ctx, d.client, d.url(path), body)
		switch {
		case err != nil:
			return "", err
		case status != http.StatusOK:
			return "", fmt.Errorf("status %d: %s", status, short(string(answer), 200))
		}
		return arm(answer)
	}}
}
