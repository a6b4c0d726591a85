package http2

import (
	"fmt"

	"github.com/millrace/millrace/proxy/stream"
)

// Classes of bytes in names and values.
const (
	tokenByte  = 1 << iota // may stand in a field's name (lower case) or a method
	upperByte              // may stand in a method, and in a name only before it is lower-cased
	valueByte              // may stand in a value
	targetByte             // may stand in a path or an authority
)

var classes = func() (t [256]byte) {
	for c := range 256 {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			t[c] |= tokenByte
		case c >= 'A' && c <= 'Z':
			t[c] |= upperByte
		}
		if c >= ' ' && c != 0x7f || c == '\t' {
			t[c] |= valueByte
		}
		if c > ' ' && c != 0x7f {
			t[c] |= targetByte
		}
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] |= tokenByte
	}
	return t
}()

func all[S string | []byte](s S, class byte) bool {
	for i := 0; i < len(s); i++ {
		if classes[s[i]]&class == 0 {
			return false
		}
	}
	return true
}

// connectionField tells whether a field says something about one HTTP/1 connection and must not stand in HTTP/2
// (RFC 9113 §8.2.2). name is in lower case.
func connectionField[S string | []byte](name S) bool {
	switch string(name) {
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
		return true
	}
	return false
}

// secret tells whether a field's value must not enter a compression table that others' requests share (RFC 7541 §7.1.3).
func secret(name []byte) bool {
	switch string(name) {
	case "authorization", "proxy-authorization", "cookie", "set-cookie":
		return true
	}
	return false
}

// parseLength returns the value of a content-length field.
func parseLength[S string | []byte](s S) (n int64, ok bool) {
	if len(s) == 0 || len(s) > 18 {
		return 0, false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, true
}

// fieldError says why a message cannot be sent.
func fieldError(name []byte, why string) error {
	return fmt.Errorf("http2: send field %q: %s", name, why)
}

// checkFields tells why h cannot be sent, before any of it is encoded: a block that is begun must be sent, since it changes
// the compression's state.
func checkFields(h *stream.Header) error {
	for i := range h.Len() {
		name, value := h.Field(i)
		if len(name) == 0 || !all(name, tokenByte|upperByte) {
			return fieldError(name, "the name is empty or has a byte that HTTP does not allow")
		}
		if !all(value, valueByte) {
			return fieldError(name, "the value has a byte that HTTP does not allow")
		}
	}
	return nil
}

// checkRequestHead is checkFields for a head.
func checkRequestHead(h *stream.RequestHead) error {
	switch {
	case len(h.Method) == 0 || !all(h.Method, tokenByte|upperByte):
		return fieldError([]byte(":method"), "it is empty or has a byte that HTTP does not allow")
	case !all(h.Path, targetByte):
		return fieldError([]byte(":path"), "it has a byte that HTTP does not allow")
	case !all(h.Scheme, targetByte):
		return fieldError([]byte(":scheme"), "it has a byte that HTTP does not allow")
	case !all(h.Authority, targetByte):
		return fieldError([]byte(":authority"), "it has a byte that HTTP does not allow")
	}
	return checkFields(&h.Header)
}

// checkResponseHead is checkFields for a head.
func checkResponseHead(h *stream.ResponseHead) error {
	if h.Status < 100 || h.Status > 999 {
		return fieldError([]byte(":status"), "it is not a number of three digits")
	}
	return checkFields(&h.Header)
}
