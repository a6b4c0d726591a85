package listener

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/proxy/stream"
)

// ServerConn serves the requests of one connection; *http1.ServerConn and HTTP/2's counterpart are ones.
type ServerConn interface {
	// Serve serves requests until the connection ends, and closes it.
	Serve() error
	// Drain has the connection end when the requests under way are answered, and tells the client so (HTTP/1.1 by
	// "Connection: close", HTTP/2 by GOAWAY). It may be called before Serve and by any goroutine.
	Drain()
	// Close ends the connection now. It may be called by any goroutine.
	Close() error
}

// Constructor makes the ServerConn of an accepted connection, which then belongs to it.
type Constructor func(conn net.Conn, info *stream.ConnInfo, h stream.Handler) ServerConn

// Config says where a listener listens and what it does with connections.
type Config struct {
	Name    string // for ConnInfo
	Address string // host and port; port 0 has the system choose one
	TLS     *tls.Config
	HTTP1   Constructor
	HTTP2   Constructor // nil where HTTP/2 is not served: a client that speaks it gets HTTP/1.1's refusal

	Conns        *Limit                        // shared by the process's listeners; nil is no limit
	SniffTimeout time.Duration                 // for the first bytes of plain text and for TLS's handshake; 10 s
	KeepAlive    time.Duration                 // between TCP's probes; 15 s, negative for none
	OnError      func(*stream.ConnInfo, error) // connections that ended out of order and failing accepts (with nil); may be nil
}

// Limit bounds the connections of all listeners that share it. It is safe for concurrent use.
type Limit struct {
	max      int64
	used     atomic.Int64
	rejected atomic.Uint64
}

// NewLimit returns a limit of max connections; max <= 0 means no bound, with the use still counted.
func NewLimit(max int64) *Limit { return &Limit{max: max} }

// Used returns the connections that are open now.
func (l *Limit) Used() int64 {
	if l == nil {
		return 0
	}
	return l.used.Load()
}

// Rejected returns how many connections were closed because there was no room for them.
func (l *Limit) Rejected() uint64 {
	if l == nil {
		return 0
	}
	return l.rejected.Load()
}

func (l *Limit) take() bool {
	if l == nil {
		return true
	}
	if n := l.used.Add(1); l.max > 0 && n > l.max {
		l.used.Add(-1)
		l.rejected.Add(1)
		return false
	}
	return true
}

func (l *Limit) give() {
	if l != nil {
		l.used.Add(-1)
	}
}
