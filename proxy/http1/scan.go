package http1

import (
	"bytes"

	"github.com/millrace/millrace/proxy/stream"
)

const codecError = "http1.codec_error"

func badRequest(reason string) *stream.ProtocolError {
	return &stream.ProtocolError{Status: 400, Reason: reason, Detail: codecError}
}

// Breaches of the message syntax (RFC 9112, sections 2 to 7). They are shared, so that refusing allocates nothing.
var (
	errBareLF      = badRequest("a line of the header ends in LF without CR")
	errFold        = badRequest("a header line starts with whitespace (obsolete line folding)")
	errField       = badRequest("a header line is no name, colon and value")
	errFieldName   = badRequest("a header name has a character that names cannot have")
	errFieldValue  = badRequest("a header value has a control character")
	errStartLine   = badRequest("the first line is malformed")
	errTarget      = badRequest("the request target is malformed")
	errHost        = badRequest("HTTP/1.1 asks for exactly one well-formed Host header")
	errLength      = badRequest("Content-Length is malformed or repeated")
	errLengthTE    = badRequest("Content-Length and Transfer-Encoding exclude each other")
	errTransfer10  = badRequest("HTTP/1.0 has no Transfer-Encoding")
	errTransferDup = badRequest("Transfer-Encoding is repeated")
	errChunk       = badRequest("the chunked body is malformed")
	errSyntax      = badRequest("the header is malformed")
	errTransfer    = &stream.ProtocolError{Status: 501, Reason: "chunked is the only transfer coding here", Detail: codecError}
	errVersion     = &stream.ProtocolError{Status: 505, Reason: "HTTP/1.1 and HTTP/1.0 are the versions here", Detail: codecError}
	errHeadTooBig  = &stream.ProtocolError{Status: 431, Reason: "the header is larger than allowed", Detail: "http1.headers_too_large"}
	errURITooLong  = &stream.ProtocolError{Status: 414, Reason: "the request target is longer than allowed", Detail: "http1.headers_too_large"}
	errHeadTimeout = &stream.ProtocolError{Status: 408, Reason: "the header did not arrive in time", Detail: "request_header_timeout"}
	errUpgraded    = badRequest("the server switched protocols without being asked")
)

// blockEnd looks for the empty line that ends a block of lines, from the line start at from. It returns the offset behind
// that line, or 0 and the line start to resume from where the block is incomplete. Each line must end in CRLF: a peer
// that took a bare LF for a line end would see other messages than we do.
func blockEnd(b []byte, from int) (end, resume int, err error) {
	for {
		i := bytes.IndexByte(b[from:], '\n')
		switch {
		case i < 0:
			return 0, from, nil
		case i == 0 || b[from+i-1] != '\r':
			return 0, from, errBareLF
		case i == 1:
			return from + 2, from, nil
		}
		from += i + 1
	}
}

// cutLine returns the first line of a block without its CRLF, and the rest.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	return b[:i-1], b[i+1:]
}

// nextField returns the first field of a block of fields and the rest; name is empty at the block's end. The block must
// be complete, as blockEnd says it.
func nextField(b []byte) (name, value, rest []byte, err error) {
	line, rest := cutLine(b)
	if len(line) == 0 {
		return nil, nil, rest, nil
	}
	if line[0] == ' ' || line[0] == '\t' {
		return nil, nil, nil, errFold
	}
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return nil, nil, nil, errField
	}
	if name = line[:colon]; !isToken(name) {
		return nil, nil, nil, errFieldName // whitespace before the colon among others (RFC 9112, section 5.1)
	}
	value = trimSpace(line[colon+1:])
	for _, c := range value {
		if !valueByte[c] {
			return nil, nil, nil, errFieldValue
		}
	}
	return name, value, rest, nil
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for n := len(b); n > 0 && (b[n-1] == ' ' || b[n-1] == '\t'); n-- {
		b = b[:n-1]
	}
	return b
}

// nextItem cuts the first element off a comma-separated list.
func nextItem(list []byte) (item, rest []byte) {
	if i := bytes.IndexByte(list, ','); i >= 0 {
		return trimSpace(list[:i]), list[i+1:]
	}
	return trimSpace(list), nil
}

func isToken(b []byte) bool {
	for _, c := range b {
		if !tokenByte[c] {
			return false
		}
	}
	return len(b) > 0
}

// The characters of tokens, of field values and of a host with a port (RFC 9110, section 5.6.2 and 5.5; RFC 3986, section 3.2.2).
var tokenByte, valueByte, hostByte = charTable(), valueTable(), hostTable()

func alphanumeric(t *[256]bool, more string) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	for i := range len(more) {
		t[more[i]] = true
	}
}

func charTable() (t [256]bool) {
	alphanumeric(&t, "!#$%&'*+-.^_`|~")
	return t
}

func hostTable() (t [256]bool) {
	alphanumeric(&t, "-._~%!$&'()*+,;=:[]")
	return t
}

func valueTable() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != 0x7f || c == '\t'
	}
	return t
}
