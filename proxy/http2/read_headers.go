package http2

import (
	"encoding/binary"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// field takes what the HPACK decoder emits.
func (r *reader) field(f hpack.HeaderField) {
	if !r.blk.add(f) {
		r.dec.SetEmitEnabled(false) // the rest is decoded for the sake of the tables alone
	}
}

// headers reads a HEADERS frame and its CONTINUATIONs, and hands the block over.
func (r *reader) headers(fh http2.FrameHeader) error {
	c, id := r.c, fh.StreamID
	if id == 0 {
		return breach(http2.ErrCodeProtocol, "HEADERS on stream 0")
	}
	r.blk.reset(c.limits.headerBytes)
	r.dec.SetEmitEnabled(true)
	dependsOnItself := false
	encoded, more, endHeaders := 0, 0, fh.Flags.Has(http2.FlagHeadersEndHeaders)
	if !endHeaders {
		c.setInBlock(true)
		defer c.setInBlock(false)
	}
	for cont := fh; ; {
		n := int(cont.Length)
		if encoded += n; encoded > blockSlack*c.limits.headerBytes {
			return breach(http2.ErrCodeEnhanceYourCalm, "a header block is far larger than it may be")
		}
		p, err := r.payload(n)
		if err != nil {
			return err
		}
		if cont.Type == http2.FrameHeaders {
			if p, dependsOnItself, err = headersFragment(fh, p); err != nil {
				return err
			}
		}
		if _, err := r.dec.Write(p); err != nil {
			return breach(http2.ErrCodeCompression, "a header block cannot be decoded")
		}
		if err := r.done(n); err != nil {
			return err
		}
		if endHeaders {
			break
		}
		if more++; more > minContinued+c.limits.headerBytes/continuedSize {
			return breach(http2.ErrCodeEnhanceYourCalm, "a header block of too many frames")
		}
		r.settle()
		if cont, err = r.frames.ReadFrameHeader(); err != nil { // it lets pass CONTINUATION of this stream only
			return err
		}
		endHeaders = cont.Flags.Has(http2.FlagContinuationEndHeaders)
	}
	if err := r.dec.Close(); err != nil {
		return breach(http2.ErrCodeCompression, "a header block is cut short")
	}
	if dependsOnItself {
		return &streamBreach{id, http2.ErrCodeProtocol, "a stream depends on itself"}
	}
	r.empty = 0
	end := fh.Flags.Has(http2.FlagHeadersEndStream)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.srv != nil {
		return c.srv.blockLocked(id, end)
	}
	return c.cli.blockLocked(id, end)
}

// setInBlock tells the clock whether a header block is being read.
func (c *conn) setInBlock(in bool) {
	c.mu.Lock()
	c.inBlock, c.blockTick = in, c.tick
	c.mu.Unlock()
}

// headersFragment strips a HEADERS payload of its padding and its priority (RFC 9113 §6.2).
func headersFragment(fh http2.FrameHeader, p []byte) (frag []byte, dependsOnItself bool, err error) {
	pad := 0
	if fh.Flags.Has(http2.FlagHeadersPadded) {
		if len(p) < 1 {
			return nil, false, breach(http2.ErrCodeFrameSize, "padded HEADERS without its padding's length")
		}
		pad, p = int(p[0]), p[1:]
	}
	if fh.Flags.Has(http2.FlagHeadersPriority) {
		if len(p) < 5 {
			return nil, false, breach(http2.ErrCodeFrameSize, "HEADERS too short for its priority")
		}
		dependsOnItself = binary.BigEndian.Uint32(p)&(1<<31-1) == fh.StreamID
		p = p[5:]
	}
	if pad > len(p) {
		return nil, false, breach(http2.ErrCodeProtocol, "HEADERS with more padding than payload")
	}
	return p[:len(p)-pad], dependsOnItself, nil
}
