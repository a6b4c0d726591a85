package http2

import (
	"golang.org/x/net/http2/hpack"

	"github.com/millrace/millrace/proxy/stream"
)

// The pseudo-header fields that a block had.
const (
	hasMethod = 1 << iota
	hasScheme
	hasAuthority
	hasPath
	hasStatus
)

// block is a header block as it is decoded. It belongs to the goroutine that reads.
type block struct {
	method, scheme, authority, path, host []byte

	status   int
	header   stream.Header
	pseudo   uint8
	regular  bool // a regular field was seen: no pseudo-header field may follow
	hasHost  bool
	expect   bool
	length   int64 // content-length, or -1
	size     int   // by RFC 9113 §6.5.2
	limit    int
	tooLarge bool
	bad      string // why the block is malformed
}

func (b *block) reset(limit int) {
	b.method, b.scheme, b.authority = b.method[:0], b.scheme[:0], b.authority[:0]
	b.path, b.host = b.path[:0], b.host[:0]
	b.header.Reset()
	b.status, b.pseudo, b.regular, b.hasHost, b.expect, b.length = 0, 0, false, false, false, -1
	b.size, b.limit, b.tooLarge, b.bad = 0, limit, false, ""
}

// add takes the next field and tells whether it wants more of them.
func (b *block) add(f hpack.HeaderField) bool {
	if b.size += int(f.Size()); b.size > b.limit {
		b.tooLarge = true
		return false
	}
	if !all(f.Value, valueByte) {
		b.bad = "a field's value has a byte that HTTP does not allow"
		return false
	}
	if len(f.Name) > 0 && f.Name[0] == ':' {
		b.addPseudo(f.Name, f.Value)
	} else {
		b.regular = true
		b.addRegular(f.Name, f.Value)
	}
	return b.bad == ""
}

func (b *block) addPseudo(name, value string) {
	var bit uint8
	switch name {
	case ":method":
		bit, b.method = hasMethod, append(b.method[:0], value...)
	case ":scheme":
		bit, b.scheme = hasScheme, append(b.scheme[:0], value...)
	case ":authority":
		bit, b.authority = hasAuthority, append(b.authority[:0], value...)
	case ":path":
		bit, b.path = hasPath, append(b.path[:0], value...)
	case ":status":
		bit = hasStatus
		n, ok := parseLength(value)
		if !ok || len(value) != 3 || n < 100 {
			b.bad = "the status is not a number of three digits"
		}
		b.status = int(n)
	default:
		b.bad = "an unknown pseudo-header field"
		return
	}
	if b.pseudo&bit != 0 {
		b.bad = "a pseudo-header field stands twice"
	}
	if b.regular {
		b.bad = "a pseudo-header field after a regular one"
	}
	b.pseudo |= bit
}

func (b *block) addRegular(name, value string) {
	if name == "" || !all(name, tokenByte) {
		b.bad = "a field's name has a byte that HTTP/2 does not allow"
		return
	}
	if connectionField(name) {
		b.bad = "a field that belongs to HTTP/1 connections"
		return
	}
	switch name {
	case "te":
		if value != "trailers" {
			b.bad = "te has another value than trailers"
		}
	case "host":
		if b.hasHost {
			b.bad = "host stands twice"
		}
		b.hasHost, b.host = true, append(b.host[:0], value...)
		return
	case "expect":
		if stream.EqualFold([]byte(value), "100-continue") {
			b.expect = true
			return
		}
	case "content-length":
		n, ok := parseLength(value)
		if !ok || b.length >= 0 && b.length != n {
			b.bad = "content-length is not a number, or two that differ"
			return
		}
		if b.length >= 0 {
			return
		}
		b.length = n
	}
	b.header.Add(name, value)
}

// checkRequest tells what is malformed in a request's head (RFC 9113 §8.3.1), or "".
func (b *block) checkRequest() string {
	if b.bad != "" {
		return b.bad
	}
	if b.pseudo&hasStatus != 0 {
		return "a request has a status"
	}
	if len(b.method) == 0 || !all(b.method, tokenByte|upperByte) {
		return "the method is missing or has a byte that HTTP does not allow"
	}
	if b.hasHost {
		if b.pseudo&hasAuthority != 0 && !stream.EqualFold(b.authority, string(b.host)) {
			return "host and :authority differ"
		}
		if b.pseudo&hasAuthority == 0 {
			b.authority = append(b.authority[:0], b.host...)
		}
	}
	for _, c := range b.authority {
		if classes[c]&targetByte == 0 || c == '/' || c == '?' || c == '#' || c == '@' || c == '\\' {
			return "the authority has a byte that does not belong there"
		}
	}
	if string(b.method) == "CONNECT" {
		if b.pseudo&(hasScheme|hasPath) != 0 || len(b.authority) == 0 {
			return "CONNECT has a scheme or a path, or no authority"
		}
		return ""
	}
	if b.pseudo&hasScheme == 0 || len(b.scheme) == 0 || !all(b.scheme, targetByte) {
		return "the scheme is missing"
	}
	if len(b.path) == 0 || !all(b.path, targetByte) {
		return "the path is missing or has a byte that HTTP does not allow"
	}
	if b.path[0] != '/' && !(string(b.path) == "*" && string(b.method) == "OPTIONS") {
		return "the path does not begin with a slash"
	}
	return ""
}

// checkResponse tells what is malformed in a response's head, or "".
func (b *block) checkResponse() string {
	switch {
	case b.bad != "":
		return b.bad
	case b.pseudo != hasStatus:
		return "the status is missing, or a response has a request's pseudo-header field"
	case b.status == 101:
		return "101 is not a status of HTTP/2"
	}
	b.keepRequestFields()
	return ""
}

// checkTrailers tells what is malformed in trailers, or "".
func (b *block) checkTrailers() string {
	if b.bad == "" && b.pseudo != 0 {
		return "trailers have a pseudo-header field"
	}
	b.keepRequestFields()
	return b.bad
}

// keepRequestFields puts back what has a meaning of its own only in requests.
func (b *block) keepRequestFields() {
	if b.hasHost {
		b.header.AddBytes([]byte("host"), b.host)
	}
	if b.expect {
		b.header.Add("expect", "100-continue")
	}
}

// moveRequest makes h the head that was decoded, by exchanging memory with it.
func (b *block) moveRequest(h *stream.RequestHead) {
	h.Reset()
	h.Method, b.method = b.method, h.Method
	h.Scheme, b.scheme = b.scheme, h.Scheme
	h.Authority, b.authority = b.authority, h.Authority
	h.Path, b.path = b.path, h.Path
	h.Header, b.header = b.header, h.Header
	h.Version, h.ContentLength, h.ExpectContinue = stream.HTTP2, b.length, b.expect
}

// moveResponse makes h the head that was decoded, by exchanging memory with it.
func (b *block) moveResponse(h *stream.ResponseHead) {
	h.Reset()
	h.Status, h.Version, h.ContentLength = b.status, stream.HTTP2, b.length
	h.Header, b.header = b.header, h.Header
}
