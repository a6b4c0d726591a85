package http2

import (
	"hash/maphash"
	"strconv"

	"golang.org/x/net/http2/hpack"

	"github.com/millrace/millrace/proxy/stream"
)

const (
	maxEncoderTable = 4096 // bytes of the dynamic table that we use, whatever the peer allows
	maxInterned     = 128  // fields
	maxInternedSize = 512  // bytes of one field
)

// encoder makes header blocks. A field enters the dynamic table the second time it is seen, so that what differs in every
// request neither drives the rest out nor costs memory. It is guarded by the connection's mutex.
type encoder struct {
	out      []byte // the block being made, valid until the next one
	enc      *hpack.Encoder
	seed     maphash.Seed
	seen     [256]uint64 // hashes of fields seen once, by their low bits
	interned map[string]hpack.HeaderField
	key, low []byte
	resized  bool // the next block must begin with a change of the table's size, which only enc knows to write
}

func newEncoder() *encoder {
	e := &encoder{seed: maphash.MakeSeed(), interned: make(map[string]hpack.HeaderField)}
	e.enc = hpack.NewEncoder((*encoderOut)(e))
	e.enc.SetMaxDynamicTableSizeLimit(maxEncoderTable)
	return e
}

// encoderOut is encoder as the io.Writer of its hpack.Encoder.
type encoderOut encoder

func (e *encoderOut) Write(p []byte) (int, error) {
	e.out = append(e.out, p...)
	return len(p), nil
}

// setTableSize obeys the peer's SETTINGS_HEADER_TABLE_SIZE.
func (e *encoder) setTableSize(n uint32) {
	e.enc.SetMaxDynamicTableSize(min(n, maxEncoderTable))
	e.resized = true
}

func (e *encoder) begin() { e.out = e.out[:0] }

func (e *encoder) lowered(name []byte) []byte {
	e.low = e.low[:0]
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		e.low = append(e.low, c)
	}
	return e.low
}

// append adds a field; name is in lower case. Neither is kept.
func (e *encoder) append(name, value []byte) {
	if e.resized {
		e.resized = false
		e.write(hpack.HeaderField{Name: string(name), Value: string(value), Sensitive: secret(name)})
		return
	}
	if secret(name) {
		e.literal(name, value, 0x10)
		return
	}
	if len(name)+len(value) > maxInternedSize {
		e.literal(name, value, 0)
		return
	}
	e.key = append(append(append(e.key[:0], name...), 0), value...)
	if f, ok := e.interned[string(e.key)]; ok {
		e.write(f)
		return
	}
	h := maphash.Bytes(e.seed, e.key)
	if slot := &e.seen[h%uint64(len(e.seen))]; *slot != h {
		*slot = h
		e.literal(name, value, 0)
		return
	}
	if len(e.interned) >= maxInterned {
		clear(e.interned)
	}
	key := string(e.key)
	f := hpack.HeaderField{Name: key[:len(name)], Value: key[len(name)+1:]}
	e.interned[key] = f
	e.write(f)
}

func (e *encoder) write(f hpack.HeaderField) {
	_ = e.enc.WriteField(f) // fails only where its writer does, and ours does not
}

// literal adds a field that does not touch the tables (RFC 7541 §6.2.2, and §6.2.3 for form 0x10).
func (e *encoder) literal(name, value []byte, form byte) {
	if i := staticNames[string(name)]; i != 0 {
		e.out = appendInt(e.out, form, 4, uint64(i))
	} else {
		e.out = append(e.out, form)
		e.out = append(appendInt(e.out, 0, 7, uint64(len(name))), name...)
	}
	e.out = append(appendInt(e.out, 0, 7, uint64(len(value))), value...)
}

// appendInt adds an integer with a prefix of n bits (RFC 7541 §5.1).
func appendInt(dst []byte, first byte, n uint, v uint64) []byte {
	limit := uint64(1)<<n - 1
	if v < limit {
		return append(dst, first|byte(v))
	}
	dst = append(dst, first|byte(limit))
	for v -= limit; v >= 0x80; v >>= 7 {
		dst = append(dst, byte(v)|0x80)
	}
	return append(dst, byte(v))
}

// appendFields encodes the checked fields of h. Names are lower-cased; the fields of connections, host and content-length,
// which the heads carry beside it, are left out.
func (e *encoder) appendFields(h *stream.Header) {
	for i := range h.Len() {
		name, value := h.Field(i)
		if !all(name, tokenByte) {
			name = e.lowered(name)
		}
		if connectionField(name) {
			continue
		}
		switch string(name) {
		case "host", "content-length", "http2-settings":
			continue
		case "te":
			if !stream.EqualFold(value, "trailers") {
				continue
			}
		}
		e.append(name, value)
	}
}

// appendRequest encodes a checked head.
func (e *encoder) appendRequest(h *stream.RequestHead) {
	e.append([]byte(":method"), h.Method)
	if string(h.Method) != "CONNECT" {
		scheme, path := h.Scheme, h.Path
		if len(scheme) == 0 {
			scheme = []byte("http")
		}
		if len(path) == 0 {
			path = []byte("/")
		}
		e.append([]byte(":scheme"), scheme)
		e.append([]byte(":path"), path)
	}
	if len(h.Authority) > 0 {
		e.append([]byte(":authority"), h.Authority)
	}
	e.appendFields(&h.Header)
	if h.ExpectContinue {
		e.append([]byte("expect"), []byte("100-continue"))
	}
	e.appendLength(&h.Header, h.ContentLength)
}

// appendResponse encodes a checked head.
func (e *encoder) appendResponse(h *stream.ResponseHead) {
	var status [4]byte
	e.append([]byte(":status"), strconv.AppendInt(status[:0], int64(h.Status), 10))
	e.appendFields(&h.Header)
	if h.Status >= 200 && h.Status != 204 {
		e.appendLength(&h.Header, h.ContentLength)
	}
}

// appendLength adds content-length: the head's number, which filters may have changed, rules over the field. A length of
// 0 is said only where the field was there, since a head without a body has it too.
func (e *encoder) appendLength(h *stream.Header, n int64) {
	if n > 0 || n == 0 && h.Has("content-length") {
		var digits [20]byte
		e.append([]byte("content-length"), strconv.AppendInt(digits[:0], n, 10))
	}
}

var staticNames = func() map[string]byte {
	m := make(map[string]byte)
	for i, name := range [...]string{ // RFC 7541, Appendix A
		":authority", ":method", ":method", ":path", ":path", ":scheme", ":scheme", ":status", ":status", ":status",
		":status", ":status", ":status", ":status", "accept-charset", "accept-encoding", "accept-language",
		"accept-ranges", "accept", "access-control-allow-origin", "age", "allow", "authorization", "cache-control",
		"content-disposition", "content-encoding", "content-language", "content-length", "content-location",
		"content-range", "content-type", "cookie", "date", "etag", "expect", "expires", "from", "host", "if-match",
		"if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-modified", "link", "location",
		"max-forwards", "proxy-authenticate", "proxy-authorization", "range", "referer", "refresh", "retry-after",
		"server", "set-cookie", "strict-transport-security", "transfer-encoding", "user-agent", "vary", "via",
		"www-authenticate",
	} {
		if m[name] == 0 {
			m[name] = byte(i + 1)
		}
	}
	return m
}()
