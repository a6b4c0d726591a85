package http2

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// waiting is a handler that waits for its client to leave.
var waiting = handlerFunc(func(d stream.Downstream) { <-d.Context().Done() })

func TestAFloodEndsTheConnection(t *testing.T) {
	for name, c := range map[string]struct {
		code  http2.ErrCode
		flood func(r *raw) error
	}{
		"PING": {http2.ErrCodeEnhanceYourCalm, func(r *raw) error { return r.fr.WritePing(false, [8]byte{}) }},
		"SETTINGS": {http2.ErrCodeEnhanceYourCalm, func(r *raw) error {
			return r.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 100})
		}},
		"PRIORITY":         {http2.ErrCodeEnhanceYourCalm, func(r *raw) error { return r.fr.WritePriority(1, http2.PriorityParam{}) }},
		"WINDOW_UPDATE":    {http2.ErrCodeEnhanceYourCalm, func(r *raw) error { return r.fr.WriteWindowUpdate(0, 1) }},
		"unknown frames":   {http2.ErrCodeEnhanceYourCalm, func(r *raw) error { return r.fr.WriteRawFrame(0x77, 0, 0, nil) }},
		"empty DATA":       {http2.ErrCodeEnhanceYourCalm, func(r *raw) error { return r.fr.WriteData(1, false, nil) }},
		"padding only":     {http2.ErrCodeEnhanceYourCalm, func(r *raw) error { return r.fr.WriteDataPadded(1, false, nil, make([]byte, 10)) }},
		"the window":       {http2.ErrCodeFlowControl, func(r *raw) error { return r.fr.WriteData(1, false, make([]byte, 16384)) }},
		"oversized frames": {http2.ErrCodeFrameSize, func(r *raw) error { return r.fr.WriteData(1, false, make([]byte, 16385)) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, ServerOptions{ConnWindow: minWindow, StreamWindow: maxWindow}, waiting)
			r := rawClient(t, s.addr)
			_ = r.get(1, false)
			go func() {
				for c.flood(r) == nil {
				}
			}()
			if got := r.goAway(); got != int(c.code) && got != -1 {
				t.Fatalf("GOAWAY with %v", http2.ErrCode(got))
			}
			_ = r.nc.Close()
			eventually(t, "the server tells why", func() bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				var p *peerError
				return len(s.errs) == 1 && errors.As(s.errs[0], &p) && p.code == c.code
			})
		})
	}
}

func TestRapidResetsEndTheConnection(t *testing.T) {
	var started atomic.Int32
	s := serve(t, ServerOptions{MaxStreams: 100, MaxResets: 200}, handlerFunc(func(d stream.Downstream) {
		started.Add(1)
		<-d.Context().Done()
	}))
	r := rawClient(t, s.addr)
	go func() {
		for id := uint32(1); ; id += 2 {
			if r.get(id, true) != nil || r.fr.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
				return
			}
		}
	}()
	if got := r.goAway(); got != int(http2.ErrCodeEnhanceYourCalm) && got != -1 {
		t.Fatal(got)
	}
	if n := started.Load(); n > 201 {
		t.Fatalf("%d handlers were started", n)
	}
}

func TestRequestsThatEndWellMakeUpForThoseThatAreReset(t *testing.T) {
	s := serve(t, ServerOptions{MaxResets: 10}, handlerFunc(func(d stream.Downstream) {
		if string(d.Head().Path) == "/" {
			<-d.Context().Done()
			return
		}
		reply(d, 200, "ok")
	}))
	cc := dial(t, s.addr, ClientOptions{})
	for range 100 {
		u := open(t, cc)
		_ = u.SendHead(request("GET", "/"), true)
		u.Close() // resets it
		u = open(t, cc)
		_ = u.SendHead(request("GET", "/ok"), true)
		if _, err := u.RecvHead(); err != nil {
			t.Fatal(err)
		}
		if _, err := readAll(u); err != nil {
			t.Fatal(err)
		}
		u.Close()
	}
}

