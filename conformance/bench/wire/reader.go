package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

const (
	bufferSize = 64 << 10
	maxBody    = 64 << 20 // bytes; a longer message is a mistake of who sent it
)

// Message is one HTTP/1.1 message. First and Body are the reader's until the next [Reader.Read].
type Message struct {
	First []byte // request or status line, without its end
	Body  []byte
}

// Status is the status code of a response, 0 where the first line has none.
func (m *Message) Status() int {
	if len(m.First) < 12 {
		return 0
	}
	n, err := strconv.Atoi(string(m.First[9:12]))
	if err != nil {
		return 0
	}
	return n
}

// Reader reads the messages of one connection, one after another. It is for one goroutine.
type Reader struct {
	r       *bufio.Reader
	message Message
}

// NewReader reads from r.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, bufferSize)} }

// Read returns the next message, whole. A message without a length and without chunks has no body. Its error is io.EOF where
// the peer closed between two messages.
func (r *Reader) Read() (*Message, error) {
	m := &r.message
	m.First, m.Body = m.First[:0], m.Body[:0]
	length, chunked := 0, false
	for i := 0; ; i++ {
		line, err := r.r.ReadSlice('\n')
		if err != nil {
			if i > 0 || len(line) > 0 {
				err = cut(err)
			}
			return nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case i == 0:
			m.First = append(m.First, line...)
		case len(line) == 0 && chunked:
			return m, r.chunks()
		case len(line) == 0:
			return m, r.body(length)
		default:
			if value, ok := header(line, "content-length:"); ok {
				if length, err = strconv.Atoi(string(value)); err != nil || length < 0 || length > maxBody {
					return nil, fmt.Errorf("read message: content-length %q", value)
				}
			} else if value, ok := header(line, "transfer-encoding:"); ok {
				chunked = bytes.EqualFold(value, []byte("chunked"))
			}
		}
	}
}

// body reads n more bytes of the body.
func (r *Reader) body(n int) error {
	m := &r.message
	at := len(m.Body)
	if need := at + n; need > cap(m.Body) {
		m.Body = append(make([]byte, 0, max(need, 2*at)), m.Body...)
	}
	m.Body = m.Body[:at+n]
	_, err := io.ReadFull(r.r, m.Body[at:])
	return cut(err)
}

// chunks reads the body's chunks, and its trailers.
func (r *Reader) chunks() error {
	for {
		line, err := r.r.ReadSlice('\n')
		if err != nil {
			return cut(err)
		}
		size, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(";"))
		n, err := strconv.ParseUint(string(bytes.TrimSpace(size)), 16, 31)
		if err != nil || len(r.message.Body)+int(n) > maxBody {
			return fmt.Errorf("read message: chunk size %q", size)
		}
		if n > 0 {
			if err := r.body(int(n)); err != nil {
				return err
			}
		}
		for { // what ends the chunk, or the trailers
			line, err := r.r.ReadSlice('\n')
			if err != nil {
				return cut(err)
			}
			if len(bytes.TrimRight(line, "\r\n")) == 0 {
				break
			}
			if n > 0 {
				return errors.New("read message: a chunk is longer than it says")
			}
		}
		if n == 0 {
			return nil
		}
	}
}

// header returns the value of a line that has the name, given in lower case with its colon.
func header(line []byte, name string) ([]byte, bool) {
	if len(line) < len(name) || !bytes.EqualFold(line[:len(name)], []byte(name)) {
		return nil, false
	}
	return bytes.TrimSpace(line[len(name):]), true
}

// cut makes an end in the middle of a message an error.
func cut(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read message: %w", err)
}
