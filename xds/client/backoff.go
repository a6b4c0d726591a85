package client

import (
	"math/rand/v2"
	"time"
)

// Backoff says how long to wait between attempts: Base, doubled with each attempt up to Max, each wait shortened by a
// random part of up to a half, so that proxies that lost one control plane do not come back in step.
type Backoff struct {
	Base, Max time.Duration
}

// wait is how long to wait before attempt number n, counted from 0.
func (b Backoff) wait(n int) time.Duration {
	d := b.Base
	for ; n > 0 && d < b.Max; n-- {
		d *= 2
	}
	d = min(d, b.Max)
	if d <= 1 {
		return d
	}
	return d - rand.N(d/2+1)
}
