package http2

import (
	"encoding/binary"

	"golang.org/x/net/http2"
)

// maxControls are the answers to PING and SETTINGS that may wait for a peer that does not read them.
const maxControls = 1000

// windowUpdate obeys a WINDOW_UPDATE frame.
func (r *reader) windowUpdate(fh http2.FrameHeader) error {
	if fh.Length != 4 {
		return breach(http2.ErrCodeFrameSize, "WINDOW_UPDATE of another size than 4")
	}
	p, err := r.br.Peek(4)
	if err != nil {
		return err
	}
	n := int64(binary.BigEndian.Uint32(p) & (1<<31 - 1))
	if err := r.skip(4); err != nil {
		return err
	}
	if err := r.unproductive(); err != nil {
		return err
	}
	c := r.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if fh.StreamID == 0 {
		if n == 0 {
			return breach(http2.ErrCodeProtocol, "WINDOW_UPDATE by 0")
		}
		if c.outWindow+n > maxWindow {
			return breach(http2.ErrCodeFlowControl, "the connection's window exceeds 2^31-1")
		}
		c.outWindow += n
		c.kickLocked()
		return nil
	}
	x := c.streams[fh.StreamID]
	if x == nil {
		if c.idleLocked(fh.StreamID) {
			return breach(http2.ErrCodeProtocol, "WINDOW_UPDATE on an idle stream")
		}
		return nil // the stream may have ended while the frame was under way
	}
	if n == 0 {
		return &streamBreach{fh.StreamID, http2.ErrCodeProtocol, "WINDOW_UPDATE by 0"}
	}
	if x.outWindow+n > maxWindow {
		return &streamBreach{fh.StreamID, http2.ErrCodeFlowControl, "the stream's window exceeds 2^31-1"}
	}
	x.tick = c.tick
	x.openLocked(n)
	return nil
}

// openLocked adds n, which may be negative, to what x may send.
func (x *exchange) openLocked(n int64) {
	x.outWindow += n
	if x.out != nil && x.outWindow > 0 {
		x.c.queueLocked(x)
		x.c.kickLocked()
	}
}

// control obeys the frames that carry neither head nor body.
func (r *reader) control(f http2.Frame) error {
	c := r.c
	if err := r.unproductive(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch f := f.(type) {
	case *http2.SettingsFrame:
		if f.IsAck() {
			return nil
		}
		return c.settingsLocked(f)
	case *http2.PingFrame:
		if f.IsAck() {
			if c.srv != nil && f.Data == drainPing {
				c.srv.drainedLocked()
			}
			return nil
		}
		if err := c.answerLocked(); err != nil {
			return err
		}
		_ = c.frames.WritePing(true, f.Data)
	case *http2.GoAwayFrame:
		if c.cli != nil {
			c.cli.goAwayLocked(f.LastStreamID, f.ErrCode)
		}
	case *http2.RSTStreamFrame:
		return c.peerResetLocked(f.StreamID, f.ErrCode)
	case *http2.PriorityFrame:
		if f.StreamDep == f.StreamID {
			return &streamBreach{f.StreamID, http2.ErrCodeProtocol, "a stream depends on itself"}
		}
	}
	return nil
}

// answerLocked counts an answer that the peer asked for.
func (c *conn) answerLocked() error {
	if c.controls++; c.controls > maxControls {
		return breach(http2.ErrCodeEnhanceYourCalm, "too many PING and SETTINGS without reading the answers")
	}
	c.kickLocked()
	return nil
}

func (c *conn) settingsLocked(f *http2.SettingsFrame) error {
	if c.cli != nil {
		c.cli.settledLocked()
	}
	err := f.ForeachSetting(func(s http2.Setting) error {
		if err := s.Valid(); err != nil {
			return err
		}
		switch s.ID {
		case http2.SettingHeaderTableSize:
			c.fields.setTableSize(s.Val)
		case http2.SettingMaxConcurrentStreams:
			c.peerStreams = s.Val
		case http2.SettingMaxFrameSize:
			c.peerFrame = int(s.Val)
		case http2.SettingEnablePush:
			if c.cli != nil && s.Val != 0 {
				return breach(http2.ErrCodeProtocol, "a server that enables push")
			}
		case http2.SettingInitialWindowSize:
			grown := int64(s.Val) - c.peerWindow
			c.peerWindow = int64(s.Val)
			for _, x := range c.streams {
				if x.outWindow+grown > maxWindow {
					return breach(http2.ErrCodeFlowControl, "a stream's window exceeds 2^31-1")
				}
				x.openLocked(grown)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := c.answerLocked(); err != nil {
		return err
	}
	return c.frames.WriteSettingsAck()
}

// peerResetLocked obeys a RST_STREAM.
func (c *conn) peerResetLocked(id uint32, code http2.ErrCode) error {
	x := c.streams[id]
	if x == nil {
		if c.idleLocked(id) {
			return breach(http2.ErrCodeProtocol, "RST_STREAM on an idle stream")
		}
		return nil
	}
	if x.up != nil && code == http2.ErrCodeRefusedStream {
		x.up.unprocessed = true
	}
	x.failLocked(&ResetError{Code: code, cut: x.begun()})
	if c.srv != nil {
		return c.srv.countResetLocked()
	}
	return nil
}
