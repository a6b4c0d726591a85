package http2

import (
	"runtime"
	"time"

	"golang.org/x/net/http2"

	"github.com/millrace/millrace/protocol/body"
)

// yieldLimit is the batch below which the writer lets others run first, so that their frames go out in the same write.
const yieldLimit = 4 << 10

// kickLocked has the writer write what is in the batch and the queue.
func (c *conn) kickLocked() {
	if c.writerIdle {
		c.writerIdle = false
		c.kick <- struct{}{}
	}
}

// flushHereLocked writes what is in the batch in the caller's goroutine, where the connection has no other exchange whose
// frames could go out with it: that spares a change of goroutines, a quarter of what such a request costs. A batch that is
// small nearly always fits the socket's buffer; where it does not, the write timeout bounds the wait.
func (c *conn) flushHereLocked() {
	if !c.writerIdle || len(c.streams) > 1 || c.out.size > yieldLimit {
		c.kickLocked()
		return
	}
	c.writerIdle = false
	for !c.dead && c.fillLocked() {
		c.flushLocked()
	}
	c.writerIdle = true
	if c.dead || c.closing {
		c.kickLocked()
	}
}

// writeLoop is the writer's goroutine. It ends when the connection is dead, or closing with nothing left to write.
func (c *conn) writeLoop() {
	defer c.writing.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if c.out.size > 0 && c.out.size < yieldLimit && len(c.streams) > 1 {
			c.mu.Unlock()
			runtime.Gosched()
			c.mu.Lock()
		}
		if !c.dead && c.fillLocked() {
			c.flushLocked()
			continue
		}
		if c.dead {
			c.out.reset()
			return
		}
		if c.closing {
			c.closeWrite()
			return
		}
		c.writerIdle = true
		c.mu.Unlock()
		<-c.kick
		c.mu.Lock()
	}
}

// flushLocked writes the batch; the mutex is released meanwhile.
func (c *conn) flushLocked() {
	c.out, c.spare = c.spare, c.out
	c.controls = 0
	c.written++
	c.mu.Unlock()
	err := c.extendDeadline()
	if err == nil {
		err = c.spare.writeTo(c.nc)
	}
	c.spare.reset()
	c.mu.Lock()
	if err != nil {
		c.endLocked(err, http2.ErrCodeNo, false)
	}
}

// extendDeadline keeps the socket's write deadline between three quarters of the bound and the whole.
func (c *conn) extendDeadline() error {
	bound := c.limits.write
	if bound == 0 {
		return nil
	}
	now := time.Now()
	if c.deadline.Sub(now) > bound-bound/4 {
		return nil
	}
	c.deadline = now.Add(bound)
	return c.nc.SetWriteDeadline(c.deadline)
}

// fillLocked adds to the batch what the queue has and the windows allow, one frame of each exchange in turn, and tells
// whether there is anything to write.
func (c *conn) fillLocked() bool {
	for len(c.queue) > 0 && c.out.size < batchLimit && c.outWindow > 0 {
		x := c.queue[0]
		c.queue = append(c.queue[:0], c.queue[1:]...)
		x.queued = false
		n := min(int64(x.out.Len()-x.outAt), x.outWindow, c.outWindow, int64(c.peerFrame))
		if n <= 0 {
			continue // the stream's own window is used up; a WINDOW_UPDATE puts it back
		}
		last := x.outAt+int(n) == x.out.Len()
		c.dataLocked(x, x.out, x.outAt, int(n), last && x.outEnd)
		if x.outAt += int(n); !last {
			c.queueLocked(x)
			continue
		}
		x.out.Release()
		x.out = nil
		wake(x.sendWake)
		if x.outEnd {
			x.endLocalLocked()
		}
	}
	return c.out.size > 0
}

func (c *conn) queueLocked(x *exchange) {
	if !x.queued {
		x.queued = true
		c.queue = append(c.queue, x)
	}
}

// dataLocked adds one DATA frame with bytes [at, at+n) of b, which the windows allow.
func (c *conn) dataLocked(x *exchange, b *body.Body, at, n int, end bool) {
	flags := http2.Flags(0)
	if end {
		flags = http2.FlagDataEndStream
	}
	o := &c.out
	o.buf = append(o.buf, byte(n>>16), byte(n>>8), byte(n), byte(http2.FrameData), byte(flags),
		byte(x.id>>24), byte(x.id>>16), byte(x.id>>8), byte(x.id))
	o.size += 9
	x.outWindow -= int64(n)
	c.outWindow -= int64(n)
	x.sent += int64(n)
	x.tick, c.dataSent = c.tick, c.dataSent || n > 0
	held := false
	for i := 0; n > 0; i++ {
		seg := b.Segment(i)
		if at >= len(seg) {
			at -= len(seg)
			continue
		}
		part := seg[at:min(len(seg), at+n)]
		if c.copies || len(part) <= copyLimit {
			_, _ = o.Write(part)
		} else {
			o.insert(part)
			held = true
		}
		at, n = 0, n-len(part)
	}
	if held {
		o.held = append(o.held, b.Retain())
	}
}

// writeHeadersLocked adds the block that the encoder holds as HEADERS, and CONTINUATION where it is
// long. Having it written is left to the caller.
func (c *conn) writeHeadersLocked(id uint32, end bool) {
	p := c.fields.out
	first := p[:min(len(p), c.peerFrame)]
	p = p[len(first):]
	_ = c.frames.WriteHeaders(http2.HeadersFrameParam{
		StreamID: id, BlockFragment: first, EndStream: end, EndHeaders: len(p) == 0,
	})
	for len(p) > 0 {
		part := p[:min(len(p), c.peerFrame)]
		p = p[len(part):]
		_ = c.frames.WriteContinuation(id, len(p) == 0, part)
	}
}

// consumedLocked gives the peer back what it used of the connection's window, in steps of half of it.
func (c *conn) consumedLocked(n int64) {
	c.inOwed += n
	if c.inOwed >= int64(c.limits.connWindow)/2 && c.err == nil {
		_ = c.frames.WriteWindowUpdate(0, uint32(c.inOwed))
		c.inWindow += c.inOwed
		c.inOwed = 0
		c.kickLocked()
	}
}

func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
