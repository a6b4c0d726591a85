package http2

import (
	"hash/maphash"
)

const (
	tableLimit      = 4096 // bytes of the dynamic tables, theirs and ours
	entryOverhead   = 32   // RFC 7541 §4.1
	maxIndexed      = 512  // bytes of a field that may enter the table
	staticEntries   = 61
	formIndexed     = 0x80 // RFC 7541 §6.1
	formIncremental = 0x40 // §6.2.1
	formLiteral     = 0x00 // §6.2.2
	formNever       = 0x10 // §6.2.3
	formResize      = 0x20 // §6.3
)

// encoder makes header blocks (RFC 7541). A field enters the dynamic table the second time it is seen, so that what
// differs in every request neither drives the rest out nor costs memory. It takes names and values as bytes and keeps
// none of them, which hpack.Encoder cannot. The connection's mutex guards it.
type encoder struct {
	out  []byte // the block being made, valid until the next one
	seed maphash.Seed
	seen [512]uint64 // hashes of fields seen once; each may stand at two places

	turn bool

	table     map[string]uint64 // name, 0, value → the entry's number, counted from the first ever added
	entries   []string          // the keys in the table, oldest first
	added     uint64
	size, max int
	resized   bool // the next block begins with the change
	key, low  []byte
}

func newEncoder() *encoder {
	return &encoder{seed: maphash.MakeSeed(), table: make(map[string]uint64), max: tableLimit}
}

// setTableSize obeys the peer's SETTINGS_HEADER_TABLE_SIZE. Of several sizes before one block the smallest stays: RFC 7541
// §4.2 would have it said before the last one, and golang.org/x/net's decoder refuses a block that begins with two.
func (e *encoder) setTableSize(n uint32) {
	size := int(min(n, tableLimit))
	if e.resized {
		size = min(size, e.max)
	}
	e.max, e.resized = size, true
	e.evict(0)
}

// begin starts a block.
func (e *encoder) begin() {
	e.out = e.out[:0]
	if e.resized {
		e.resized = false
		e.out = appendInt(e.out, formResize, 5, uint64(e.max))
	}
}

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
	if secret(name) {
		e.literal(name, value, formNever, 4)
		return
	}
	size := len(name) + len(value) + entryOverhead
	if size > min(maxIndexed, e.max) {
		e.literal(name, value, formLiteral, 4)
		return
	}
	e.key = append(append(append(e.key[:0], name...), 0), value...)
	if i := staticFields[string(e.key)]; i != 0 {
		e.out = append(e.out, formIndexed|i)
		return
	}
	if n, ok := e.table[string(e.key)]; ok {
		e.out = appendInt(e.out, formIndexed, 7, staticEntries+e.added-n)
		return
	}
	if !e.seenBefore() {
		e.literal(name, value, formLiteral, 4)
		return
	}
	e.literal(name, value, formIncremental, 6)
	e.evict(size)
	key := string(e.key)
	e.table[key] = e.added
	e.entries = append(e.entries, key)
	e.added++
	e.size += size
}

// seenBefore tells whether the field in key was seen lately, and remembers it.
func (e *encoder) seenBefore() bool {
	h := maphash.Bytes(e.seed, e.key)
	a, b := &e.seen[h%uint64(len(e.seen))], &e.seen[(h>>32)%uint64(len(e.seen))]
	switch h {
	case *a, *b:
		return true
	}
	// Taking them in turn lets two fields that share a place find another one in the end.
	if e.turn = !e.turn; e.turn {
		*a = h
	} else {
		*b = h
	}
	return false
}

// evict makes room for an entry of n bytes.
func (e *encoder) evict(n int) {
	gone := 0
	for gone < len(e.entries) && e.size+n > e.max {
		key := e.entries[gone]
		e.size -= len(key) - 1 + entryOverhead
		delete(e.table, key)
		gone++
	}
	if gone > 0 {
		kept := copy(e.entries, e.entries[gone:])
		clear(e.entries[kept:])
		e.entries = e.entries[:kept]
	}
}

// literal adds a field in one of the literal forms, whose name's index has a prefix of n bits.
func (e *encoder) literal(name, value []byte, form byte, n uint) {
	if i := staticNames[string(name)]; i != 0 {
		e.out = appendInt(e.out, form, n, uint64(i))
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

// staticFields are the fields of RFC 7541, Appendix A, that have a value, by name, 0 and value.
var staticFields = map[string]byte{
	":method\x00GET": 2, ":method\x00POST": 3, ":path\x00/": 4, ":path\x00/index.html": 5, ":scheme\x00http": 6,
	":scheme\x00https": 7, ":status\x00200": 8, ":status\x00204": 9, ":status\x00206": 10, ":status\x00304": 11,
	":status\x00400": 12, ":status\x00404": 13, ":status\x00500": 14, "accept-encoding\x00gzip, deflate": 16,
}

// staticNames are the indices of the names of RFC 7541, Appendix A.
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
