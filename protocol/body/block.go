package body

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

const (
	minClass = 10 // 1 KiB, the smallest block
	maxClass = 22 // 4 MiB; what is larger comes from the garbage collector and goes back to it
)

// block is a piece of pooled memory, charged to a budget by its capacity from the first reference to the last.
type block struct {
	refs    atomic.Int32
	buf     []byte
	budget  *Budget
	charged int64
}

var blocks [maxClass + 1]sync.Pool

// newBlock returns a block of at least n bytes with one reference, or nil where the budget has no room.
func newBlock(budget *Budget, n int) *block {
	class := min(max(bits.Len(uint(n-1)), minClass), maxClass+1)
	size := n
	if class <= maxClass {
		size = 1 << class
	}
	if !budget.take(int64(size)) {
		return nil
	}
	var blk *block
	if class <= maxClass {
		blk, _ = blocks[class].Get().(*block)
	}
	if blk == nil {
		blk = &block{buf: make([]byte, size)}
	}
	blk.budget, blk.charged = budget, int64(size)
	blk.refs.Store(1)
	return blk
}

func (blk *block) retain() { blk.refs.Add(1) }

func (blk *block) release() {
	switch n := blk.refs.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("body: block released too often")
	}
	poison(blk.buf)
	blk.budget.give(blk.charged)
	blk.budget = nil
	if class := bits.Len(uint(len(blk.buf) - 1)); class <= maxClass && len(blk.buf) == 1<<class {
		blocks[class].Put(blk)
	}
}
