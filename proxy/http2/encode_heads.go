package http2

import (
	"strconv"

	"github.com/millrace/millrace/proxy/stream"
)

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
	switch {
	case h.Status < 200 || h.Status == 204: // RFC 9110 §8.6: they have none
	case h.ContentLength == 0 && h.Status != 304 && (h.Version == stream.HTTP10 || h.Version == stream.HTTP11):
		e.append([]byte("content-length"), []byte("0")) // HTTP/1 says 0 with the field alone, which is not in its Header
	default:
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
