package http2

import (
	"io"

	"golang.org/x/net/http2"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// data obeys a DATA frame: its payload is read once, to where the user of the exchange receives it from.
func (r *reader) data(fh http2.FrameHeader) error {
	c := r.c
	n, pad := int(fh.Length), 0
	if fh.StreamID == 0 {
		return breach(http2.ErrCodeProtocol, "DATA on stream 0")
	}
	if fh.Flags.Has(http2.FlagDataPadded) {
		if n == 0 {
			return breach(http2.ErrCodeFrameSize, "padded DATA without its padding's length")
		}
		b, err := r.br.ReadByte()
		if err != nil {
			return err
		}
		pad = int(b) + 1
		if pad > n {
			return breach(http2.ErrCodeProtocol, "DATA with more padding than payload")
		}
	}
	size, end := n-pad, fh.Flags.Has(http2.FlagDataEndStream)
	if size > 0 {
		r.empty = 0
	} else if !end {
		if err := r.unproductive(); err != nil {
			return err
		}
	}
	c.mu.Lock()
	wanted, err := c.admitLocked(fh.StreamID, int64(n), int64(size))
	if err == nil && pad > 0 {
		c.returnLocked(fh.StreamID, int64(pad))
	}
	c.mu.Unlock()
	if pad > 0 {
		pad-- // its length was read
	}
	switch {
	case err != nil:
		if serr := r.skip(size + pad); serr != nil {
			return serr
		}
		return err
	case !wanted:
		err = r.skip(size)
	case size > 0 && size <= smallData:
		err = r.small(fh.StreamID, size)
	case size > 0:
		err = r.large(fh.StreamID, size)
	}
	if err == nil && pad > 0 {
		err = r.skip(pad)
	}
	if err != nil {
		return err
	}
	return r.arrived(fh.StreamID, end)
}

// admitLocked charges a DATA frame of n bytes, size of them without padding, to the windows. It tells whether anyone wants
// the payload; where not, the windows are given back at once.
func (c *conn) admitLocked(id uint32, n, size int64) (wanted bool, err error) {
	if n > c.inWindow {
		return false, breach(http2.ErrCodeFlowControl, "DATA beyond the connection's window")
	}
	c.inWindow -= n
	x := c.streams[id]
	if x == nil {
		c.consumedLocked(n)
		if c.idleLocked(id) {
			return false, breach(http2.ErrCodeProtocol, "DATA on an idle stream")
		}
		if c.resetHereLocked(id) || c.closing || id > c.lastAccepted {
			return false, nil
		}
		return false, &streamBreach{id, http2.ErrCodeStreamClosed, "DATA on a closed stream"}
	}
	x.tick = c.tick
	breached := func(code http2.ErrCode, reason string) (bool, error) {
		c.consumedLocked(n)
		return false, &streamBreach{id, code, reason}
	}
	switch {
	case x.remoteEnded:
		return breached(http2.ErrCodeStreamClosed, "DATA after the end of the stream")
	case x.up != nil && !x.up.final:
		return breached(http2.ErrCodeProtocol, "DATA before the response's head")
	case n > x.inWindow:
		return breached(http2.ErrCodeFlowControl, "DATA beyond the stream's window")
	case x.expect >= 0 && x.received+size > x.expect:
		return breached(http2.ErrCodeProtocol, "the body is longer than its content-length")
	}
	x.inWindow -= n
	x.received += size
	if limit := c.limits.maxBody; limit > 0 && x.received > limit && x.recvErr == nil {
		x.refuseBodyLocked(&body.TooLarge{Limit: limit})
	}
	if x.recvErr != nil || x.stopErr != nil {
		c.returnLocked(id, size)
		return false, nil
	}
	return true, nil
}

// returnLocked gives window back for bytes that nobody will receive.
func (c *conn) returnLocked(id uint32, n int64) {
	if x := c.streams[id]; x != nil {
		x.consumedLocked(n)
		return
	}
	c.consumedLocked(n)
}

// small copies a small payload behind what is there, without a block of its own: a flood of tiny frames then costs no more
// memory than their bytes.
func (r *reader) small(id uint32, n int) error {
	p, err := r.br.Peek(n)
	if err != nil {
		return err
	}
	c := r.c
	c.mu.Lock()
	if x := c.streams[id]; x != nil && x.recvErr == nil {
		if _, err := x.in.Write(p); err != nil {
			r.starvedLocked(x, n, err)
		}
	} else {
		c.returnLocked(id, int64(n))
	}
	c.mu.Unlock()
	return r.skip(n)
}

// large reads a payload to pooled memory of its own.
func (r *reader) large(id uint32, n int) error {
	c := r.c
	space, starved := r.piece.Space(n)
	if starved != nil {
		r.piece.Discard()
		c.mu.Lock()
		if x := c.streams[id]; x != nil {
			r.starvedLocked(x, n, starved)
		} else {
			c.consumedLocked(int64(n))
		}
		c.mu.Unlock()
		return r.skip(n)
	}
	if _, err := io.ReadFull(&r.br, space[:n]); err != nil {
		r.piece.Discard()
		return err
	}
	_ = r.piece.Commit(n) // fails only past a limit, which it has not
	b, err := r.piece.Body()
	if err != nil {
		return err
	}
	c.mu.Lock()
	if x := c.streams[id]; x != nil && x.recvErr == nil {
		_ = x.in.Append(b) // fails only after an earlier failure, which emptied it
	} else {
		c.returnLocked(id, int64(n))
	}
	c.mu.Unlock()
	b.Release()
	return nil
}

// starvedLocked fails x because the budget has no room for n bytes that came.
func (r *reader) starvedLocked(x *exchange, n int, err error) {
	x.refuseBodyLocked(err)
	x.consumedLocked(int64(n))
	r.notify(x)
}

// arrived notes that a payload is there.
func (r *reader) arrived(id uint32, end bool) error {
	c := r.c
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.streams[id]
	if x == nil {
		return nil
	}
	r.notify(x)
	if end {
		if bad := x.endRemoteLocked(); bad != "" {
			return &streamBreach{id, http2.ErrCodeProtocol, bad}
		}
	}
	return nil
}

// idleLocked tells whether no stream of that id was ever opened.
func (c *conn) idleLocked(id uint32) bool {
	if c.cli != nil {
		return id%2 == 0 || id >= c.cli.nextID
	}
	return id%2 == 0 || id > c.lastPeer
}

// protocolError is what the user of x learns of a breach by its peer.
func protocolError(x *exchange, reason string) error {
	status := 400
	if x.up != nil {
		status = 502
	}
	return &stream.ProtocolError{Status: status, Reason: reason, Detail: "http2.protocol_error"}
}
