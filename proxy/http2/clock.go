package http2

import (
	"golang.org/x/net/http2"

	"github.com/millrace/millrace/proxy/stream"
)

// look is the clock's round: it ends what has waited for too long. Exchanges and frames remember the round they were last
// seen in, which costs no look at the time.
func (c *conn) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil && !c.closing || c.dead {
		return
	}
	c.tick++
	defer c.clock.Reset(c.limits.period())
	if c.closing {
		return
	}
	if c.inBlock && c.late(c.blockTick, c.rounds(int64(c.limits.header))) {
		c.endLocked(breach(http2.ErrCodeProtocol, "a header block or the preface took too long"), http2.ErrCodeProtocol, true)
		return
	}
	if c.srv != nil {
		c.lookAtClientLocked()
	} else {
		c.lookAtServerLocked()
	}
}

// rounds is how many rounds a bound lasts, at least.
func (c *conn) rounds(bound int64) uint32 {
	period := int64(c.limits.period())
	return uint32((bound + period - 1) / period)
}

func (c *conn) late(since, rounds uint32) bool { return rounds > 0 && c.tick-since > rounds }

func (c *conn) lookAtClientLocked() {
	if len(c.streams) == 0 && c.srv.running == 0 && c.late(c.idleTick, c.rounds(int64(c.limits.idle))) {
		c.endLocked(errIdle, http2.ErrCodeNo, true)
		return
	}
	for range c.srv.spareIdle {
		c.srv.idle--
		c.srv.work <- nil
	}
	c.srv.spareIdle = c.srv.idle
	bound := c.rounds(int64(c.limits.streamIdle))
	for _, x := range c.streams {
		if c.late(x.tick, bound) {
			c.resetLocked(x, http2.ErrCodeCancel)
			x.failLocked(&stream.ProtocolError{Status: 408, Reason: "the request was idle for too long", Detail: "stream_idle_timeout"})
		}
	}
}

func (c *conn) lookAtServerLocked() {
	if c.limits.pingInterval == 0 {
		return
	}
	if c.pinging {
		if c.late(max(c.pingTick, c.readTick), c.rounds(int64(c.limits.pingTimeout))) {
			c.endLocked(errPingTimeout, http2.ErrCodeNo, false)
		}
		return
	}
	if len(c.streams) == 0 && !c.limits.pingIdle || !c.late(c.readTick, c.rounds(int64(c.limits.pingInterval))-1) {
		return
	}
	c.pinging, c.pingTick = true, c.tick
	_ = c.frames.WritePing(false, alivePing)
	c.kickLocked()
}

var (
	alivePing = [8]byte{'a', 'l', 'i', 'v', 'e'}
	drainPing = [8]byte{'d', 'r', 'a', 'i', 'n'}
)
