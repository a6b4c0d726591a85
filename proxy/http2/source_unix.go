//go:build unix

package http2

import (
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// idleWait waits for a plain socket without a buffer: one is taken for each attempt to read and given back where nothing is
// there. Its function is bound once, so that reading allocates nothing.
type idleWait struct {
	raw syscall.RawConn
	try func(fd uintptr) bool
	s   *source
	n   int
	err error
}

// newIdleWait returns nil where the connection is not a socket itself.
func newIdleWait(nc net.Conn) *idleWait {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return nil
	}
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil
	}
	i := &idleWait{raw: raw}
	i.try = i.attempt
	return i
}

// read fills the empty buffer of s, as io.Reader does.
func (i *idleWait) read(s *source) (int, error) {
	i.s, i.n, i.err = s, 0, nil
	err := i.raw.Read(i.try)
	i.s = nil
	if err != nil {
		return 0, err
	}
	return i.n, i.err
}

// attempt tells whether there is a result.
func (i *idleWait) attempt(fd uintptr) bool {
	i.s.take()
	for {
		i.n, i.err = unix.Read(int(fd), i.s.buf)
		if i.err != unix.EINTR {
			break
		}
	}
	switch {
	case i.err == unix.EAGAIN:
		i.s.give()
		return false
	case i.err != nil:
		i.n, i.err = 0, &net.OpError{Op: "read", Net: "tcp", Err: i.err}
	case i.n == 0:
		i.err = io.EOF
	}
	return true
}
