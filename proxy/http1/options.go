package http1

import (
	"time"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// ServerOptions bound what a client may do. The zero value of a duration or size means its default where one is named, and
// no bound elsewhere.
type ServerOptions struct {
	Budget         *body.Budget  // what request bodies are charged to
	MaxHeaderBytes int           // of a request's head and of its trailers; 60 KiB, past it 431
	MaxBodyBytes   int64         // of a request's body; past it Recv fails with *body.TooLarge
	HeaderTimeout  time.Duration // from a request's first byte to its head's last, past it 408
	IdleTimeout    time.Duration // between requests
	StreamIdle     time.Duration // without a byte of body in either direction that is being waited for
	DrainGrace     time.Duration // how long an idle connection that is drained may still send a last request

	// OnProtocolError is told of requests that were refused before there was a request for the handler. It is called in the
	// connection's goroutine.
	OnProtocolError func(*stream.ConnInfo, *stream.ProtocolError)
}

// ClientOptions bound what a server may do.
type ClientOptions struct {
	Budget         *body.Budget // what response bodies are charged to
	MaxHeaderBytes int          // of a response's head and of its trailers; 60 KiB
}

func headerLimit(n int) int {
	if n <= 0 {
		return defaultMaxHeader
	}
	return n
}
