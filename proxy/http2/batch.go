package http2

import (
	"net"

	"github.com/millrace/millrace/protocol/body"
)

const (
	// copyLimit is the payload up to which copying it beside its frame header costs less than one more element of a
	// vectored write.
	copyLimit = 2 << 10
	// batchLimit is the bytes that may wait in a batch before senders have to wait for the writer.
	batchLimit = 64 << 10
	// keepLimit is the capacity that an empty batch keeps.
	keepLimit = 64 << 10
)

// batch is what the next write to the connection consists of: frames in buf, with large payloads, which stay where they
// are, cut in between. The zero batch is empty. Its owner is whoever holds the connection's mutex, or, after the swap, the
// goroutine that writes it.
type batch struct {
	buf   []byte
	cuts  []cut
	held  []*body.Body // one reference each, given back after the write
	size  int
	parts [][]byte    // what writeTo builds, kept for its memory
	vec   net.Buffers // a view of parts, which a write uses up
}

// cut says that data comes before buf[at].
type cut struct {
	at   int
	data []byte
}

// Write implements io.Writer for a framer. p is copied.
func (b *batch) Write(p []byte) (int, error) {
	b.buf = append(b.buf, p...)
	b.size += len(p)
	return len(p), nil
}

// insert adds data without copying it. The caller keeps it alive through held.
func (b *batch) insert(data []byte) {
	b.cuts = append(b.cuts, cut{len(b.buf), data})
	b.size += len(data)
}

// writeTo writes all to conn in as few system calls as it takes.
func (b *batch) writeTo(conn net.Conn) error {
	if len(b.cuts) == 0 {
		_, err := conn.Write(b.buf)
		return err
	}
	parts, from := b.parts[:0], 0
	for _, c := range b.cuts {
		if c.at > from {
			parts = append(parts, b.buf[from:c.at])
			from = c.at
		}
		parts = append(parts, c.data)
	}
	if from < len(b.buf) {
		parts = append(parts, b.buf[from:])
	}
	b.parts, b.vec = parts, parts
	_, err := b.vec.WriteTo(conn)
	return err
}

// reset gives the references back and empties b.
func (b *batch) reset() {
	for i, x := range b.held {
		x.Release()
		b.held[i] = nil
	}
	clear(b.cuts)
	clear(b.parts)
	b.vec = nil
	b.cuts, b.held, b.size = b.cuts[:0], b.held[:0], 0
	if cap(b.buf) > keepLimit {
		b.buf = nil
	}
	b.buf = b.buf[:0]
}
