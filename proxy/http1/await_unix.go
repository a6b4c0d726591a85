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
	once bool // do not wait
	n    int
	err  error
	late error // what the last attempt without a wait found, for the next read
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
	if err := a.late; err != nil {
		a.late = nil
		return 0, err
	}
	a.w, a.want, a.n, a.err = w, want, 0, nil
	err := a.raw.Read(a.try)
	a.w = nil
	if err != nil {
		return 0, err
	}
	return a.n, a.err
}

// now reads like read, without a wait: 0 bytes where there are none yet. Only a budget without room is an error; others come
// with the next read.
func (a *awaiter) now(w *body.Writer, want int) (int, error) {
	if a.late != nil {
		return 0, nil
	}
	a.w, a.want, a.n, a.err, a.once = w, want, 0, nil, true
	err := a.raw.Read(a.try)
	a.w, a.once = nil, false
	switch {
	case err != nil:
		return 0, nil // a deadline that has passed, which stays so
	case a.err == body.ErrBudget:
		return 0, a.err
	}
	a.late = a.err
	return a.n, nil
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
	case a.err == unix.EAGAIN && a.once:
		a.n, a.err = 0, nil
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
