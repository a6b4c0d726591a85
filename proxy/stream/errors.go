package stream

import (
	"errors"
	"fmt"
)

var (
	// ErrNoRoom says that a connection has as many requests under way as it may.
	ErrNoRoom = errors.New("the connection has no room for another request")
	// ErrClosed says that a connection cannot take requests any more.
	ErrClosed = errors.New("the connection is closed")
	// ErrReset says that the peer ended the exchange before it was complete (RST_STREAM, a reset or closed connection).
	ErrReset = errors.New("the peer reset the exchange")
)

// ProtocolError is a breach of HTTP by the peer. On the client's side it is answered with Status where that is still possible.
type ProtocolError struct {
	Status int    // 400, 408, 413, 414, 431, 501, 505
	Reason string // for the log and the reply, without data of the peer
	Detail string // Envoy's response code detail, as "http1.codec_error"
}

func (e *ProtocolError) Error() string { return fmt.Sprintf("protocol error: %s", e.Reason) }
