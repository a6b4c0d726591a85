//go:build unix

package http1

import (
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/millrace/millrace/protocol/body"
)

// awaiter reads from a plain socket into memory that is taken when there is something to read, not before: a peer that is slow
// with a body then holds no memory, so what is asked for at once can be large. Its function is bound once, so that reading
// allocates nothing. It is used by the goroutine that receives.
type awaiter struct {
	raw  syscall.RawConn
	try  func(fd uintptr) bool
	w    *body.Writer
	want int
	n    int
	err  error
}

// newAwaiter returns nil where the connection is not a socket itself.
func newAwaiter(conn net.Conn) *awaiter {
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return nil
	}
	raw := rawConn(conn)
	if raw == nil {
		return nil
	}
	a := &awaiter{raw: raw}
	a.try = a.attempt
	return a
}

// read waits for bytes and reads up to want of them into space of w, which is left to be committed. Its results are those of
// io.Reader.
func (a *awaiter) read(w *body.Writer, want int) (int, error) {
	a.w, a.want, a.n, a.err = w, want, 0, nil
	err := a.raw.Read(a.try)
	a.w = nil
	if err != nil {
		return 0, err
	}
	return a.n, a.err
}

// attempt tells whether there is a result.
func (a *awaiter) attempt(fd uintptr) bool {
	space, err := a.w.Space(a.want)
	if err != nil {
		a.err = err
		return true
	}
	space = space[:a.want]
	for {
		a.n, a.err = unix.Read(int(fd), space)
		if a.err != unix.EINTR {
			break
		}
	}
	switch {
	case a.err == unix.EAGAIN:
		a.w.Discard()
		return false
	case a.err != nil:
		a.n = 0
	case a.n == 0:
		a.err = io.EOF
	}
	return true
}
