//go:build !unix

package http1

import (
	"net"

	"github.com/millrace/millrace/protocol/body"
)

// awaiter is not to be had here: memory is taken before the wait.
type awaiter struct{}

func newAwaiter(net.Conn) *awaiter { return nil }

func (a *awaiter) read(*body.Writer, int) (int, error) { return 0, nil }

func (a *awaiter) now(*body.Writer, int) (int, error) { return 0, nil }
