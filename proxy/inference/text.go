package inference

import (
	"strconv"

	"github.com/millrace/millrace/proxy/stream"
)

func itoa(n int) string { return strconv.Itoa(n) }

func equal(name []byte, lower string) bool { return stream.EqualFold(name, lower) }

// maxShown bounds what of a client's words an error repeats.
const maxShown = 64

// printable quotes a client's words for an error, if they need it, and cuts what is too long.
func printable(b []byte) string {
	text := string(b)
	if len(b) > maxShown {
		text = string(b[:maxShown]) + "…"
	}
	for _, c := range []byte(text) {
		if c <= ' ' || c == '"' || c == 0x7f {
			return strconv.Quote(text)
		}
	}
	return text
}
