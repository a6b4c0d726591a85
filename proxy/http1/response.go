package http1

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/millrace/millrace/proxy/stream"
)

// parseResponse reads a complete head into h, with copies of all bytes, and returns what it says about this hop.
func parseResponse(head []byte, h *stream.ResponseHead) (hop, error) {
	h.Reset()
	line, fields := cutLine(head)
	version, line, ok := bytes.Cut(line, space)
	code, reason, _ := bytes.Cut(line, space)
	if !ok || len(code) != 3 {
		return hop{}, errStartLine
	}
	switch string(version) {
	case "HTTP/1.1":
		h.Version = stream.HTTP11
	case "HTTP/1.0":
		h.Version = stream.HTTP10
	default:
		return hop{}, errVersion
	}
	for _, c := range reason {
		if !valueByte[c] {
			return hop{}, errStartLine
		}
	}
	h.Reason = append(h.Reason, reason...)
	sink := fieldSink{header: &h.Header}
	meta, err := readFields(fields, h.Version, &sink)
	if err != nil {
		return meta, err
	}
	if h.Status, ok = readStatus(head); !ok || h.Status < 100 {
		return meta, errSyntax
	}
	h.ContentLength = meta.length
	if h.Status < 200 || h.Status == http.StatusNoContent {
		h.ContentLength = 0
	}
	return meta, nil
}

// bodyless tells whether a response has no body whatever its fields say (RFC 9112, section 6.3).
func bodyless(status int, head bool) bool {
	return head || status < 200 || status == http.StatusNoContent || status == http.StatusNotModified
}

// ending says how the end of a response's body is marked.
type ending uint8

const (
	byNothing ending = iota // there is no body
	byLength
	byChunks
	byClose
)

// appendResponse appends the head of a response to dst. connection is "", "close" or "keep-alive".
func appendResponse(dst []byte, h *stream.ResponseHead, end ending, head bool, connection string) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(h.Status), 10)
	dst = append(dst, ' ')
	if len(h.Reason) > 0 {
		dst = appendText(dst, h.Reason)
	} else {
		dst = append(dst, http.StatusText(h.Status)...)
	}
	dst = append(dst, "\r\n"...)
	dst = appendFields(dst, &h.Header, end == byChunks, false)
	switch {
	case end == byChunks:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	case h.Status < 200 || h.Status == http.StatusNoContent:
	case end == byLength:
		dst = appendLength(dst, h.ContentLength)
	case end == byNothing && h.Status == http.StatusNotModified:
		if h.ContentLength > 0 {
			dst = appendLength(dst, h.ContentLength)
		}
	case end == byNothing && (!head || h.ContentLength >= 0):
		dst = appendLength(dst, max(h.ContentLength, 0))
	}
	if connection != "" {
		dst = append(append(append(dst, "Connection: "...), connection...), "\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// appendFields appends the fields that travel, without those that the framing writes itself. Trailer announces what only a
// chunked body can carry. An HTTP/2 request may have several cookie fields for better compression, which have to be joined
// (RFC 9113, section 8.2.3).
func appendFields(dst []byte, h *stream.Header, chunked, joinCookies bool) []byte {
	cookies := 0
	for i := range h.Len() {
		name, value := h.Field(i)
		switch kindOf(name) {
		case endToEnd:
			if !chunked && stream.EqualFold(name, "trailer") {
				continue
			}
			if joinCookies && stream.EqualFold(name, "cookie") {
				cookies++
				continue
			}
		case te, expect:
		default:
			continue
		}
		dst = appendField(dst, name, value)
	}
	if cookies == 0 {
		return dst
	}
	separator := "cookie: "
	for name, value := range h.All() {
		if stream.EqualFold(name, "cookie") {
			dst = appendText(append(dst, separator...), value)
			separator = "; "
		}
	}
	return append(dst, "\r\n"...)
}

// appendField appends one line.
func appendField(dst, name, value []byte) []byte {
	dst = append(appendText(dst, name), ": "...)
	return append(appendText(dst, value), "\r\n"...)
}

// appendText appends bytes of a line. A CR, LF or NUL that a filter put into them becomes a space: it must not end the line.
func appendText(dst, text []byte) []byte {
	start := len(dst)
	dst = append(dst, text...)
	for i := start; i < len(dst); i++ {
		if c := dst[i]; c < ' ' && c != '\t' {
			dst[i] = ' '
		}
	}
	return dst
}

func appendLength(dst []byte, n int64) []byte {
	dst = append(dst, "Content-Length: "...)
	return append(strconv.AppendInt(dst, n, 10), "\r\n"...)
}
