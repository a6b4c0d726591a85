package http1

import (
	"context"
	"sync"
	"time"
)

// leaveContext is the context of the request that a connection serves now. It is done when the client has left or the
// connection was given up, and when the request ends. It is used again for the connection's next request; nothing is
// allocated unless Done or AfterFunc is called.
type leaveContext struct {
	mu     sync.Mutex // guards all fields
	left   bool       // the client is gone: true for all requests to come
	over   bool       // the request's end is being told
	done   chan struct{}
	after  []*afterFunc
	cancel canceler
}

type afterFunc struct{ run func() }

// canceler is what NotifyCancel calls; stream.Upstream is one.
type canceler interface{ Cancel() }

var _ context.Context = (*leaveContext)(nil)

// Deadline implements context.Context; there is none.
func (c *leaveContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value implements context.Context; there are none.
func (c *leaveContext) Value(any) any { return nil }

// Done implements context.Context. The channel is made by the first call in a request.
func (c *leaveContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.left {
			close(c.done)
		}
	}
	return c.done
}

// Err implements context.Context.
func (c *leaveContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left || c.over {
		return context.Canceled
	}
	return nil
}

// AfterFunc arranges for f to run in a goroutine of its own when the context is done. Package context uses it, so that a
// derived context needs no goroutine that waits.
func (c *leaveContext) AfterFunc(f func()) (stop func() bool) {
	a := &afterFunc{f}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left {
		go f()
		return func() bool { return false }
	}
	c.after = append(c.after, a)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i := range c.after {
			if c.after[i] == a {
				c.after = append(c.after[:i], c.after[i+1:]...)
				return true
			}
		}
		return false
	}
}

// NotifyCancel has x.Cancel called, at most once, when the client leaves; nil takes that back, and once NotifyCancel has
// returned no call to the one before is under way. It allocates nothing. There is one x at a time.
func (c *leaveContext) NotifyCancel(x interface{ Cancel() }) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel = x
	if c.left && x != nil {
		c.cancel = nil
		x.Cancel()
	}
}

// leave ends the context for this request and all to come. It may be called by any goroutine, and more than once.
func (c *leaveContext) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left {
		return
	}
	c.left = true
	c.fire()
	if x := c.cancel; x != nil {
		c.cancel = nil
		x.Cancel()
	}
}

// finish ends the request's context and makes it ready for the next one.
func (c *leaveContext) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel = nil
	if c.done != nil && !c.left {
		close(c.done)
	}
	c.done = nil
	if len(c.after) == 0 {
		return
	}
	// Contexts that the handler derived and left behind learn of the end while Err still says so: package context insists.
	after := c.after
	c.after, c.over = nil, true
	c.mu.Unlock()
	for _, a := range after {
		a.run()
	}
	c.mu.Lock()
	c.over = false
}

// fire tells everyone who waits. c.mu is held.
func (c *leaveContext) fire() {
	if c.done != nil {
		close(c.done)
	}
	for _, a := range c.after {
		go a.run()
	}
	clear(c.after)
	c.after = c.after[:0]
}
