package supervisor

import (
	"bufio"
	"fmt"
	"io"
	"sync"
)

// maxLine is where a line of a server's output is cut in two, so that one without end needs no memory without end.
const maxLine = 64 << 10

// log is the one log of all servers: every line has the name of its server in front and is one write.
type log struct {
	mu  sync.Mutex // guards out and buf
	out io.Writer
	buf []byte
}

// line writes one line of name's.
func (l *log) line(name string, text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf[:0], name...)
	l.buf = append(l.buf, " | "...)
	l.buf = append(l.buf, text...)
	l.buf = append(l.buf, '\n')
	// A log that cannot be written is no reason to end a model server.
	_, _ = l.out.Write(l.buf)
}

// say writes a line of the supervisor's own about name.
func (l *log) say(name, format string, args ...any) {
	l.line(name, fmt.Appendf(nil, format, args...))
}

// copy writes what r has, line by line, until it ends. last, if not nil, is called with each line; the slice is
// valid during the call only.
func (l *log) copy(name string, r io.Reader, last func([]byte)) {
	in := bufio.NewReaderSize(r, maxLine)
	for {
		text, err := in.ReadSlice('\n')
		if n := len(text); n > 0 && text[n-1] == '\n' {
			text = text[:n-1]
		}
		if n := len(text); n > 0 && text[n-1] == '\r' {
			text = text[:n-1]
		}
		if len(text) > 0 {
			l.line(name, text)
			if last != nil {
				last(text)
			}
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}

// writer is the log as an io.Writer whose lines belong to name; each Write is whole lines.
type writer struct {
	log  *log
	name string
}

func (w writer) Write(p []byte) (int, error) {
	n := len(p)
	for n > 0 && p[n-1] == '\n' {
		n--
	}
	w.log.line(w.name, p[:n])
	return len(p), nil
}
