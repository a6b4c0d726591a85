package http2

import (
	"context"
	"sync"
	"time"
)

// leaving is the context of a request: done when the client left. It is a part of its exchange and costs nothing until
// someone asks for its channel.
type leaving struct {
	mu     sync.Mutex // guards all below; it may be taken under the connection's
	done   chan struct{}
	err    error
	after  []*func()
	cancel canceler
	asked  bool // somebody may hold on to it beyond its request
}

// canceler is what NotifyCancel calls; stream.Upstream is one.
type canceler interface{ Cancel() }

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
	l.asked = true
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
	l.asked = true
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

// NotifyCancel has x.Cancel called, at most once, when the client leaves; nil takes that back, and once NotifyCancel has
// returned no call to the one before is under way. It allocates nothing. There is one x at a time. x.Cancel must not use
// the client's exchange.
func (l *leaving) NotifyCancel(x interface{ Cancel() }) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cancel = x
	if l.err != nil && x != nil {
		l.cancel = nil
		x.Cancel()
	}
}

// leave ends the context: the client left.
func (l *leaving) leave() {
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
	if x := l.cancel; x != nil {
		l.cancel = nil
		x.Cancel()
	}
}

// renewed returns the context of another request: l itself, unless somebody may still hold it as the last one's, who learns
// that that is over and reads its error for good.
func (l *leaving) renewed() *leaving {
	if l == nil {
		return new(leaving)
	}
	l.mu.Lock()
	asked := l.asked
	if l.cancel = nil; !asked {
		l.err = nil
	}
	l.mu.Unlock()
	if asked {
		l.leave()
		return new(leaving)
	}
	return l
}
