package system

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// Load sends requests without a pause from several workers until it is stopped.
type Load struct {
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu       sync.Mutex
	sent     int            // guarded by mu
	failures map[string]int // guarded by mu: by their text
}

// StartLoad starts workers that call send over and over. A request that is under way when the load stops is finished.
func StartLoad(t *testing.T, workers int, send func(context.Context) error) *Load {
	ctx, cancel := context.WithCancel(t.Context())
	l := &Load{cancel: cancel, failures: make(map[string]int)}
	for range workers {
		l.work.Go(func() {
			for ctx.Err() == nil {
				bounded, done := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
				err := send(bounded)
				done()
				l.mu.Lock()
				l.sent++
				if err != nil {
					l.failures[err.Error()]++
				}
				l.mu.Unlock()
			}
		})
	}
	t.Cleanup(func() { l.Stop() })
	return l
}

// Sent is how many requests were answered so far, in whatever way.
func (l *Load) Sent() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent
}

// More waits until n further requests were answered.
func (l *Load) More(t *testing.T, n int) {
	t.Helper()
	from := l.Sent()
	Eventually(t, fmt.Sprintf("%d more requests are answered", n), func() bool { return l.Sent() >= from+n })
}

// Stop waits for what is under way. It returns how many were sent, and of those that failed how many failed in which way.
func (l *Load) Stop() (sent int, failures map[string]int) {
	l.cancel()
	l.work.Wait()
	return l.sent, l.failures
}
