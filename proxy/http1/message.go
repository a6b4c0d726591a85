package http1

import (
	"github.com/millrace/millrace/proxy/stream"
)

// hop is what the fields of one hop say: how the body is framed and what becomes of the connection.
type hop struct {
	length    int64 // Content-Length, -1 where there is none
	chunked   bool
	close     bool // "Connection: close"
	keepAlive bool // "Connection: keep-alive", which counts for HTTP/1.0
	upgrade   bool // "Connection: upgrade"
	expect    bool // "Expect: 100-continue"
	named     bool // Connection names fields that have to go
}

// fieldSink takes the fields of a head that travel on, and those that the head has members for.
type fieldSink struct {
	header   *stream.Header
	hosts    int
	host     []byte // view
	protocol []byte // view of Upgrade's value
}

// readFields sorts the fields of a complete block into what travels on (to s.header) and what belongs to this hop.
func readFields(block []byte, version stream.Version, s *fieldSink) (hop, error) {
	h := hop{length: -1}
	transfer := false
	for rest := block; ; {
		name, value, next, err := nextField(rest)
		if err != nil {
			return h, err
		}
		if len(name) == 0 {
			break
		}
		rest = next
		switch kindOf(name) {
		case endToEnd:
			s.header.AddBytes(name, value)
		case host:
			s.hosts++
			s.host = value
		case contentLength:
			n, ok := parseLength(value)
			if !ok || h.length >= 0 {
				return h, errLength
			}
			h.length = n
		case transferEncoding:
			switch {
			case version == stream.HTTP10:
				return h, errTransfer10
			case transfer:
				return h, errTransferDup
			case !stream.EqualFold(value, "chunked"):
				return h, errTransfer
			}
			transfer, h.chunked = true, true
		case connection:
			h.readConnection(value)
		case te:
			if listHas(value, "trailers") {
				s.header.Add("te", "trailers")
			}
		case upgrade:
			s.protocol = value
		case expect:
			if version == stream.HTTP10 || !stream.EqualFold(value, "100-continue") {
				s.header.AddBytes(name, value)
			} else {
				h.expect = true
			}
		case dropped:
		}
	}
	if h.chunked && h.length >= 0 {
		return h, errLengthTE
	}
	if h.named {
		dropNamed(block, s.header)
	}
	return h, nil
}

func (h *hop) readConnection(list []byte) {
	for item := []byte(nil); len(list) > 0; {
		item, list = nextItem(list)
		switch {
		case len(item) == 0:
		case stream.EqualFold(item, "close"):
			h.close = true
		case stream.EqualFold(item, "keep-alive"):
			h.keepAlive = true
		case stream.EqualFold(item, "upgrade"):
			h.upgrade = true
		case kindOf(item) == endToEnd:
			h.named = true
		}
	}
}

// dropNamed removes the fields that Connection names (RFC 9110, section 7.6.1). The block was scanned without an error.
func dropNamed(block []byte, header *stream.Header) {
	for rest := block; ; {
		name, value, next, _ := nextField(rest)
		if len(name) == 0 {
			return
		}
		rest = next
		if kindOf(name) != connection {
			continue
		}
		for item := []byte(nil); len(value) > 0; {
			if item, value = nextItem(value); len(item) > 0 && kindOf(item) == endToEnd {
				header.Del(string(item))
			}
		}
	}
}

// kind says what a field means to this hop.
type kind uint8

const (
	endToEnd kind = iota
	host
	contentLength
	transferEncoding
	connection
	te
	upgrade
	expect
	dropped // Keep-Alive and Proxy-Connection
)

func kindOf(name []byte) kind {
	switch len(name) {
	case 2:
		if stream.EqualFold(name, "te") {
			return te
		}
	case 4:
		if stream.EqualFold(name, "host") {
			return host
		}
	case 6:
		if stream.EqualFold(name, "expect") {
			return expect
		}
	case 7:
		if stream.EqualFold(name, "upgrade") {
			return upgrade
		}
	case 10:
		if stream.EqualFold(name, "connection") {
			return connection
		}
		if stream.EqualFold(name, "keep-alive") {
			return dropped
		}
	case 14:
		if stream.EqualFold(name, "content-length") {
			return contentLength
		}
	case 16:
		if stream.EqualFold(name, "proxy-connection") {
			return dropped
		}
	case 17:
		if stream.EqualFold(name, "transfer-encoding") {
			return transferEncoding
		}
	}
	return endToEnd
}

// listHas tells whether a comma-separated list has the token, whatever its parameters.
func listHas(list []byte, token string) bool {
	for item := []byte(nil); len(list) > 0; {
		item, list = nextItem(list)
		for i, c := range item {
			if c == ';' {
				item = trimSpace(item[:i])
				break
			}
		}
		if stream.EqualFold(item, token) {
			return true
		}
	}
	return false
}

// parseLength reads a Content-Length: digits and nothing else (RFC 9110, section 8.6).
func parseLength(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	n := int64(0)
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
