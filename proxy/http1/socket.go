package http1

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/millrace/millrace/proxy/stream"
)

// longAgo is a deadline that fails what waits now.
var longAgo = time.Unix(1, 0)

// socket returns the connection below TLS and other wrappers.
func socket(conn net.Conn) net.Conn {
	for {
		w, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = w.NetConn()
	}
}

// rawConn returns access to the descriptor of the connection's socket, or nil where it has none.
func rawConn(conn net.Conn) syscall.RawConn {
	if sc, ok := socket(conn).(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

// halt ends both directions of a connection without giving its descriptor back: whoever waits on it wakes, and no other
// socket can take its number while somebody polls it.
func halt(conn net.Conn) {
	_ = conn.SetDeadline(longAgo)
	s := socket(conn)
	if half, ok := s.(interface {
		CloseRead() error
		CloseWrite() error
	}); ok {
		_ = half.CloseRead()
		_ = half.CloseWrite()
	}
}

// closeWrite ends our direction, where the connection can do that.
func closeWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// ioError turns an error of a connection into one that stream's interfaces name.
func ioError(op string, err error) error {
	var breach *stream.ProtocolError
	switch {
	case err == nil || err == io.EOF || err == io.ErrUnexpectedEOF || errors.As(err, &breach):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe):
		return fmt.Errorf("%s: %w: %w", op, stream.ErrReset, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

func isReset(err error) bool { return errors.Is(err, stream.ErrReset) }