func TestAFloodOfContinuationsEndsTheConnection(t *testing.T) {
	for name, frag := range map[string][]byte{"empty": nil, "of one field": {0x82}, "large": bytes.Repeat([]byte{0x82}, 16000)} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, ServerOptions{}, waiting)
			r := rawClient(t, s.addr)
			_ = r.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: r.block(":method", "GET")})
			go func() {
				for r.fr.WriteContinuation(1, false, frag) == nil {
				}
			}()
			if got := r.goAway(); got != int(http2.ErrCodeEnhanceYourCalm) && got != -1 {
				t.Fatal(got)
			}
		})
	}
}

func TestAnHPACKBombCostsNoMoreThanTheLimit(t *testing.T) {
	s := serve(t, ServerOptions{}, waiting)
	r := rawClient(t, s.addr)
	// One entry of nearly the whole table, named by a byte each 10,000 times.
	block := append(r.block(":method", "GET", ":scheme", "http", ":path", "/", "x-bomb", strings.Repeat("a", 3900)), bytes.Repeat([]byte{0x80 | 62}, 10_000)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for id := uint32(1); id < 40; id += 2 {
		_ = r.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: true, EndHeaders: true})
	}
	answers := 0
	r.until("20 answers", func(f http2.Frame) bool {
		if h, ok := f.(*http2.HeadersFrame); ok && h.StreamEnded() {
			answers++
		}
		return answers == 20
	})
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Fatalf("%d bytes for 20 bombs", grown)
	}
}

func TestAHeadThatIsTooLargeIsAnsweredWith431(t *testing.T) {
	s := serve(t, ServerOptions{MaxHeaderBytes: 8 << 10}, waiting)
	cc := dial(t, s.addr, ClientOptions{})
	u := open(t, cc)
	_ = u.SendHead(request("GET", "/", "x-large", strings.Repeat("a", 10<<10)), true)
	if h, err := u.RecvHead(); err != nil || h.Status != 431 {
		t.Fatal(h, err)
	}
	u.Close()
	if cc.Closed() {
		t.Fatal("the connection ended for one request's head")
	}
}

func TestMalformedRequestsAreReset(t *testing.T) {
	s := serve(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) { _, _ = readAll(d); reply(d, 200, "ok") }))
	for name, fields := range map[string][]string{
		"no path":                      {":method", "GET", ":scheme", "http"},
		"a path without a slash":       {":method", "GET", ":scheme", "http", ":path", "a"},
		"a space in the path":          {":method", "GET", ":scheme", "http", ":path", "/ HTTP/1.1"},
		"host beside another":          {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "host", "b"},
		"user info in the authority":   {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a@b"},
		"a line break in a value":      {":method", "GET", ":scheme", "http", ":path", "/", "x", "1\r\ny: 2"},
		"an upper-case name":           {":method", "GET", ":scheme", "http", ":path", "/", "X-A", "1"},
		"transfer-encoding":            {":method", "GET", ":scheme", "http", ":path", "/", "transfer-encoding", "chunked"},
		"two lengths":                  {":method", "GET", ":scheme", "http", ":path", "/", "content-length", "1", "content-length", "2"},
		"a length that is not one":     {":method", "GET", ":scheme", "http", ":path", "/", "content-length", "+1"},
		"a length without a body":      {":method", "GET", ":scheme", "http", ":path", "/", "content-length", "1"},
		"an unknown pseudo-header":     {":method", "GET", ":scheme", "http", ":path", "/", ":protocol", "websocket"},
		"CONNECT with a path":          {":method", "CONNECT", ":scheme", "http", ":path", "/", ":authority", "a"},
		"a pseudo-header after others": {":method", "GET", ":scheme", "http", "x", "1", ":path", "/"},
	} {
		t.Run(name, func(t *testing.T) {
			r := rawClient(t, s.addr)
			_ = r.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: r.block(fields...), EndStream: true, EndHeaders: true})
			r.until("a reset", func(f http2.Frame) bool {
				if h, ok := f.(*http2.HeadersFrame); ok {
					t.Fatal("it was answered", h)
				}
				rst, ok := f.(*http2.RSTStreamFrame)
				return ok && rst.StreamID == 1 && rst.ErrCode == http2.ErrCodeProtocol
			})
			_ = r.get(3, true) // the connection lives on
			r.until("an answer", func(f http2.Frame) bool { return f.Header().StreamID == 3 && f.Header().Type == http2.FrameHeaders })
		})
	}
}

