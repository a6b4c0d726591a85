package body

import (
	"sync"
	"sync/atomic"
)

// Body is an immutable sequence of bytes in one or more segments, with a reference count. A new Body has one reference,
// owned by whoever made it. All methods are safe for concurrent use by holders of a reference. The nil Body is empty and
// ignores Retain and Release.
type Body struct {
	refs   atomic.Int32
	size   int
	segs   []segment
	inline [2]segment
	joined atomic.Pointer[[]byte]
}

// segment is a view of bytes; blk is nil for memory that the garbage collector owns.
type segment struct {
	data []byte
	blk  *block
}

var bodies = sync.Pool{New: func() any { return new(Body) }}

func newBody() *Body {
	b := bodies.Get().(*Body)
	b.refs.Store(1)
	b.size = 0
	if b.segs == nil {
		b.segs = b.inline[:0]
	}
	b.joined.Store(nil)
	return b
}

func (b *Body) append(data []byte, blk *block) {
	if len(data) == 0 {
		return
	}
	if blk != nil {
		blk.retain()
	}
	b.segs = append(b.segs, segment{data, blk})
	b.size += len(data)
}

// Of returns a body over p without copying it. p must never change again; it belongs to the garbage collector and is
// charged to no budget.
func Of(p []byte) *Body {
	b := newBody()
	b.append(p, nil)
	return b
}

// Copy returns a body with a copy of p in pooled memory, charged to budget.
func Copy(budget *Budget, p []byte) (*Body, error) {
	if len(p) == 0 {
		return newBody(), nil
	}
	blk := newBlock(budget, len(p))
	if blk == nil {
		return nil, ErrBudget
	}
	b := newBody()
	b.append(blk.buf[:copy(blk.buf, p)], blk)
	blk.release() // the body's segment holds its own reference
	return b, nil
}

// Join returns the parts one after another as one body, without copying. It takes its own references.
func Join(parts ...*Body) *Body {
	b := newBody()
	for _, p := range parts {
		if p == nil {
			continue
		}
		for _, s := range p.segs {
			b.append(s.data, s.blk)
		}
	}
	return b
}

// Slice returns bytes [from, to) of b as a body of its own that shares b's memory. It panics where the range is not
// within b, as slicing does.
func (b *Body) Slice(from, to int) *Body {
	if from < 0 || to < from || to > b.Len() {
		panic("body: slice out of range")
	}
	out := newBody()
	if b == nil {
		return out
	}
	for _, s := range b.segs {
		if from < len(s.data) && to > 0 {
			out.append(s.data[max(from, 0):min(to, len(s.data))], s.blk)
		}
		from, to = from-len(s.data), to-len(s.data)
		if to <= 0 {
			break
		}
	}
	return out
}

// Retain adds a reference and returns b, so that it can stand in an assignment.
func (b *Body) Retain() *Body {
	if b != nil && b.refs.Add(1) <= 1 {
		panic("body: retained after its last release")
	}
	return b
}

// Release gives a reference back. After the last one the memory may be used for another body.
func (b *Body) Release() {
	if b == nil {
		return
	}
	switch n := b.refs.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("body: released too often")
	}
	for i := range b.segs {
		if blk := b.segs[i].blk; blk != nil {
			blk.release()
		}
		b.segs[i] = segment{}
	}
	b.segs = b.segs[:0] // a list that has grown is used again
	b.joined.Store(nil)
	if recycleBodies {
		bodies.Put(b)
	}
}

// Len returns the number of bytes.
func (b *Body) Len() int {
	if b == nil {
		return 0
	}
	return b.size
}

// Segments returns the number of segments.
func (b *Body) Segments() int {
	if b == nil {
		return 0
	}
	return len(b.segs)
}

// Segment returns the i-th segment. It is valid, and must not be written, while the caller holds a reference.
func (b *Body) Segment(i int) []byte { return b.segs[i].data }

// Bytes returns all bytes in one slice, valid and not to be written while the caller holds a reference. A body of one
// segment is returned as it is; one of several is joined once, in memory of the garbage collector.
func (b *Body) Bytes() []byte {
	switch {
	case b == nil || len(b.segs) == 0:
		return nil
	case len(b.segs) == 1:
		return b.segs[0].data
	}
	if p := b.joined.Load(); p != nil {
		return *p
	}
	all := b.AppendTo(make([]byte, 0, b.size))
	b.joined.Store(&all)
	return all
}

// AppendTo appends all bytes to dst.
func (b *Body) AppendTo(dst []byte) []byte {
	if b == nil {
		return dst
	}
	for _, s := range b.segs {
		dst = append(dst, s.data...)
	}
	return dst
}
