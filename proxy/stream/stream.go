package stream

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/millrace/millrace/protocol/body"
)

// Handler serves requests. Serve runs in the goroutine of the connection (HTTP/1.1) or of the stream (HTTP/2) and owns the
// exchange until it returns. A handler that returns without having ended its response has it reset.
type Handler interface {
	Serve(d Downstream)
}

// Downstream is one request of a client and the response to it.
//
// Reading (Recv, RecvTrailers) may go on in one goroutine while another writes (SendHead, Send, SendTrailers). Everything
// else belongs to the goroutine that Serve was called in.
type Downstream interface {
	// Head is valid, and may be changed by filters, until Serve returns.
	Head() *RequestHead

	// Recv returns the next piece of the body, as much as is there without waiting for more; the caller owns the
	// reference. io.EOF follows the last piece. The first call sends 100 Continue where the client waits for it. An error
	// other than io.EOF is final: *body.TooLarge, body.ErrBudget, context.Canceled where the client left,
	// context.DeadlineExceeded, or *ProtocolError.
	Recv() (*body.Body, error)
	// RecvTrailers returns the trailers, or nil where there are none. Valid after Recv returned io.EOF.
	RecvTrailers() *Header

	// SendInformational sends a 1xx response (103; 100 is sent by Recv). Nothing where the client cannot take it.
	SendInformational(h *ResponseHead) error
	// SendHead sends the head of the response, once. With end there is no body and there are no trailers. Head and header
	// may be used again when it returns. Where ContentLength is -1 and the version has no other way, the end of the body
	// is marked by closing the connection.
	SendHead(h *ResponseHead, end bool) error
	// Send sends a piece of the body, takes over the caller's reference to it, and has flushed it when it returns, unless
	// end says that it is the last one and more is to come in the same write. It waits while the client's window is full.
	Send(b *body.Body, end bool) error
	// SendTrailers ends the response with trailers.
	SendTrailers(h *Header) error
	// Reset gives the response up: HTTP/1.1 closes the connection without ending the body, HTTP/2 resets the stream.
	Reset()

	// Context is done when the client left, the stream was reset or the listener gave the connection up. It has no
	// deadline of its own, and must not be used after Serve returned.
	Context() context.Context
	// Conn describes the connection; it is the same for all requests of one connection.
	Conn() *ConnInfo
	// Progress tells what has been sent and received, for the access log and for the decision whether a reply of our own
	// can still be sent.
	Progress() Progress
}

// Progress of one exchange, in bytes of body.
type Progress struct {
	Received, Sent int64
	HeadSent       bool // a final head (not 1xx) was sent
	Ended          bool // the response was sent whole
}

// ConnInfo describes one connection of a client.
type ConnInfo struct {
	ID            uint64
	Remote, Local net.Addr // Local is the original destination where the listener restored it
	Version       Version
	TLS           *tls.ConnectionState // nil for plain text
	Start         time.Time
	Listener      string // the listener's name
}

// ClientConn is a connection to a server on which requests can be made: one at a time (HTTP/1.1), or many (HTTP/2). It is
// safe for concurrent use.
type ClientConn interface {
	// Open claims room for one request. It fails with ErrNoRoom where the connection is full and ErrClosed where it is
	// closed, being drained, or (HTTP/1.1) where the peer is seen to have closed it; nothing was sent then.
	Open() (Upstream, error)
	// Active returns the requests under way, Max how many there may be at once.
	Active() int
	Max() int
	// Closed tells that Open will never succeed again.
	Closed() bool
	// Drain makes Open fail and closes the connection after the last request.
	Drain()
	// Close closes at once; requests under way fail.
	Close() error
	Version() Version
	// IdleSince returns when the last request ended, or the zero time while one is under way.
	IdleSince() time.Time
}

// Upstream is one request to a server and the response to it.
//
// Sending (SendHead, Send, SendTrailers) may go on in one goroutine while another receives; Cancel may be called by any.
type Upstream interface {
	// SendHead sends the head of the request. With end there is no body. The head may be used again when it returns.
	SendHead(h *RequestHead, end bool) error
	// Send sends a piece of the body and takes over the caller's reference. Small pieces may wait in the buffer until the
	// end or the next Recv.
	Send(b *body.Body, end bool) error
	// SendTrailers ends the request with trailers.
	SendTrailers(h *Header) error

	// SetDeadline bounds all that follows; the zero time is none. Past it, calls fail with context.DeadlineExceeded.
	SetDeadline(t time.Time) error
	// RecvHead returns the next head: 1xx heads one by one, then the final one. It is valid until the next RecvHead or
	// Close, and the caller may change it.
	RecvHead() (*ResponseHead, error)
	// Recv returns the next piece of the body; the caller owns the reference. io.EOF follows the last piece; a body cut
	// short is io.ErrUnexpectedEOF.
	Recv() (*body.Body, error)
	// RecvTrailers returns the trailers, or nil. Valid after Recv returned io.EOF.
	RecvTrailers() *Header

	// Unprocessed tells, after an error, that the server is proven not to have seen any of the request: it may be sent
	// again whatever its method (DESIGN.md §6.6).
	Unprocessed() bool
	// FD returns the socket's descriptor where readiness of this response can be polled on it (HTTP/1.1 over plain
	// TCP or Unix sockets), else -1. It is valid until Close.
	FD() int
	// Cancel gives the request up; waiting calls fail with context.Canceled. HTTP/1.1 closes the connection, HTTP/2 resets
	// the stream.
	Cancel()
	// Close ends the use. Every Upstream must be closed once, by the goroutine that receives. The connection can be used
	// again if both sides were done with their messages, and is given up otherwise.
	Close()
}
