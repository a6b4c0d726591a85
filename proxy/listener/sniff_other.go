//go:build !unix

package listener

import (
	"net"

	"github.com/millrace/millrace/proxy/stream"
)

// sniff cannot look at bytes without taking them here: without TLS, HTTP/1.1 is spoken.
func sniff(*net.TCPConn) (stream.Version, error) { return stream.HTTP11, nil }
