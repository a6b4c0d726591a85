package http2

import (
	"net"
	"time"

	"golang.org/x/net/http2"

	"github.com/millrace/millrace/proxy/stream"
)

// maxInformational are the 1xx heads of one response that may wait to be received.
const maxInformational = 16

// ClientConn is a connection to a server, for many requests at once.
type ClientConn struct {
	conn
	reading chan struct{} // closed when the reader's goroutine has ended

	// guarded by conn.mu
	nextID  uint32
	settled bool      // the server's SETTINGS came
	gone    bool      // the server said GOAWAY: what is sent now would be lost
	claimed int       // Upstreams that were opened and not closed
	since   time.Time // when claimed became 0
}

var _ stream.ClientConn = (*ClientConn)(nil)

// NewClientConn makes conn, on which nothing was sent yet, a connection for requests. It belongs to the ClientConn from now
// on, which has two goroutines until it is closed or the server closes it. Nothing is waited for: requests may be sent
// before the server's SETTINGS came.
func NewClientConn(conn net.Conn, opts ClientOptions) (*ClientConn, error) {
	cc := &ClientConn{reading: make(chan struct{}), nextID: 1, since: time.Now()}
	cc.init(conn, opts.limits(), nil)
	cc.cli = cc
	_, _ = cc.out.Write([]byte(http2.ClientPreface))
	cc.greet(http2.Setting{ID: http2.SettingEnablePush, Val: 0})
	cc.open()
	go cc.read()
	return cc, nil
}

// read is the goroutine of the reader.
func (cc *ClientConn) read() {
	defer close(cc.reading)
	fh, err := cc.reader.frames.ReadFrameHeader()
	switch {
	case err != nil:
		err = toPeerError(err)
	case fh.Type != http2.FrameSettings || fh.Flags.Has(http2.FlagSettingsAck):
		err = breach(http2.ErrCodeProtocol, "the server's first frame is not SETTINGS")
	default:
		if err = toPeerError(cc.reader.frame(fh)); err == nil {
			err = cc.reader.loop()
		}
	}
	cc.finish(err)
}

// Open implements stream.ClientConn.
func (cc *ClientConn) Open() (stream.Upstream, error) {
	cc.mu.Lock()
	defer cc.mu.Unlock()
	if cc.closedLocked() {
		return nil, stream.ErrClosed
	}
	if cc.claimed >= cc.maxLocked() {
		return nil, stream.ErrNoRoom
	}
	cc.claimed++
	var u *upstream
	if x := cc.takeLocked(); x != nil {
		u = x.up
	} else {
		u = &upstream{cc: cc}
		u.up = u
		u.initLocked(&cc.conn)
	}
	u.resetLocked()
	u.renewLocked()
	return u, nil
}

func (cc *ClientConn) closedLocked() bool {
	return cc.err != nil || cc.draining || cc.nextID > maxWindow
}

func (cc *ClientConn) maxLocked() int { return int(min(uint32(cc.limits.maxStreams), cc.peerStreams)) }

// Active implements stream.ClientConn.
func (cc *ClientConn) Active() int {
	cc.mu.Lock()
	defer cc.mu.Unlock()
	return cc.claimed
}

// Max implements stream.ClientConn: the lesser of our bound and what the server said, once it has.
func (cc *ClientConn) Max() int {
	cc.mu.Lock()
	defer cc.mu.Unlock()
	return cc.maxLocked()
}

// Closed implements stream.ClientConn.
func (cc *ClientConn) Closed() bool {
	cc.mu.Lock()
	defer cc.mu.Unlock()
	return cc.closedLocked()
}

// Drain implements stream.ClientConn.
func (cc *ClientConn) Drain() {
	cc.mu.Lock()
	defer cc.mu.Unlock()
	cc.draining = true
	cc.finishLocked()
}

// Close implements stream.ClientConn. It returns when the connection's goroutines have ended.
func (cc *ClientConn) Close() error {
	cc.mu.Lock()
	cc.endLocked(errClosedHere, http2.ErrCodeNo, false)
	cc.mu.Unlock()
	<-cc.reading
	return nil
}

// Err returns why the connection ended, or nil while it lives or where there is nothing to tell.
func (cc *ClientConn) Err() error { return cc.outcome() }

// Version implements stream.ClientConn.
func (cc *ClientConn) Version() stream.Version { return stream.HTTP2 }

// IdleSince implements stream.ClientConn.
func (cc *ClientConn) IdleSince() time.Time {
	cc.mu.Lock()
	defer cc.mu.Unlock()
	if cc.claimed > 0 {
		return time.Time{}
	}
	return cc.since
}

// settledLocked notes that the server's SETTINGS came: where they do not bound the streams, nothing but ours does.
func (cc *ClientConn) settledLocked() {
	if !cc.settled {
		cc.settled = true
		cc.peerStreams = maxWindow
	}
}

// goAwayLocked obeys a GOAWAY: requests beyond last were not seen by the server and can be sent elsewhere.
func (cc *ClientConn) goAwayLocked(last uint32, code http2.ErrCode) {
	cc.draining, cc.gone = true, true
	for id, x := range cc.streams {
		if id > last {
			x.up.unprocessed = true
			x.failLocked(&ResetError{Code: code, Cause: errGoAway})
		}
	}
	cc.finishLocked()
}

// blockLocked obeys a header block: a head, or trailers.
func (cc *ClientConn) blockLocked(id uint32, end bool) error {
	blk := &cc.reader.blk
	x := cc.streams[id]
	if x == nil {
		if cc.idleLocked(id) {
			return breach(http2.ErrCodeProtocol, "HEADERS on an idle stream")
		}
		return nil // the request was given up
	}
	u := x.up
	switch {
	case x.remoteEnded:
		return &streamBreach{id, http2.ErrCodeStreamClosed, "HEADERS after the end of the stream"}
	case u.final:
		return x.endWithTrailersLocked(&cc.reader, end)
	case blk.tooLarge:
		return &streamBreach{id, http2.ErrCodeEnhanceYourCalm, "the response's head is larger than it may be"}
	}
	bad := blk.checkResponse()
	informational := blk.status < 200
	switch {
	case bad == "" && informational && end:
		bad = "a 1xx response ends the stream"
	case bad == "" && informational && u.count-u.next >= maxInformational:
		bad = "too many 1xx responses"
	}
	if bad != "" {
		return &streamBreach{id, http2.ErrCodeProtocol, bad}
	}
	x.tick = cc.tick
	h := u.pushLocked()
	blk.moveResponse(h)
	cc.reader.notify(x)
	if informational {
		return nil
	}
	u.final = true
	x.expect = blk.length
	if u.isHead || blk.status == 204 || blk.status == 304 {
		x.expect = 0 // the length is that of another response
	}
	if !end {
		return nil
	}
	if blk.length < 0 && !u.isHead {
		h.ContentLength = 0
	}
	if bad := x.endRemoteLocked(); bad != "" {
		return &streamBreach{id, http2.ErrCodeProtocol, bad}
	}
	return nil
}
