package http2

import (
	"time"

	"github.com/millrace/millrace/protocol/body"
)

// ServerOptions bounds what a client may do. The zero value of each field means its default; a negative duration means
// no bound.
type ServerOptions struct {
	// Budget is charged with what clients sent and nobody has released yet. nil is unbounded.
	Budget *body.Budget
	// MaxStreams is how many requests may be under way at once on the connection. Default 1000.
	MaxStreams int
	// MaxHeaderBytes bounds a head or trailers, by RFC 9113 §6.5.2's count (32 bytes are added for each field). What
	// exceeds it is answered with 431. Default 60 KiB.
	MaxHeaderBytes int
	// MaxBodyBytes bounds a request's body; past it Recv answers *body.TooLarge. Default none.
	MaxBodyBytes int64
	// StreamWindow and ConnWindow are the bytes that a client may send ahead of the handler, for each request and for all
	// of the connection. At least 65,535. Defaults 256 KiB and 4 MiB.
	StreamWindow, ConnWindow int
	// MaxFrameSize is the largest payload that the client is told it may send in one frame. Default 16 KiB.
	MaxFrameSize int

	// HeaderTimeout bounds the preface and each header block. Default 10 s.
	HeaderTimeout time.Duration
	// IdleTimeout ends a connection without requests. Default 1 h.
	IdleTimeout time.Duration
	// StreamIdleTimeout resets a request on which no frame came or went for so long. Default 5 min.
	StreamIdleTimeout time.Duration
	// WriteTimeout ends a connection whose peer takes no bytes for so long. Default 30 s.
	WriteTimeout time.Duration

	// MaxResets is by how many the requests that were reset before their end may exceed those that came to it.
	// Default 500, or twice MaxStreams where that is more.
	MaxResets int
	// MaxUnproductive is how many frames that carry nothing (PING, SETTINGS, empty DATA …) may come within one second in
	// which no data flows. Default 1000.
	MaxUnproductive int
	// Preread are bytes that were read from the connection already. They are copied.
	Preread []byte
}

// ClientOptions bounds what a server may do, and says how its connection is used. The zero value of each field means its
// default; a negative duration means no bound.
type ClientOptions struct {
	// Budget is charged with what the server sent and nobody has released yet. nil is unbounded.
	Budget *body.Budget
	// MaxStreams bounds the requests under way at once, beside what the server says. Default 1000.
	MaxStreams int
	// MaxHeaderBytes bounds a head or trailers, counted as in [ServerOptions]. Default 60 KiB.
	MaxHeaderBytes int
	// StreamWindow and ConnWindow are as in [ServerOptions].
	StreamWindow, ConnWindow int
	// MaxFrameSize is as in [ServerOptions].
	MaxFrameSize int
	// HeaderTimeout bounds each header block once it has begun. Default 10 s.
	HeaderTimeout time.Duration
	// WriteTimeout ends a connection whose peer takes no bytes for so long. Default 30 s.
	WriteTimeout time.Duration

	// PingInterval is after how long without a frame from the server a PING asks whether it is still there. Default none.
	PingInterval time.Duration
	// PingTimeout ends the connection where the answer does not come. Default 20 s.
	PingTimeout time.Duration
	// PingIdle sends the PINGs while no request is under way, too.
	PingIdle bool
	// MaxUnproductive is as in [ServerOptions].
	MaxUnproductive int
}

const (
	defaultMaxStreams     = 1000
	defaultHeaderBytes    = 60 << 10
	defaultStreamWindow   = 256 << 10
	defaultConnWindow     = 4 << 20
	defaultFrameSize      = 16 << 10
	defaultHeaderTimeout  = 10 * time.Second
	defaultIdleTimeout    = time.Hour
	defaultStreamIdle     = 5 * time.Minute
	defaultWriteTimeout   = 30 * time.Second
	defaultPingTimeout    = 20 * time.Second
	defaultUnproductive   = 1000
	defaultResets         = 500
	minWindow             = 65535 // a peer may use this much before it knows ours
	maxWindow             = 1<<31 - 1
	maxFrameSizeAllowed   = 1<<24 - 1
	initialPeerMaxStreams = 100 // until the server's SETTINGS
)

// limits are the options that both sides have in common, complete. Durations of 0 are no bound.
type limits struct {
	budget                              *body.Budget
	maxStreams, headerBytes             int
	maxBody                             int64
	streamWindow, connWindow, frameSize int
	header, idle, streamIdle, write     time.Duration
	pingInterval, pingTimeout           time.Duration
	pingIdle                            bool
	maxResets, maxUnproductive          int
}

func (o *ServerOptions) limits() limits {
	l := limits{
		budget:          o.Budget,
		maxStreams:      orDefault(o.MaxStreams, defaultMaxStreams),
		headerBytes:     orDefault(o.MaxHeaderBytes, defaultHeaderBytes),
		maxBody:         o.MaxBodyBytes,
		streamWindow:    window(o.StreamWindow, defaultStreamWindow),
		connWindow:      window(o.ConnWindow, defaultConnWindow),
		frameSize:       frameSize(o.MaxFrameSize),
		header:          timeout(o.HeaderTimeout, defaultHeaderTimeout),
		idle:            timeout(o.IdleTimeout, defaultIdleTimeout),
		streamIdle:      timeout(o.StreamIdleTimeout, defaultStreamIdle),
		write:           timeout(o.WriteTimeout, defaultWriteTimeout),
		maxUnproductive: orDefault(o.MaxUnproductive, defaultUnproductive),
	}
	l.maxResets = orDefault(o.MaxResets, max(defaultResets, 2*l.maxStreams))
	return l
}

func (o *ClientOptions) limits() limits {
	return limits{
		budget:          o.Budget,
		maxStreams:      orDefault(o.MaxStreams, defaultMaxStreams),
		headerBytes:     orDefault(o.MaxHeaderBytes, defaultHeaderBytes),
		streamWindow:    window(o.StreamWindow, defaultStreamWindow),
		connWindow:      window(o.ConnWindow, defaultConnWindow),
		frameSize:       frameSize(o.MaxFrameSize),
		header:          timeout(o.HeaderTimeout, defaultHeaderTimeout),
		write:           timeout(o.WriteTimeout, defaultWriteTimeout),
		pingInterval:    timeout(o.PingInterval, 0),
		pingTimeout:     timeout(o.PingTimeout, defaultPingTimeout),
		pingIdle:        o.PingIdle,
		maxUnproductive: orDefault(o.MaxUnproductive, defaultUnproductive),
	}
}

func orDefault(v, def int) int {
	if v <= 0 {
		return def
	}
	return v
}

func window(v, def int) int { return min(max(orDefault(v, def), minWindow), maxWindow) }

func frameSize(v int) int {
	return min(max(orDefault(v, defaultFrameSize), defaultFrameSize), maxFrameSizeAllowed)
}

func timeout(v, def time.Duration) time.Duration {
	if v == 0 {
		return def
	}
	return max(v, 0)
}

// period is how often the connection looks at its clocks: often enough that no bound is missed by more than a quarter.
func (l *limits) period() time.Duration {
	p := time.Duration(0)
	for _, d := range []time.Duration{l.header, l.idle, l.streamIdle, l.pingInterval} {
		if d > 0 && (p == 0 || d/4 < p) {
			p = d / 4
		}
	}
	if l.pingInterval > 0 && l.pingTimeout > 0 {
		p = min(p, l.pingTimeout/4)
	}
	return max(p, time.Millisecond)
}
