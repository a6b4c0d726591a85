package http1

import (
	"bytes"

	"github.com/millrace/millrace/proxy/stream"
)

// maxChunkLine bounds a chunk's size with its extensions, which are dropped.
const maxChunkLine = 4 << 10

// maxChunkOverhead bounds what may come between two bytes of body, so that extensions cannot be used as a second body.
const maxChunkOverhead = 16 << 10

// advance takes one element of the chunked coding that is not data off p, the reader's buffered bytes. It returns false
// where p has too little of it.
func (b *bodyReader) advance(p []byte, rd *reader) (bool, error) {
	switch b.chunk {
	case inSize:
		line, n, err := chunkLine(p)
		if n == 0 || err != nil {
			return false, err
		}
		size, ok := parseChunkSize(line)
		if !ok {
			return false, errChunk
		}
		if b.overhead += n; b.overhead > maxChunkOverhead {
			return false, errChunk
		}
		rd.consume(n)
		b.left, b.chunk = size, inData
		if size == 0 {
			b.chunk = inTrailers
		}
	case inDataEnd:
		switch {
		case len(p) > 0 && p[0] != '\r', len(p) > 1 && p[1] != '\n':
			return false, errChunk
		case len(p) < 2:
			return false, nil
		}
		rd.consume(2)
		b.chunk = inSize
	case inTrailers:
		end, _, err := blockEnd(p, 0)
		switch {
		case err != nil:
			return false, errChunk
		case end == 0 && len(p) > b.max, end > b.max:
			return false, errHeadTooBig
		case end == 0:
			return false, nil
		}
		if err := readTrailers(p[:end], &b.trailers); err != nil {
			return false, err
		}
		rd.consume(end)
		b.done = true
	}
	return true, nil
}

// chunkLine cuts a chunk's line off p; n is 0 where it is incomplete.
func chunkLine(p []byte) (line []byte, n int, err error) {
	i := bytes.IndexByte(p, '\n')
	switch {
	case i < 0 && len(p) > maxChunkLine, i > maxChunkLine:
		return nil, 0, errChunk
	case i < 0:
		return nil, 0, nil
	case i == 0 || p[i-1] != '\r':
		return nil, 0, errChunk
	}
	return p[:i-1], i + 1, nil
}

// parseChunkSize reads "size[;extensions]". Only hexadecimal digits make a size, and whitespace may stand before an
// extension only.
func parseChunkSize(line []byte) (int64, bool) {
	i, n := 0, int64(0)
	for ; i < len(line); i++ {
		d := hexDigit(line[i])
		if d < 0 {
			break
		}
		if n >= 1<<56 {
			return 0, false
		}
		n = n<<4 | int64(d)
	}
	if i == 0 {
		return 0, false
	}
	rest := line[i:]
	if len(rest) == 0 {
		return n, true
	}
	if ext := trimSpace(rest); len(ext) == 0 || ext[0] != ';' {
		return 0, false
	}
	for _, c := range rest {
		if !valueByte[c] {
			return 0, false // a CR among others: some take it for a line end
		}
	}
	return n, true
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// readTrailers reads a complete trailer section. Fields that frame, route or authenticate a message have no business there
// (RFC 9110, section 6.5.1) and are left out.
func readTrailers(block []byte, into *stream.Header) error {
	for rest := block; ; {
		name, value, next, err := nextField(rest)
		if err != nil {
			return err
		}
		if len(name) == 0 {
			return nil
		}
		rest = next
		if allowedTrailer(name) {
			into.AddBytes(name, value)
		}
	}
}

func allowedTrailer(name []byte) bool {
	if kindOf(name) != endToEnd {
		return false
	}
	for _, forbidden := range [...]string{"trailer", "authorization", "proxy-authorization", "cookie", "set-cookie",
		"content-type", "content-encoding", "content-range"} {
		if stream.EqualFold(name, forbidden) {
			return false
		}
	}
	return true
}
