//go:build !linux

package inference

import (
	"sync"
	"time"
)

// waitSet cannot poll on this system: replies are waited for in order.
type waitSet struct{ fds []int }

var waitSets = sync.Pool{New: func() any { return new(waitSet) }}

func (*waitSet) wait(time.Time) int { return 0 }
