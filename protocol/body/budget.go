package body

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// ErrBudget is returned when the process holds as many body bytes as it may. A proxy answers 503 or RESOURCE_EXHAUSTED.
var ErrBudget = errors.New("the process's budget for request and reply bodies is used up")

// TooLarge is returned by a [Writer] whose body exceeds the limit it was given. A proxy answers 413 or RESOURCE_EXHAUSTED.
type TooLarge struct {
	Limit int64 // bytes
}

func (e *TooLarge) Error() string {
	return fmt.Sprintf("body exceeds the limit of %d bytes", e.Limit)
}

// Budget bounds the bytes of all bodies that share it. It is safe for concurrent use. A nil Budget is unbounded.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget returns a budget of limit bytes; limit <= 0 means no bound, with the use still counted.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Used returns the bytes charged now.
func (b *Budget) Used() int64 {
	if b == nil {
		return 0
	}
	return b.used.Load()
}

// Limit returns the bound in bytes, or 0 where there is none.
func (b *Budget) Limit() int64 {
	if b == nil {
		return 0
	}
	return max(b.limit, 0)
}

func (b *Budget) take(n int64) bool {
	if b == nil {
		return true
	}
	if used := b.used.Add(n); b.limit > 0 && used > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *Budget) give(n int64) {
	if b != nil {
		b.used.Add(-n)
	}
}