func TestABodyThatDoesNotMatchItsLengthIsReset(t *testing.T) {
	began, got := make(chan struct{}, 1), make(chan error, 1)
	s := serve(t, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
		began <- struct{}{}
		_, err := readAll(d)
		got <- err
	}))
	for name, n := range map[string]int{"shorter": 4, "longer": 6} {
		t.Run(name, func(t *testing.T) {
			r := rawClient(t, s.addr)
			_ = r.get(1, false, "content-length", "5")
			<-began // a request that is malformed before its handler began gets none
			_ = r.fr.WriteData(1, true, make([]byte, n))
			var p *stream.ProtocolError
			if err := <-got; !errors.As(err, &p) || p.Status != 400 {
				t.Fatal(err)
			}
		})
	}
}

func TestAPeerThatTakesNothingIsGivenUp(t *testing.T) {
	s := serve(t, ServerOptions{WriteTimeout: 50 * time.Millisecond}, handlerFunc(func(d stream.Downstream) {
		_ = d.SendHead(&stream.ResponseHead{Status: 200, ContentLength: -1}, false)
		for d.Send(body.Of(make([]byte, 1<<20)), false) == nil {
		}
	}))
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = nc.(*net.TCPConn).SetReadBuffer(4096)
	r := newRaw(t, nc)
	_, _ = io.WriteString(nc, http2.ClientPreface)
	_ = r.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: maxWindow})
	_ = r.fr.WriteWindowUpdate(0, maxWindow-minWindow)
	_ = r.get(1, true)
	eventually(t, "the server gives it up", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.errs) == 1 && s.errs[0] != nil
	})
}

func TestConnectionsAndRequestsThatIdleAreEnded(t *testing.T) {
	short := 40 * time.Millisecond
	for name, c := range map[string]struct {
		opts ServerOptions
		do   func(r *raw)
	}{
		"no preface":          {ServerOptions{HeaderTimeout: short}, nil},
		"half a header block": {ServerOptions{HeaderTimeout: short}, func(r *raw) { _ = r.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1}) }},
		"no requests":         {ServerOptions{IdleTimeout: short}, func(r *raw) {}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.opts, waiting)
			var r *raw
			if c.do == nil {
				nc, err := net.Dial("tcp", s.addr)
				if err != nil {
					t.Fatal(err)
				}
				r = newRaw(t, nc)
			} else {
				r = rawClient(t, s.addr)
				c.do(r)
			}
			if r.goAway() == -1 {
				t.Fatal("the connection ended without a word")
			}
		})
	}
	t.Run("a request", func(t *testing.T) {
		s := serve(t, ServerOptions{StreamIdleTimeout: short}, waiting)
		r := rawClient(t, s.addr)
		_ = r.get(1, false)
		r.until("a reset", func(f http2.Frame) bool { _, ok := f.(*http2.RSTStreamFrame); return ok })
	})
}

func TestStreamsBeyondTheLimitAreRefusedUnprocessed(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, ServerOptions{MaxStreams: 2}, handlerFunc(func(d stream.Downstream) { <-release; reply(d, 200, "ok") }))
	cc := dial(t, s.addr, ClientOptions{})
	var us []stream.Upstream
	for range 2 {
		u := open(t, cc)
		_ = u.SendHead(request("GET", "/"), true)
		us = append(us, u)
	}
	eventually(t, "the client knows the limit", func() bool { return cc.Max() == 2 })
	if _, err := cc.Open(); !errors.Is(err, stream.ErrNoRoom) {
		t.Fatal(err)
	}
	r := rawClient(t, s.addr)
	for id := uint32(1); id <= 5; id += 2 {
		_ = r.get(id, true)
	}
	r.until("a refusal", func(f http2.Frame) bool {
		rst, ok := f.(*http2.RSTStreamFrame)
		return ok && rst.StreamID == 5 && rst.ErrCode == http2.ErrCodeRefusedStream
	})
	close(release)
	for _, u := range us {
		if _, err := u.RecvHead(); err != nil {
			t.Fatal(err)
		}
		_, _ = readAll(u)
		u.Close()
	}
}

func TestAnotherProtocolIsTurnedAwayAtOnce(t *testing.T) {
	s := serve(t, ServerOptions{}, waiting)
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprint(nc, "GET / HTTP/1.1\r\n\r\n")
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadAll(nc); err != nil {
		t.Fatal(err)
	}
}
