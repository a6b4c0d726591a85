package http1

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// FuzzRequest reads heads and bodies. What is accepted must mean the same again after it was written.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /x?y HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\nConnection: x, close\r\nX: y\r\n\r\nhello",
		"POST http://b/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n5;e\r\nhello\r\n0\r\nT: u\r\n\r\n",
		"OPTIONS * HTTP/1.0\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n", "\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		end, _, err := blockEnd(raw, 0)
		if err != nil || end == 0 {
			return
		}
		var h, again stream.RequestHead
		if _, err := parseRequest(raw[:end], &h, false); err != nil {
			return
		}
		if !sendable(&h) {
			if h.Version == stream.HTTP11 {
				t.Fatalf("%q was accepted and cannot be sent", raw[:end])
			}
			return
		}
		written := appendRequest(nil, &h, h.ContentLength < 0)
		if n, _, err := blockEnd(written, 0); err != nil || n != len(written) {
			t.Fatalf("%q was written as %q", raw[:end], written)
		}
		meta, err := parseRequest(written, &again, false)
		if err != nil {
			if len(h.Authority) == 0 {
				return // HTTP/1.0 without a host
			}
			t.Fatalf("%q was written as %q: %v", raw[:end], written, err)
		}
		if !bytes.Equal(h.Path, again.Path) || !bytes.Equal(h.Authority, again.Authority) || h.ContentLength != again.ContentLength ||
			h.Header.Len() != again.Header.Len() || meta.close {
			t.Fatalf("%q was written as %q", raw[:end], written)
		}
	})
}

func FuzzResponse(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HTTP/1.0 404\r\n\r\n", "HTTP/1.1 103 E\r\nTrailer: a\r\n\r\n",
		"HTTP/1.1 200 \r\nSet-Cookie: a\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		end, _, err := blockEnd(raw, 0)
		if err != nil || end == 0 {
			return
		}
		var h, again stream.ResponseHead
		meta, err := parseResponse(raw[:end], &h)
		if err != nil {
			return
		}
		how := byClose
		switch {
		case bodyless(h.Status, false):
			how = byNothing
		case meta.chunked:
			how = byChunks
		case meta.length >= 0:
			how = byLength
		}
		written := appendResponse(nil, &h, how, false, "")
		if _, err := parseResponse(written, &again); err != nil || h.Status != again.Status {
			t.Fatalf("%q was written as %q: %v", raw[:end], written, err)
		}
	})
}

// FuzzChunks reads chunked bodies at once and byte by byte: both must see the same.
func FuzzChunks(f *testing.F) {
	for _, seed := range []string{"5\r\nhello\r\n0\r\n\r\n", "a;x=y\r\n0123456789\r\n1\r\nz\r\n0\r\nA: b\r\n\r\n", "0\r\n\r\n", "5\nhello", "fffffffffffffff\r\nx"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		budget := body.NewBudget(0)
		read := func(src io.Reader) (string, error) {
			rd := reader{src: src, buf: make([]byte, smallBuffer)}
			var b bodyReader
			b.start(byChunks, 0, 1<<20, 8<<10)
			all, err := readAll(func() (*body.Body, error) { return b.next(&rd, budget, noWait) })
			return string(all), err
		}
		whole, err1 := read(bytes.NewReader(raw))
		bytewise, err2 := read(iotest.OneByteReader(bytes.NewReader(raw)))
		if !errors.Is(err1, err2) {
			t.Fatalf("at once %v, byte by byte %v", err1, err2)
		}
		if err1 == nil && whole != bytewise {
			t.Fatalf("at once %q, byte by byte %q", whole, bytewise)
		}
		if budget.Used() != 0 {
			t.Fatalf("%d bytes are charged at the end", budget.Used())
		}
	})
}
