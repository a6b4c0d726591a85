package http2

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/net/http2"

	"github.com/millrace/millrace/proxy/stream"
)

// ResetError says that the peer, or the end of its connection, ended an exchange before it was complete. It matches
// stream.ErrReset, and io.ErrUnexpectedEOF where a part of the message had been received.
type ResetError struct {
	Code  http2.ErrCode
	Cause error // of the connection's end; nil for a RST_STREAM
	cut   bool
}

func (e *ResetError) Error() string {
	switch {
	case e.Cause != nil:
		return fmt.Sprintf("http2: the connection ended: %v", e.Cause)
	default:
		return fmt.Sprintf("http2: the peer reset the exchange: %s", e.Code)
	}
}

// Is makes errors.Is match the errors of proxy/stream's contract.
func (e *ResetError) Is(target error) bool {
	return target == stream.ErrReset || e.cut && target == io.ErrUnexpectedEOF
}

// Unwrap returns the cause of the connection's end.
func (e *ResetError) Unwrap() error { return e.Cause }

// peerError is a breach of HTTP/2 by the peer that ends the connection with a GOAWAY.
type peerError struct {
	code   http2.ErrCode
	reason string
}

func (e *peerError) Error() string { return fmt.Sprintf("http2: %s: %s", e.code, e.reason) }

// breach returns the error for a breach that ends the connection.
func breach(code http2.ErrCode, reason string) error { return &peerError{code, reason} }

// streamBreach is a breach that ends one exchange with a RST_STREAM.
type streamBreach struct {
	id     uint32
	code   http2.ErrCode
	reason string
}

func (e *streamBreach) Error() string {
	return fmt.Sprintf("http2: stream %d: %s: %s", e.id, e.code, e.reason)
}

var (
	errPeerClosed  = errors.New("the peer closed it")
	errClosedHere  = errors.New("it was closed on this side")
	errIdle        = errors.New("it was idle for too long")
	errPingTimeout = errors.New("the peer does not answer PING")
	errGoAway      = errors.New("the peer said GOAWAY")
	errEnded       = errors.New("http2: the message has ended already")
	errNoHead      = errors.New("http2: the head has not been sent")
	errHeadTwice   = errors.New("http2: the head was sent already")
	errStreamIDs   = errors.New("http2: the connection has no stream ids left")
)
