package supervisor

import (
	"math/rand/v2"
	"time"
)

const (
	firstPause = 100 * time.Millisecond
	longest    = 10 * time.Second

	// settled is how long a process must have been ready for its end to count as the first one again.
	settled = 10 * time.Second
)

// backoff is the pause before each next start: it doubles up to the longest, less up to a half by chance, so that servers
// that failed together do not start together.
type backoff struct{ failures int }

func (b *backoff) next() time.Duration {
	pause := min(firstPause<<min(b.failures, 16), longest)
	b.failures++
	return pause - rand.N(pause/2)
}

func (b *backoff) reset() { b.failures = 0 }
