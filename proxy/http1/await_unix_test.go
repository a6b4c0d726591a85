//go:build unix

package http1

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// awaitBytes waits until n bytes lie in the socket.
func awaitBytes(t *testing.T, conn *net.TCPConn, n int) {
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, n+1)
	if err := raw.Read(func(fd uintptr) bool {
		got, _, err := unix.Recvfrom(int(fd), buf, unix.MSG_PEEK)
		return err == nil && got >= n
	}); err != nil {
		t.Fatal(err)
	}
}

// awaitReset waits until the connection was reset, and leaves the reset to be found.
func awaitReset(t *testing.T, conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for fds[0].Revents&(unix.POLLERR|unix.POLLHUP) == 0 {
			if _, err := unix.Poll(fds, 1000); err != nil && err != unix.EINTR {
				t.Fatal(err)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
}
