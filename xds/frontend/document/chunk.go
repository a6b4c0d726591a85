package document

import "bytes"

// Chunk is a piece of a file that can be parsed by itself: one document, as a rule. What is wrong in one chunk leaves the
// others as they are.
type Chunk struct {
	Text []byte
	// Line is how many lines of the file stand before it.
	Line int
}

// Split cuts src before each document marker (a line that begins with `---`), which YAML knows nowhere else.
func Split(src []byte) []Chunk {
	var out []Chunk
	start, line, first := 0, 0, 0
	directive := false
	for at := 0; at < len(src); line++ {
		end := len(src)
		if n := bytes.IndexByte(src[at:], '\n'); n >= 0 {
			end = at + n + 1
		}
		text := src[at:end]
		switch {
		case marker(text) && !directive && at > start:
			out = append(out, Chunk{src[start:at], first})
			start, first = at, line
		case text[0] == '%' && at == start:
			directive = true // it belongs to the document behind the next marker
		}
		if marker(text) {
			directive = false
		}
		at = end
	}
	if start < len(src) {
		out = append(out, Chunk{src[start:], first})
	}
	return out
}

func marker(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(rest) == 0 || rest[0] == '\n' || rest[0] == '\r' || rest[0] == ' ' || rest[0] == '\t')
}
