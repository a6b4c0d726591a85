package http1

import (
	"bytes"

	"github.com/millrace/millrace/proxy/stream"
)

// parseRequest reads a complete head into h, with copies of all bytes, and returns what it says about this hop.
func parseRequest(head []byte, h *stream.RequestHead, tls bool) (hop, error) {
	h.Reset()
	line, fields := cutLine(head)
	method, line, ok1 := bytes.Cut(line, space)
	target, version, ok2 := bytes.Cut(line, space)
	if !ok1 || !ok2 || !isToken(method) || len(target) == 0 {
		return hop{}, errStartLine
	}
	switch {
	case string(version) == "HTTP/1.1":
		h.Version = stream.HTTP11
	case string(version) == "HTTP/1.0":
		h.Version = stream.HTTP10
	case len(version) == 8 && bytes.HasPrefix(version, []byte("HTTP/")):
		return hop{}, errVersion
	default:
		return hop{}, errStartLine
	}
	h.Method = append(h.Method, method...)
	h.Scheme = append(h.Scheme, "http"...)
	if tls {
		h.Scheme = append(h.Scheme, 's')
	}
	sink := fieldSink{header: &h.Header}
	meta, err := readFields(fields, h.Version, &sink)
	if err != nil {
		return meta, err
	}
	if sink.hosts > 1 || h.Version == stream.HTTP11 && len(sink.host) == 0 || !validHost(sink.host) {
		return meta, errHost
	}
	if err := setTarget(h, target, sink.host); err != nil {
		return meta, err
	}
	if meta.upgrade {
		h.Protocol = append(h.Protocol, sink.protocol...)
	}
	h.ExpectContinue = meta.expect
	switch {
	case meta.chunked:
		h.ContentLength = -1
	case meta.length > 0:
		h.ContentLength = meta.length
	default:
		h.ContentLength = 0 // a request without a length has no body (RFC 9112, section 6.3)
	}
	if !agreesOnRequest(head, &meta) {
		return meta, errSyntax
	}
	return meta, nil
}

var space = []byte{' '}

// setTarget takes the request target in its four forms (RFC 9112, section 3.2).
func setTarget(h *stream.RequestHead, target, host []byte) error {
	for _, c := range target {
		if c <= ' ' || c == 0x7f {
			return errTarget
		}
	}
	h.Authority = append(h.Authority, host...)
	switch {
	case string(h.Method) == "CONNECT":
		if !validHost(target) {
			return errTarget
		}
		h.Authority = append(h.Authority[:0], target...)
		h.Path = append(h.Path, target...)
	case target[0] == '/':
		h.Path = append(h.Path, target...)
	case len(target) == 1 && target[0] == '*':
		if string(h.Method) != "OPTIONS" {
			return errTarget
		}
		h.Path = append(h.Path, '*')
	default:
		_, rest, ok := bytes.Cut(target, []byte("://"))
		if !ok {
			return errTarget
		}
		authority, path := rest, []byte(nil)
		if i := bytes.IndexAny(rest, "/?#"); i >= 0 {
			authority, path = rest[:i], rest[i:]
		}
		if len(authority) == 0 || !validHost(authority) {
			return errTarget
		}
		// The URI's authority stands in for Host (RFC 9112, section 3.2.2).
		h.Authority = append(h.Authority[:0], authority...)
		if len(path) == 0 || path[0] != '/' {
			h.Path = append(h.Path, '/')
		}
		h.Path = append(h.Path, path...)
	}
	return nil
}

func validHost(b []byte) bool {
	for _, c := range b {
		if !hostByte[c] {
			return false
		}
	}
	return true
}

// appendRequest appends the head of a request to dst. chunked says how the body is framed where ContentLength is -1.
func appendRequest(dst []byte, h *stream.RequestHead, chunked bool) []byte {
	dst = append(append(dst, h.Method...), ' ')
	dst = append(dst, h.Path...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(append(dst, h.Authority...), "\r\n"...)
	dst = appendFields(dst, &h.Header, chunked, h.Version == stream.HTTP2)
	switch {
	case chunked:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	case h.ContentLength > 0 || expectsContent(h.Method):
		dst = appendLength(dst, max(h.ContentLength, 0))
	}
	if h.Header.Has("te") {
		dst = append(dst, "Connection: TE\r\n"...) // RFC 9110, section 10.1.4
	}
	return append(dst, "\r\n"...)
}

// expectsContent tells whether a request of that method says "Content-Length: 0" when it has no body (RFC 9110, section 8.6).
func expectsContent(method []byte) bool {
	return string(method) == "POST" || string(method) == "PUT" || string(method) == "PATCH"
}
