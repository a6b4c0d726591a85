package http2

import (
	"errors"
	"io"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/millrace/millrace/protocol/body"
)

const (
	frameHeader   = 9
	smallData     = 4 << 10 // payloads up to this share a block with what is there already
	blockSlack    = 4       // times the limit that a header block may have encoded, before it ends the connection
	minContinued  = 16      // CONTINUATION frames that a block may have at least
	continuedSize = 1 << 10 // bytes of a block's limit for each further CONTINUATION frame
)

// reader is what the goroutine that reads frames owns.
type reader struct {
	c      *conn
	br     source
	frames *http2.Framer
	dec    *hpack.Decoder
	blk    block
	frag   []byte      // a payload that the buffer could not hold
	piece  body.Writer // takes one large DATA payload at a time
	woken  []*exchange // to be woken before the reader waits
	begun  []*downstream
	empty  int // frames that carried nothing, since emptyAt or since data flowed
	since  time.Time
}

// loop reads frames until the connection ends, and returns why.
func (r *reader) loop() error {
	for {
		if r.br.Buffered() < frameHeader {
			r.settle()
		}
		fh, err := r.frames.ReadFrameHeader()
		if err == nil {
			if r.br.Buffered() < int(fh.Length) {
				r.settle()
			}
			err = r.frame(fh)
		}
		if err != nil {
			var sb *streamBreach
			if errors.As(err, &sb) {
				err = r.c.breachStream(sb)
			}
			if err = toPeerError(err); err != nil {
				r.settle()
				return err
			}
		}
	}
}

// settle wakes those for whom frames came. It is put off while there are more frames in the buffer, so that a goroutine
// finds all that came for it and waits once.
func (r *reader) settle() {
	for i, x := range r.woken {
		x.woken = false
		wake(x.recvWake)
		r.woken[i] = nil
	}
	r.woken = r.woken[:0]
	for i, d := range r.begun {
		r.c.srv.start(d)
		r.begun[i] = nil
	}
	r.begun = r.begun[:0]
}

// notify has x woken by the next settle.
func (r *reader) notify(x *exchange) {
	if !x.woken {
		x.woken = true
		r.woken = append(r.woken, x)
	}
}

// toPeerError gives the framer's errors the form that the end of a connection wants.
func toPeerError(err error) error {
	var ce http2.ConnectionError
	switch {
	case errors.As(err, &ce):
		return breach(http2.ErrCode(ce), "a malformed frame or one out of order")
	case errors.Is(err, http2.ErrFrameTooLarge):
		return breach(http2.ErrCodeFrameSize, "a frame is larger than it may be")
	case errors.Is(err, io.EOF):
		return errPeerClosed
	}
	return err
}

// frame reads the payload of one frame and obeys it.
func (r *reader) frame(fh http2.FrameHeader) error {
	if r.c.limits.pingInterval > 0 {
		r.c.mu.Lock()
		r.c.readTick, r.c.pinging = r.c.tick, false // any frame shows that the server is there
		r.c.mu.Unlock()
	}
	switch fh.Type {
	case http2.FrameData:
		return r.data(fh)
	case http2.FrameHeaders:
		return r.headers(fh)
	case http2.FrameWindowUpdate:
		return r.windowUpdate(fh)
	case http2.FramePushPromise:
		return breach(http2.ErrCodeProtocol, "PUSH_PROMISE, which nobody asked for")
	case http2.FrameSettings, http2.FramePing, http2.FrameGoAway, http2.FrameRSTStream, http2.FramePriority:
		if fh.Length > 4<<10 && fh.Type != http2.FrameGoAway {
			return breach(http2.ErrCodeEnhanceYourCalm, "a control frame of more than 4 KiB")
		}
		f, err := r.frames.ReadFrameForHeader(fh)
		if err != nil {
			var se http2.StreamError
			if errors.As(err, &se) {
				return &streamBreach{se.StreamID, se.Code, "a malformed frame"}
			}
			return err
		}
		return r.control(f)
	}
	if err := r.unproductive(); err != nil {
		return err
	}
	return r.skip(int(fh.Length)) // RFC 9113 §5.5: unknown frames are ignored
}

func (r *reader) skip(n int) error {
	_, err := r.br.Discard(n)
	return err
}

// payload returns the next n bytes, valid until the next read; done must be called with them.
func (r *reader) payload(n int) ([]byte, error) {
	if n <= r.br.Size() {
		return r.br.Peek(n)
	}
	if cap(r.frag) < n {
		r.frag = make([]byte, n)
	}
	r.frag = r.frag[:n]
	_, err := io.ReadFull(&r.br, r.frag)
	return r.frag, err
}

func (r *reader) done(n int) error {
	if n <= r.br.Size() {
		return r.skip(n)
	}
	if cap(r.frag) > 1<<20 {
		r.frag = nil
	}
	return nil
}

// unproductive counts a frame that carries nothing.
func (r *reader) unproductive() error {
	r.empty++
	if r.empty <= r.c.limits.maxUnproductive {
		return nil
	}
	now := time.Now()
	c := r.c
	c.mu.Lock()
	flowing := c.dataSent
	c.dataSent = false
	c.mu.Unlock()
	if !flowing && now.Sub(r.since) < time.Second {
		return breach(http2.ErrCodeEnhanceYourCalm, "a flood of frames that carry nothing")
	}
	r.empty, r.since = 0, now
	return nil
}

// breachStream answers a breach that concerns one stream.
func (c *conn) breachStream(e *streamBreach) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x := c.streams[e.id]; x != nil {
		c.resetLocked(x, e.code)
		x.failLocked(protocolError(x, e.reason))
	} else {
		c.refuseLocked(e.id, e.code)
	}
	if c.srv != nil {
		return c.srv.countResetLocked()
	}
	return nil
}
