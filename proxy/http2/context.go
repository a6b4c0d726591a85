package http2

import (
	"context"
	"sync"
	"time"
)

// leaving is the context of a request: done when the client left. It is a part of its exchange and costs nothing until
// someone asks for its channel.
type leaving struct {
	mu    sync.Mutex // guards all below; it may be taken under the connection's
	done  chan struct{}
	err   error
	after []*func()
}

var _ context.Context = (*leaving)(nil)

// Deadline implements context.Context; there is none.
func (*leaving) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value implements context.Context; there are none.
func (*leaving) Value(any) any { return nil }

// Err implements context.Context.
func (l *leaving) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Done implements context.Context.
func (l *leaving) Done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done == nil {
		l.done = make(chan struct{})
		if l.err != nil {
			close(l.done)
		}
	}
	return l.done
}

// AfterFunc calls f in a goroutine of its own when the context is done. Package context looks for it, so that a derived
// context needs no goroutine that waits.
func (l *leaving) AfterFunc(f func()) (stop func() bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		go f()
		return func() bool { return false }
	}
	p := &f
	l.after = append(l.after, p)
	return func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for i, q := range l.after {
			if q == p {
				l.after = append(l.after[:i], l.after[i+1:]...)
				return true
			}
		}
		return false
	}
}

func (l *leaving) cancel() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	l.err = context.Canceled
	if l.done != nil {
		close(l.done)
	}
	for _, f := range l.after {
		go (*f)()
	}
	l.after = nil
}

// renew makes l the context of another request; whoever still holds it as the last one's learns that that is over.
func (l *leaving) renew() {
	l.mu.Lock()
	asked := l.done != nil || len(l.after) > 0
	l.mu.Unlock()
	if asked {
		l.cancel()
	}
	l.mu.Lock()
	l.done, l.err = nil, nil
	l.mu.Unlock()
}
