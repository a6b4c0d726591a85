package http1

import (
	"errors"
	"io"
	"net"
)

const (
	smallBuffer = 4 << 10 // what a connection holds while nothing larger is needed

	// defaultMaxHeader is Envoy's default for the largest head.
	defaultMaxHeader = 60 << 10
)

var errBufferFull = errors.New("the read buffer is full")

// reader buffers what was read from a connection and not consumed yet. Views of its buffer are valid until the next fill.
type reader struct {
	src   io.Reader
	await *awaiter // nil where src is no plain socket
	buf   []byte
	r, w  int // buf[r:w] is unread
}

func newReader(conn net.Conn) reader {
	return reader{src: conn, await: newAwaiter(conn), buf: make([]byte, smallBuffer)}
}

func (rd *reader) buffered() []byte { return rd.buf[rd.r:rd.w] }

func (rd *reader) consume(n int) { rd.r += n }

// fill reads once from the connection. The buffer grows up to limit bytes of unread data; past it, errBufferFull.
func (rd *reader) fill(limit int) error {
	if rd.r == rd.w {
		rd.r, rd.w = 0, 0
	}
	if rd.w == len(rd.buf) {
		switch unread := rd.w - rd.r; {
		case unread >= limit:
			return errBufferFull
		case rd.r > 0:
			rd.w = copy(rd.buf, rd.buf[rd.r:rd.w])
			rd.r = 0
		default:
			grown := make([]byte, min(max(2*len(rd.buf), smallBuffer), max(limit, smallBuffer)))
			copy(grown, rd.buf[:rd.w])
			rd.buf = grown
		}
	}
	n, err := rd.src.Read(rd.buf[rd.w:])
	rd.w += n
	if n > 0 {
		return nil // an error comes again with the next read
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// shrink gives a grown buffer up if nothing is in it, so that an idle connection holds little.
func (rd *reader) shrink() {
	if rd.r == rd.w && len(rd.buf) > 2*smallBuffer {
		rd.buf, rd.r, rd.w = make([]byte, smallBuffer), 0, 0
	}
}
