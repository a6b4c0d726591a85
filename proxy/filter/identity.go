package filter

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net"
	"net/netip"

	"github.com/millrace/millrace/proxy/stream"
)

// identify gives the request its id and, at an edge, says where it comes from.
func (m *Manager) identify(x *Exchange, h *stream.RequestHead, secure bool) {
	stranger := false
	if m.c.UseRemoteAddress {
		ip := addressOf(x.Down.Conn().Remote)
		stranger = ip.IsValid() && !ip.IsPrivate() && !ip.IsLoopback()
		m.edge(h, ip, secure, stranger)
	}
	id := h.Header.Get("x-request-id")
	if id != nil && stranger && !m.c.PreserveRequestID {
		h.Header.Del("x-request-id")
		id = nil
	}
	if id == nil && !m.c.NoRequestID {
		var u [36]byte
		newUUID(&u)
		h.Header.AddBytes([]byte("x-request-id"), u[:])
		id = h.Header.Get("x-request-id")
	}
	x.Info.RequestID = append(x.Info.RequestID, id...)
}

// edge appends to x-forwarded-for, sets x-forwarded-proto, and takes away what strangers may not say.
func (m *Manager) edge(h *stream.RequestHead, ip netip.Addr, secure, stranger bool) {
	if stranger {
		h.Header.DeleteFunc(func(name, _ []byte) bool { return hasPrefixFold(name, "x-envoy-") })
	}
	proto := "http"
	if secure {
		proto = "https"
	}
	h.Header.Set("x-forwarded-proto", proto)
	if !ip.IsValid() || m.c.SkipXFFAppend {
		return
	}
	var buf [512]byte
	value := buf[:0]
	for n, v := range h.Header.All() {
		if stream.EqualFold(n, "x-forwarded-for") {
			value = append(append(value, v...), ',')
		}
	}
	value = ip.AppendTo(value)
	h.Header.Del("x-forwarded-for")
	h.Header.AddBytes([]byte("x-forwarded-for"), value)
}

func hasPrefixFold(name []byte, prefix string) bool {
	return len(name) >= len(prefix) && stream.EqualFold(name[:len(prefix)], prefix)
}

func addressOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// newUUID writes a random UUID (version 4). It need not be unguessable, only unique.
func newUUID(dst *[36]byte) {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(b[8:], rand.Uint64())
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	hex.Encode(dst[:8], b[:4])
	hex.Encode(dst[9:13], b[4:6])
	hex.Encode(dst[14:18], b[6:8])
	hex.Encode(dst[19:23], b[8:10])
	hex.Encode(dst[24:], b[10:])
	dst[8], dst[13], dst[18], dst[23] = '-', '-', '-', '-'
}
