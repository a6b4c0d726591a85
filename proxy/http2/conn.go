package http2

import (
	"crypto/tls"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/millrace/millrace/protocol/body"
)

const (
	lingerTime  = time.Second // for the peer to read our last frames before its own are refused
	resetMemory = 64          // streams that we reset lately, whose late frames are no breach
	keepFree    = 128         // exchanges kept for reuse
)

// conn is what both sides of HTTP/2 share.
type conn struct {
	nc     net.Conn
	srv    *ServerConn // one of the two is set
	cli    *ClientConn
	limits limits

	reader reader // owned by the goroutine that reads

	kick    chan struct{} // wakes the writer; has room for one
	writing sync.WaitGroup

	mu sync.Mutex // guards all below, and the exchanges

	streams  map[uint32]*exchange // those on which frames may still come or go
	free     []*exchange
	lastPeer uint32 // the highest stream id that the peer opened

	out        batch
	spare      batch // owned by whoever flushes
	frames     *http2.Framer
	fields     *encoder
	queue      []*exchange // those that wait to send, served in turn
	writerIdle bool
	written    uint64    // batches whose write has begun
	deadline   time.Time // the socket's write deadline
	copies     bool      // payloads are copied beside their frame headers: the socket has no vectored write

	outWindow    int64 // bytes that the peer lets us send
	inWindow     int64 // bytes that we let the peer send
	inOwed       int64 // bytes consumed, not yet added to inWindow
	peerWindow   int64 // the peer's SETTINGS_INITIAL_WINDOW_SIZE
	peerFrame    int
	peerStreams  uint32
	controls     int  // answers in the batch that the peer asked for
	dataSent     bool // since a flood of empty frames was last looked for
	resets       [resetMemory]uint32
	resetAt      int
	err          error // why no exchange can go on
	closing      bool  // the batch is the last one
	dead         bool  // the socket is closed
	draining     bool
	lastAccepted uint32 // of the GOAWAY that we sent

	clock     *time.Timer
	tick      uint32 // counts the clock's rounds
	idleTick  uint32 // when the last exchange ended
	readTick  uint32 // when the last frame came
	blockTick uint32 // when the header block being read began
	inBlock   bool
	pingTick  uint32 // when our PING left
	pinging   bool
}

func (c *conn) init(nc net.Conn, l limits, preread []byte) {
	c.nc, c.limits = nc, l
	c.kick = make(chan struct{}, 1)
	c.streams = make(map[uint32]*exchange)
	c.fields = newEncoder()
	c.outWindow, c.inWindow = minWindow, int64(l.connWindow)
	c.peerWindow, c.peerFrame, c.peerStreams = minWindow, defaultFrameSize, initialPeerMaxStreams
	c.lastAccepted = maxWindow
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		c.copies = true
	}
	c.frames = http2.NewFramer(&c.out, nil)
	r := &c.reader
	r.c = c
	r.br.init(nc, preread)
	r.frames = http2.NewFramer(nil, &r.br)
	r.frames.SetMaxReadFrameSize(uint32(l.frameSize))
	r.dec = hpack.NewDecoder(tableLimit, r.field)
	// A string may be longer than a block's limit, so that what is only somewhat too large gets an answer.
	r.dec.SetMaxStringLength(blockSlack * l.headerBytes)
	r.piece = body.Writer{Budget: l.budget}
}

// greet puts our settings into the batch, before anything else can stand there.
func (c *conn) greet(settings ...http2.Setting) {
	settings = append(settings,
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(c.limits.streamWindow)},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: uint32(c.limits.headerBytes)})
	if c.limits.frameSize != defaultFrameSize {
		settings = append(settings, http2.Setting{ID: http2.SettingMaxFrameSize, Val: uint32(c.limits.frameSize)})
	}
	_ = c.frames.WriteSettings(settings...)
	if more := c.limits.connWindow - minWindow; more > 0 {
		_ = c.frames.WriteWindowUpdate(0, uint32(more))
	}
}

// open starts the writer and the clock.
func (c *conn) open() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing.Add(1)
	go c.writeLoop()
	c.clock = time.AfterFunc(c.limits.period(), c.look)
}

// endLocked makes an end: all exchanges fail with cause. With goAway the peer is told code before the socket is closed.
func (c *conn) endLocked(cause error, code http2.ErrCode, goAway bool) {
	if c.err == nil {
		c.err = cause
		for _, x := range c.streams {
			x.failLocked(&ResetError{Code: code, Cause: cause, cut: x.begun()})
		}
		if goAway && !c.closing {
			_ = c.frames.WriteGoAway(c.lastPeer, code, nil)
		}
	}
	if goAway {
		c.closing = true
	} else if !c.dead {
		c.dead = true
		closeNow(c.nc)
	}
	c.kickLocked()
}

// finishLocked closes the connection after what is in the batch, where it is drained and nothing is under way.
func (c *conn) finishLocked() {
	if !c.draining || c.closing || len(c.streams) > 0 {
		return
	}
	if c.srv != nil && (c.srv.running > 0 || c.lastAccepted == maxWindow) {
		return
	}
	if c.cli != nil {
		if c.cli.claimed > 0 {
			return
		}
		_ = c.frames.WriteGoAway(0, http2.ErrCodeNo, nil)
		c.err = errClosedHere
	}
	c.closing = true
	c.kickLocked()
}

// closeWrite ends our direction, so that the peer reads to the end of it, and bounds how long we wait for it to.
func (c *conn) closeWrite() {
	_ = c.nc.SetReadDeadline(time.Now().Add(lingerTime))
	if h, ok := c.nc.(interface{ CloseWrite() error }); ok {
		_ = h.CloseWrite()
	}
}

// closeNow closes without a word: a TLS alert could wait for a peer that does not read.
func closeNow(nc net.Conn) {
	if t, ok := nc.(*tls.Conn); ok {
		_ = t.NetConn().Close()
		return
	}
	_ = nc.Close()
}

// forgetLocked takes x off the connection: no frame of it will be sent, and those that come are late.
func (c *conn) forgetLocked(x *exchange) {
	if c.streams[x.id] != x {
		return
	}
	delete(c.streams, x.id)
	c.unqueueLocked(x)
	if len(c.streams) == 0 {
		c.idleTick = c.tick
		c.finishLocked()
	}
}

// resetLocked sends RST_STREAM and takes x off the connection.
func (c *conn) resetLocked(x *exchange, code http2.ErrCode) {
	if c.streams[x.id] != x {
		return
	}
	c.refuseLocked(x.id, code)
	c.forgetLocked(x)
}

// refuseLocked sends RST_STREAM for a stream that has no exchange, or none any more.
func (c *conn) refuseLocked(id uint32, code http2.ErrCode) {
	if c.err == nil && !c.closing {
		_ = c.frames.WriteRSTStream(id, code)
		c.kickLocked()
	}
	c.resets[c.resetAt%resetMemory] = id
	c.resetAt++
}

// resetHereLocked tells whether we reset the stream lately.
func (c *conn) resetHereLocked(id uint32) bool {
	for _, r := range c.resets {
		if r == id {
			return true
		}
	}
	return false
}

// takeLocked returns an exchange for reuse, or nil.
func (c *conn) takeLocked() *exchange {
	n := len(c.free)
	if n == 0 {
		return nil
	}
	x := c.free[n-1]
	c.free[n-1] = nil
	c.free = c.free[:n-1]
	return x
}

func (c *conn) recycleLocked(x *exchange) {
	if len(c.free) < keepFree {
		c.free = append(c.free, x)
	}
}
