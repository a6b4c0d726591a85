package http1

import (
	"errors"
	"net"
	"strconv"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// gather is the size from which a piece of a body is written from where it lies, in one call with what is pending. What is
// smaller is copied behind it: a copy costs less than another element of the vector.
const gather = 4 << 10

var (
	errLongBody  = errors.New("send body: more bytes than the Content-Length that was sent")
	errShortBody = errors.New("send body: fewer bytes than the Content-Length that was sent")
	errNoHead    = errors.New("send body: the head was not sent")
	errHeadTwice = errors.New("send head: it was sent before")
)

// bodyWriter frames one message's body and writes it, with what is pending before it, in as few calls as it can. It is
// not safe for concurrent use.
type bodyWriter struct {
	conn net.Conn
	buf  []byte // pending bytes, owned
	end  ending
	left int64 // byLength: bytes that are still to come
	done bool  // the body is ended
	sent int64 // bytes of body

	wrote uint64 // bytes that the connection took, over its life
	base  [][]byte
	vec   net.Buffers
	line  [24]byte
}

// start begins a message's body behind the head in w.buf.
func (w *bodyWriter) start(end ending, length int64) {
	w.end, w.left, w.sent = end, length, 0
	w.done = end == byNothing
}

// write frames b and writes it with all that is pending. It does not release b.
func (w *bodyWriter) write(b *body.Body, end bool) error {
	n := b.Len()
	switch w.end {
	case byNothing:
		return w.flush() // a body that must not be sent, as HEAD's
	case byLength:
		if w.left -= int64(n); w.left < 0 {
			return errLongBody
		}
		w.done = w.left == 0
		if end && !w.done {
			return errShortBody
		}
	default:
		w.done = w.done || end
	}
	w.sent += int64(n)
	if n == 0 {
		if end && w.end == byChunks {
			w.buf = append(w.buf, "0\r\n\r\n"...)
		}
		return w.flush()
	}
	tail := ""
	if w.end == byChunks {
		w.buf = append(append(w.buf, strconv.AppendInt(w.line[:0], int64(n), 16)...), "\r\n"...)
		if tail = "\r\n"; end {
			tail = "\r\n0\r\n\r\n"
		}
	}
	if n < gather {
		w.buf = append(b.AppendTo(w.buf), tail...)
		return w.flush()
	}
	return w.gather(b, tail)
}

// gather writes what is pending, the segments of b and the tail in one call.
func (w *bodyWriter) gather(b *body.Body, tail string) error {
	head := len(w.buf)
	w.buf = append(w.buf, tail...)
	w.base = w.base[:0]
	if head > 0 {
		w.base = append(w.base, w.buf[:head])
	}
	for i := range b.Segments() {
		w.base = append(w.base, b.Segment(i))
	}
	if len(tail) > 0 {
		w.base = append(w.base, w.buf[head:])
	}
	w.vec = w.base
	n, err := w.vec.WriteTo(w.conn)
	w.wrote += uint64(n)
	w.vec = nil
	clear(w.base) // the segments belong to whoever holds the body
	w.reset()
	return err
}

// trailers ends a chunked body; where the message has another end, they are dropped.
func (w *bodyWriter) trailers(h *stream.Header) error {
	if w.end != byChunks {
		return w.write(nil, true)
	}
	w.done = true
	w.buf = append(w.buf, "0\r\n"...)
	for name, value := range h.All() {
		if allowedTrailer(name) {
			w.buf = appendField(w.buf, name, value)
		}
	}
	w.buf = append(w.buf, "\r\n"...)
	return w.flush()
}

// flush writes what is pending.
func (w *bodyWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	n, err := w.conn.Write(w.buf)
	w.wrote += uint64(n)
	w.reset()
	return err
}

// reset empties the buffer and gives up one that a large head made grow.
func (w *bodyWriter) reset() {
	if w.buf = w.buf[:0]; cap(w.buf) > 4*gather {
		w.buf = nil
	}
}
