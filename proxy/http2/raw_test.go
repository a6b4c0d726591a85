package http2

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// raw is a peer that speaks frames and obeys no rule.
type raw struct {
	t   testing.TB
	nc  net.Conn
	fr  *http2.Framer
	buf bytes.Buffer
	enc *hpack.Encoder
}

func newRaw(t testing.TB, nc net.Conn) *raw {
	r := &raw{t: t, nc: nc, fr: http2.NewFramer(nc, nc)}
	r.fr.AllowIllegalWrites, r.fr.AllowIllegalReads = true, true
	r.enc = hpack.NewEncoder(&r.buf)
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	return r
}

// rawClient connects to a server and sends the preface.
func rawClient(t testing.TB, addr string) *raw {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	r := newRaw(t, nc)
	_, _ = io.WriteString(nc, http2.ClientPreface)
	_ = r.fr.WriteSettings()
	return r
}

func (r *raw) block(fields ...string) []byte {
	r.buf.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = r.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(r.buf.Bytes())
}

// get sends a request.
func (r *raw) get(id uint32, end bool, more ...string) error {
	return r.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, EndHeaders: true, EndStream: end,
		BlockFragment: r.block(append([]string{":method", "POST", ":scheme", "http", ":authority", "x", ":path", "/"}, more...)...)})
}

// until reads frames until one is wanted, and fails the test where the connection ends before.
func (r *raw) until(what string, wanted func(f http2.Frame) bool) {
	r.t.Helper()
	for {
		f, err := r.fr.ReadFrame()
		if err != nil {
			r.t.Fatalf("before %s: %v", what, err)
		}
		if wanted(f) {
			return
		}
	}
}

// goAway reads to the end of the connection and returns the code of the GOAWAY, or -1 where there was none.
func (r *raw) goAway() int {
	code := -1
	for {
		f, err := r.fr.ReadFrame()
		if g, ok := f.(*http2.GoAwayFrame); ok {
			code = int(g.ErrCode)
		}
		if err != nil {
			if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
				r.t.Error("the connection was not ended")
			}
			return code
		}
	}
}
