package http2

import (
	"bufio"
	"io"
	"net"
	"sync"
)

const (
	readBuffer = 64 << 10 // bytes read at once; a peer that sends much fills it with four frames
	ownBuffer  = 32 << 10 // the same where the connection is no plain socket, and keeps the buffer while it waits
	noProgress = 100      // reads of nothing before it is an error, as in bufio
)

// lent are the buffers of the connections that have something to read.
var lent = sync.Pool{New: func() any { return new([readBuffer]byte) }}

// source buffers what is read from a connection, as bufio.Reader does, but holds no buffer while it waits for a peer that has
// sent all of what it began: an idle connection costs nothing, so that one which is not can read much at once. It is used by
// the goroutine that reads.
type source struct {
	nc   net.Conn
	idle *idleWait // nil where nc is no plain socket
	pool *[readBuffer]byte
	buf  []byte // nil, or of size bytes
	size int
	r, w int // buf[r:w] is unread
	err  error
}

var _ interface {
	io.Reader
	io.ByteReader
} = (*source)(nil)

// init makes s read from nc, after the bytes of preread, which are copied.
func (s *source) init(nc net.Conn, preread []byte) {
	s.nc, s.idle, s.size = nc, newIdleWait(nc), ownBuffer
	if s.idle != nil {
		s.size = readBuffer
	}
	if len(preread) > 0 {
		s.take()
		if len(preread) > s.size {
			s.buf = make([]byte, len(preread)) // what was read to know the protocol is less than that
		}
		s.w = copy(s.buf, preread)
	}
}

// take gets a buffer.
func (s *source) take() {
	switch {
	case s.buf != nil:
	case s.idle == nil:
		s.buf = make([]byte, s.size)
	default:
		s.pool = lent.Get().(*[readBuffer]byte)
		s.buf = s.pool[:]
	}
}

// give gives the buffer back, if it was lent. Views of it end.
func (s *source) give() {
	if s.pool != nil {
		lent.Put(s.pool)
		s.pool, s.buf = nil, nil
	}
}

// Size is how much Peek can show.
func (s *source) Size() int { return s.size }

// Buffered is how much can be had without reading from the connection.
func (s *source) Buffered() int { return s.w - s.r }

// fill reads once from the connection, behind what is unread.
func (s *source) fill() error {
	if s.err != nil {
		return s.err
	}
	if s.r == s.w {
		s.r, s.w = 0, 0
		if s.idle != nil {
			s.give()
			s.w, s.err = s.idle.read(s)
			if s.w > 0 {
				return nil
			}
			s.give()
			return s.err
		}
	}
	s.take()
	if s.r > 0 {
		s.r, s.w = 0, copy(s.buf, s.buf[s.r:s.w])
	}
	for range noProgress {
		n, err := s.nc.Read(s.buf[s.w:])
		s.w, s.err = s.w+n, err
		if n > 0 {
			return nil // an error comes again with the next one
		}
		if err != nil {
			return err
		}
	}
	s.err = io.ErrNoProgress
	return s.err
}

// Peek returns the next n bytes, at most Size, without taking them; valid until the next call. With an error there are fewer.
func (s *source) Peek(n int) ([]byte, error) {
	if n > s.size {
		return nil, bufio.ErrBufferFull
	}
	for s.Buffered() < n {
		if err := s.fill(); err != nil {
			return s.buf[s.r:s.w], err
		}
	}
	return s.buf[s.r : s.r+n], nil
}

// Discard takes n bytes off.
func (s *source) Discard(n int) (int, error) {
	for left := n; ; {
		step := min(left, s.Buffered())
		s.r += step
		if left -= step; left == 0 {
			return n, nil
		}
		if err := s.fill(); err != nil {
			return n - left, err
		}
	}
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if s.Buffered() == 0 {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.buf[s.r:s.w])
	s.r += n
	return n, nil
}

// ReadByte implements io.ByteReader.
func (s *source) ReadByte() (byte, error) {
	if s.Buffered() == 0 {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	s.r++
	return s.buf[s.r-1], nil
}
