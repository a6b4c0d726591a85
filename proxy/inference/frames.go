package inference

import (
	"encoding/binary"
	"io"

	"github.com/millrace/millrace/protocol/body"
)

// frames takes a gRPC body apart into its messages. It belongs to one goroutine.
type frames struct {
	recv   func() (*body.Body, error)
	limit  int64        // bytes of a message
	pieces []*body.Body // came and not taken yet; the frames' references
	size   int
}

// next returns the next message with its prefix; the caller owns the reference. io.EOF follows the last, and a message cut short is
// io.ErrUnexpectedEOF.
func (f *frames) next() (*body.Body, error) {
	need := prefixBytes
	for {
		if f.size >= need {
			whole := f.join()
			if need == prefixBytes {
				n := messageLength(whole)
				if n > f.limit {
					return nil, &body.TooLarge{Limit: f.limit}
				}
				need += int(n)
			}
			if f.size >= need {
				return f.take(whole, need), nil
			}
		}
		piece, err := f.recv()
		switch {
		case err == io.EOF && f.size > 0:
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		}
		f.pieces = append(f.pieces, piece)
		f.size += piece.Len()
	}
}

// join makes one piece of all.
func (f *frames) join() *body.Body {
	if len(f.pieces) > 1 {
		whole := body.Join(f.pieces...)
		f.release()
		f.pieces, f.size = append(f.pieces, whole), whole.Len()
	}
	return f.pieces[0]
}

// take takes the first n bytes of whole, which is all there is.
func (f *frames) take(whole *body.Body, n int) *body.Body {
	if n == whole.Len() {
		f.pieces, f.size = f.pieces[:0], 0
		return whole
	}
	message := whole.Slice(0, n)
	f.pieces[0], f.size = whole.Slice(n, whole.Len()), whole.Len()-n
	whole.Release()
	return message
}

// release gives back what was not taken.
func (f *frames) release() {
	for _, p := range f.pieces {
		p.Release()
	}
	f.pieces, f.size = f.pieces[:0], 0
}

// messageLength reads the length in a message's prefix.
func messageLength(framed *body.Body) int64 {
	prefix := framed.Slice(0, prefixBytes)
	defer prefix.Release()
	var p [prefixBytes]byte
	prefix.AppendTo(p[:0])
	return int64(binary.BigEndian.Uint32(p[1:]))
}
