package body

import "io"

// Writer builds a body in pooled memory. The zero Writer is ready, with no budget and no limit. It is not safe for
// concurrent use.
type Writer struct {
	Budget *Budget
	Limit  int64 // bytes; 0 means none

	body *Body
	blk  *block // the block being filled, on which the writer holds a reference
	used int    // bytes of blk handed out in segments or pending
	from int    // first byte of blk that is not in a segment yet
	size int64
	err  error
}

// Len returns the bytes written so far.
func (w *Writer) Len() int64 { return w.size }

// Space returns at least n bytes (n > 0) of writable memory at the end of the body; Commit says how many were filled.
func (w *Writer) Space(n int) ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	if w.blk == nil || len(w.blk.buf)-w.used < n {
		w.seal()
		blk := newBlock(w.Budget, max(n, int(min(w.size, 1<<20))))
		if blk == nil {
			w.err = ErrBudget
			return nil, w.err
		}
		w.blk = blk
	}
	return w.blk.buf[w.used:], nil
}

// Commit adds the first n bytes of the last Space to the body.
func (w *Writer) Commit(n int) error {
	w.used += n
	return w.grow(n)
}

// Write implements io.Writer by copying p.
func (w *Writer) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, w.err
	}
	space, err := w.Space(len(p))
	if err != nil {
		return 0, err
	}
	return len(p), w.Commit(copy(space, p))
}

// Append adds b without copying; the writer takes its own references.
func (w *Writer) Append(b *Body) error {
	if w.err != nil || b.Len() == 0 {
		return w.err
	}
	w.flush()
	w.ensure()
	for _, s := range b.segs {
		w.body.append(s.data, s.blk)
	}
	return w.grow(b.Len())
}

func (w *Writer) grow(n int) error {
	w.size += int64(n)
	if w.Limit > 0 && w.size > w.Limit {
		w.err = &TooLarge{Limit: w.Limit}
	}
	return w.err
}

// ReadFrom implements io.ReaderFrom: it reads r to its end.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	start := w.size
	for {
		space, err := w.Space(512)
		if err != nil {
			return w.size - start, err
		}
		n, err := r.Read(space)
		if cerr := w.Commit(n); cerr != nil {
			return w.size - start, cerr
		}
		if err == io.EOF {
			return w.size - start, nil
		}
		if err != nil {
			return w.size - start, err
		}
	}
}

// Body ends the writing and returns what was written; the caller owns the one reference. The writer is empty again.
// After an error the memory is given back and the error returned.
func (w *Writer) Body() (*Body, error) {
	if err := w.err; err != nil {
		w.Discard()
		return nil, err
	}
	w.seal()
	w.ensure()
	b := w.body
	*w = Writer{Budget: w.Budget, Limit: w.Limit}
	return b, nil
}

// Discard gives all memory back; the writer is empty again.
func (w *Writer) Discard() {
	w.seal()
	w.body.Release()
	*w = Writer{Budget: w.Budget, Limit: w.Limit}
}

func (w *Writer) ensure() {
	if w.body == nil {
		w.body = newBody()
	}
}

// flush puts what was written to the current block into a segment.
func (w *Writer) flush() {
	if w.blk != nil && w.used > w.from {
		w.ensure()
		w.body.append(w.blk.buf[w.from:w.used], w.blk)
		w.from = w.used
	}
}

// seal ends the current block.
func (w *Writer) seal() {
	w.flush()
	if w.blk != nil {
		w.blk.release()
	}
	w.blk, w.used, w.from = nil, 0, 0
}
