package listener

import "github.com/millrace/millrace/proxy/stream"

// preface is what an HTTP/2 client sends first on a connection without TLS (RFC 9113, section 3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// detected tells the version from a connection's first bytes, and whether they are enough to tell.
func detected(first []byte) (v stream.Version, ok bool) {
	n := min(len(first), len(preface))
	switch {
	case string(first[:n]) != preface[:n]:
		return stream.HTTP11, true
	case n == len(preface):
		return stream.HTTP2, true
	}
	return stream.HTTP11, false
}
