//go:build unix

package listener

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/millrace/millrace/proxy/stream"
	"golang.org/x/sys/unix"
)

// sniff looks at the first bytes without taking them, so that the connection is handed over as it is. A client that
// sends too little until the read deadline is left to HTTP/1.1 and its timeouts.
func sniff(conn *net.TCPConn) (stream.Version, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var version stream.Version
	var peekErr error
	first := make([]byte, len(preface))
	err = raw.Read(func(fd uintptr) bool {
		n, _, err := unix.Recvfrom(int(fd), first, unix.MSG_PEEK)
		switch {
		case err == unix.EAGAIN || err == unix.EINTR:
			return false
		case err != nil:
			peekErr = fmt.Errorf("peek: %w", err)
			return true
		case n == 0: // the client left
			version = stream.HTTP11
			return true
		}
		var ok bool
		version, ok = detected(first[:n])
		return ok // the runtime calls again when more has arrived
	})
	switch {
	case peekErr != nil:
		return 0, peekErr
	case errors.Is(err, os.ErrDeadlineExceeded):
		return stream.HTTP11, nil
	case err != nil:
		return 0, err
	}
	return version, nil
}
