//go:build !linux

package http1

import "net"

// watch does nothing where there is no epoll: a client that left is noticed by reading or writing.
func watch(net.Conn, *leaveContext) (stop func()) { return func() {} }
