package http1

import "time"

// deadline is one direction's deadline of a connection. Setting a connection's deadline costs more than a look at the
// clock, so one that is merely to bound idleness is set a little late and left alone until it has to move. It is not safe
// for concurrent use.
type deadline struct {
	set func(time.Time) error
	at  time.Time // what was set, zero where nothing is
}

// within has the direction fail after d without progress, or up to a quarter later. d <= 0 is no bound.
func (x *deadline) within(d time.Duration) {
	if d <= 0 {
		x.clear()
		return
	}
	now := time.Now()
	if left := x.at.Sub(now); !x.at.IsZero() && left >= d && left <= d+d/4 {
		return
	}
	x.at = now.Add(d + d/4)
	_ = x.set(x.at)
}

// exactly has the direction fail after d.
func (x *deadline) exactly(d time.Duration) {
	x.at = time.Now().Add(d)
	_ = x.set(x.at)
}

// clear takes the deadline away.
func (x *deadline) clear() {
	if !x.at.IsZero() {
		x.at = time.Time{}
		_ = x.set(x.at)
	}
}
