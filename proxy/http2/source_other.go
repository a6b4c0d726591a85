//go:build !unix

package http2

import "net"

// idleWait is not to be had here: every connection keeps its buffer.
type idleWait struct{}

func newIdleWait(net.Conn) *idleWait { return nil }

func (i *idleWait) read(*source) (int, error) { return 0, nil }
