package http1

import (
	"io"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

const (
	minPiece  = 4 << 10   // bytes asked from the socket at once, to begin with
	keenPiece = 32 << 10  // the same where no memory is held while there is nothing to read
	maxPiece  = 256 << 10 // and at most
)

// bodyReader takes one message's body off a reader, whatever ends it. The zero bodyReader is a body that is over.
type bodyReader struct {
	end      ending
	left     int64 // byLength: of the body; byChunks: of the chunk
	done     bool  // the end was seen, trailers included
	chunk    chunkState
	trailers stream.Header

	limit    int64 // bytes of the body that are taken, 0 for all
	received int64
	piece    int         // bytes to ask for next, 0 to begin with; grows while the peer keeps up
	overhead int         // chunk lines and trailers since the last byte of body
	writer   body.Writer // of the piece that is being read; empty between two
	max      int         // bytes of one chunk line or of all trailers
}

// chunkState is the place within a chunked body (RFC 9112, section 7.1).
type chunkState uint8

const (
	inSize chunkState = iota
	inData
	inDataEnd
	inTrailers
)

// start begins another body; its trailers and its memory are kept empty for it.
func (b *bodyReader) start(end ending, length, limit int64, maxLine int) {
	b.end, b.left, b.chunk = end, length, inSize
	b.done = end == byNothing || end == byLength && length == 0
	b.limit, b.received, b.piece, b.overhead, b.max = limit, 0, 0, 0, maxLine
	b.trailers.Reset()
}

// next returns the next piece, as much as is there, and io.EOF past the end. It reads from the connection (after calling
// wait) only if nothing is buffered. A connection that ends too early is io.ErrUnexpectedEOF.
func (b *bodyReader) next(rd *reader, budget *body.Budget, wait func() error) (*body.Body, error) {
	for {
		if b.done {
			return nil, io.EOF
		}
		if b.end == byChunks && b.chunk != inData {
			switch ready, err := b.advance(rd.buffered(), rd); {
			case err != nil:
				return nil, err
			case ready:
				continue
			}
			if err := b.fill(rd, wait); err != nil {
				return nil, err
			}
			continue
		}
		if b.limit > 0 && b.end == byLength && b.received+b.left > b.limit {
			return nil, &body.TooLarge{Limit: b.limit}
		}
		if len(rd.buffered()) > 0 {
			return b.takeBuffered(rd, budget)
		}
		if b.end == byChunks && b.left < smallBuffer {
			// A small chunk comes with the line behind it: one read for both.
			if err := b.fill(rd, wait); err != nil {
				return nil, err
			}
			continue
		}
		return b.takeDirect(rd, budget, wait)
	}
}

// takeBuffered copies what is buffered of the body into a piece, over as many chunks as there are.
func (b *bodyReader) takeBuffered(rd *reader, budget *body.Budget) (*body.Body, error) {
	w := &b.writer // a part of b, so that handing it on allocates nothing
	w.Budget = budget
	for !b.done {
		if b.end == byChunks && b.chunk != inData {
			ready, err := b.advance(rd.buffered(), rd)
			if err != nil {
				w.Discard()
				return nil, err
			}
			if !ready {
				break
			}
			continue
		}
		p := rd.buffered()
		if len(p) == 0 {
			break
		}
		if b.end != byClose {
			p = p[:min(int64(len(p)), b.left)]
		}
		if _, err := w.Write(p); err != nil {
			w.Discard()
			return nil, err
		}
		rd.consume(len(p))
		if err := b.took(len(p)); err != nil {
			w.Discard()
			return nil, err
		}
	}
	if err := b.topUp(rd, w); err != nil {
		w.Discard()
		return nil, err
	}
	return w.Body()
}

// topUp adds to what was buffered the bytes that lie in the socket already, so that both are sent on by one write.
func (b *bodyReader) topUp(rd *reader, w *body.Writer) error {
	if b.done || rd.await == nil || b.end == byChunks || len(rd.buffered()) > 0 {
		return nil
	}
	b.begin(rd)
	n, err := rd.await.now(w, b.want())
	if n == 0 || err != nil {
		return err
	}
	if err := w.Commit(n); err != nil {
		return err
	}
	return b.took(n)
}

// begin chooses the size of the first piece.
func (b *bodyReader) begin(rd *reader) {
	if b.piece > 0 {
		return
	}
	if b.piece = minPiece; rd.await != nil {
		b.piece = keenPiece
	}
}

// takeDirect reads from the connection into the memory of the piece.
func (b *bodyReader) takeDirect(rd *reader, budget *body.Budget, wait func() error) (*body.Body, error) {
	if err := wait(); err != nil {
		return nil, err
	}
	b.begin(rd)
	w := &b.writer // a part of b, so that handing it on allocates nothing
	w.Budget = budget
	var n int
	var err error
	if rd.await != nil {
		n, err = rd.await.read(w, b.want())
	} else {
		var space []byte
		if space, err = w.Space(b.want()); err != nil {
			w.Discard()
			return nil, err
		}
		n, err = rd.src.Read(space[:b.want()])
	}
	if err == body.ErrBudget {
		w.Discard()
		return nil, err
	}
	if n == 0 {
		w.Discard()
		return nil, b.ended(err)
	}
	switch {
	case n >= b.piece:
		b.piece = min(b.piece*4, maxPiece)
	case n < b.piece/8:
		b.piece = max(b.piece/2, minPiece)
	}
	if err := w.Commit(n); err != nil {
		w.Discard()
		return nil, err
	}
	if err := b.took(n); err != nil {
		w.Discard()
		return nil, err
	}
	return w.Body()
}

// want is how many bytes to ask for: no more than there are to come.
func (b *bodyReader) want() int {
	if b.end == byClose {
		return b.piece
	}
	return int(min(int64(b.piece), b.left))
}

// took counts n bytes of body.
func (b *bodyReader) took(n int) error {
	b.received += int64(n)
	b.overhead = 0
	if b.limit > 0 && b.received > b.limit {
		return &body.TooLarge{Limit: b.limit}
	}
	if b.end == byClose {
		return nil
	}
	if b.left -= int64(n); b.left == 0 {
		if b.end == byLength {
			b.done = true
		} else {
			b.chunk = inDataEnd
		}
	}
	return nil
}

func (b *bodyReader) fill(rd *reader, wait func() error) error {
	if err := wait(); err != nil {
		return err
	}
	if err := rd.fill(max(b.max, smallBuffer)); err != nil {
		if err == errBufferFull {
			return errHeadTooBig
		}
		return b.ended(err)
	}
	return nil
}

// ended turns the end of the connection into the end of the body, or into an error.
func (b *bodyReader) ended(err error) error {
	switch {
	case err == nil:
		return io.ErrNoProgress
	case err != io.EOF:
		return err
	case b.end == byClose:
		b.done = true
		return io.EOF
	}
	return io.ErrUnexpectedEOF
}
