package http2

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// rawServer returns a client connection and the frames' end of its server, which has sent its SETTINGS.
func rawServer(t testing.TB, opts ClientOptions, settings ...http2.Setting) (*ClientConn, *raw) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	cc := dial(t, lis.Addr().String(), opts)
	nc, err := lis.Accept()
	if err != nil {
		t.Fatal(err)
	}
	r := newRaw(t, nc)
	if _, err := io.ReadFull(nc, make([]byte, len(http2.ClientPreface))); err != nil {
		t.Fatal(err)
	}
	_ = r.fr.WriteSettings(settings...)
	return cc, r
}

// started opens requests and waits until the server has their heads.
func started(t testing.TB, cc *ClientConn, r *raw, n int) (us []stream.Upstream) {
	t.Helper()
	for range n {
		u := open(t, cc)
		if err := u.SendHead(request("GET", "/"), true); err != nil {
			t.Fatal(err)
		}
		us = append(us, u)
	}
	r.until("the heads", func(f http2.Frame) bool {
		return f.Header().Type == http2.FrameHeaders && f.Header().StreamID == uint32(2*n-1)
	})
	return us
}

func (r *raw) respond(id uint32, end bool, fields ...string) {
	_ = r.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: r.block(fields...), EndStream: end, EndHeaders: true})
}

func TestRequestsBeyondAGoAwayAreUnprocessed(t *testing.T) {
	cc, r := rawServer(t, ClientOptions{})
	us := started(t, cc, r, 3)
	waiting := open(t, cc) // claimed, not sent
	_ = r.fr.WriteGoAway(3, http2.ErrCodeNo, nil)
	if _, err := us[2].RecvHead(); !errors.Is(err, stream.ErrReset) || !us[2].Unprocessed() {
		t.Fatal(err)
	}
	if err := waiting.SendHead(request("GET", "/"), true); !errors.Is(err, stream.ErrReset) || !waiting.Unprocessed() {
		t.Fatal(err)
	}
	r.respond(1, true, ":status", "204")
	r.respond(3, true, ":status", "200")
	for _, u := range us[:2] {
		if _, err := u.RecvHead(); err != nil || u.Unprocessed() {
			t.Fatal(err)
		}
	}
	if !cc.Closed() {
		t.Fatal("the connection takes requests after a GOAWAY")
	}
	for _, u := range append(us, waiting) {
		u.Close()
	}
	r.goAway() // it is closed when the last request is
}

func TestARefusedStreamIsUnprocessedAndOtherResetsAreNot(t *testing.T) {
	cc, r := rawServer(t, ClientOptions{})
	us := started(t, cc, r, 2)
	_ = r.fr.WriteRSTStream(1, http2.ErrCodeRefusedStream)
	_ = r.fr.WriteRSTStream(3, http2.ErrCodeInternal)
	for i, u := range us {
		_, err := u.RecvHead()
		var reset *ResetError
		if !errors.As(err, &reset) || errors.Is(err, io.ErrUnexpectedEOF) || u.Unprocessed() != (i == 0) {
			t.Fatal(i, err, u.Unprocessed())
		}
		u.Close()
	}
}

func TestALostConnectionFailsWhatIsUnderWay(t *testing.T) {
	cc, r := rawServer(t, ClientOptions{})
	us := started(t, cc, r, 2)
	r.respond(1, false, ":status", "200")
	_ = r.fr.WriteData(1, false, []byte("half"))
	if _, err := us[0].RecvHead(); err != nil {
		t.Fatal(err)
	}
	_ = r.nc.Close()
	if got, err := readAll(us[0]); got != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(got, err)
	}
	if _, err := us[1].RecvHead(); !errors.Is(err, stream.ErrReset) || us[1].Unprocessed() {
		t.Fatal(err)
	}
	for _, u := range us {
		u.Close()
	}
	if _, err := cc.Open(); !errors.Is(err, stream.ErrClosed) {
		t.Fatal(err)
	}
}

func TestAResponseMayBeAHeadAlone(t *testing.T) {
	cc, r := rawServer(t, ClientOptions{})
	u := started(t, cc, r, 1)[0]
	defer u.Close()
	r.respond(1, true, ":status", "200", "content-type", "application/grpc", "grpc-status", "5")
	h, err := u.RecvHead()
	if err != nil || string(h.Header.Get("grpc-status")) != "5" || h.ContentLength != 0 {
		t.Fatal(h, err)
	}
	if _, err := u.Recv(); err != io.EOF || u.RecvTrailers() != nil {
		t.Fatal(err)
	}
}

func TestAResponseThatEndsBeforeItsRequestIsKept(t *testing.T) {
	cc, r := rawServer(t, ClientOptions{})
	u := open(t, cc)
	h := request("POST", "/")
	h.ContentLength = -1
	_ = u.SendHead(h, false)
	go func() {
		for {
			if f, err := r.fr.ReadFrame(); err != nil || f.Header().Type == http2.FrameHeaders {
				break
			}
		}
		r.respond(1, false, ":status", "413")
		_ = r.fr.WriteData(1, true, []byte("no"))
		_ = r.fr.WriteRSTStream(1, http2.ErrCodeNo)
	}()
	if h, err := u.RecvHead(); err != nil || h.Status != 413 {
		t.Fatal(err)
	}
	if got, err := readAll(u); got != "no" || err != nil {
		t.Fatal(got, err)
	}
	eventually(t, "sending fails", func() bool { return errors.Is(u.Send(body.Of([]byte("x")), false), stream.ErrReset) })
	u.Close()
	if cc.Closed() {
		t.Fatal("the connection ended with the request")
	}
}

func TestMalformedResponsesFailTheirRequestAlone(t *testing.T) {
	for name, answer := range map[string]func(r *raw){
		"no status":          func(r *raw) { r.respond(1, true, "x", "1") },
		"status 101":         func(r *raw) { r.respond(1, false, ":status", "101") },
		"a status of words":  func(r *raw) { r.respond(1, true, ":status", "2xx") },
		"a 1xx that ends":    func(r *raw) { r.respond(1, true, ":status", "103") },
		"a request's fields": func(r *raw) { r.respond(1, true, ":status", "200", ":path", "/") },
		"DATA before a head": func(r *raw) { _ = r.fr.WriteData(1, false, []byte("x")) },
		"connection":         func(r *raw) { r.respond(1, true, ":status", "200", "connection", "close") },
		"17 times 103": func(r *raw) {
			for range 17 {
				r.respond(1, false, ":status", "103")
			}
		},
		"a body longer than its length": func(r *raw) {
			r.respond(1, false, ":status", "200", "content-length", "1")
			_ = r.fr.WriteData(1, true, []byte("xx"))
		},
		"trailers that do not end": func(r *raw) {
			r.respond(1, false, ":status", "200")
			r.respond(1, false, "grpc-status", "0")
		},
	} {
		t.Run(name, func(t *testing.T) {
			cc, r := rawServer(t, ClientOptions{})
			u := started(t, cc, r, 1)[0]
			defer u.Close()
			answer(r)
			r.until("a reset", func(f http2.Frame) bool { _, ok := f.(*http2.RSTStreamFrame); return ok })
			var err error
			for err == nil {
				var h *stream.ResponseHead
				if h, err = u.RecvHead(); err == nil && h.Status >= 200 {
					_, err = readAll(u)
				}
			}
			var p *stream.ProtocolError
			if !errors.As(err, &p) || p.Status != 502 || cc.Closed() {
				t.Fatal(err)
			}
		})
	}
}

func TestBreachesByAServerEndTheConnection(t *testing.T) {
	for name, c := range map[string]struct {
		code http2.ErrCode
		do   func(r *raw)
	}{
		"push":              {http2.ErrCodeProtocol, func(r *raw) { _ = r.fr.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2}) }},
		"an idle stream":    {http2.ErrCodeProtocol, func(r *raw) { r.respond(9, true, ":status", "200") }},
		"enabling push":     {http2.ErrCodeProtocol, func(r *raw) { _ = r.fr.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 1}) }},
		"a window overflow": {http2.ErrCodeFlowControl, func(r *raw) { _ = r.fr.WriteWindowUpdate(0, maxWindow) }},
		"a broken block": {http2.ErrCodeCompression, func(r *raw) {
			_ = r.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0xff, 0xff}, EndHeaders: true})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			cc, r := rawServer(t, ClientOptions{})
			u := started(t, cc, r, 1)[0]
			defer u.Close()
			c.do(r)
			if got := r.goAway(); got != int(c.code) {
				t.Fatal(got)
			}
			if _, err := u.RecvHead(); !errors.Is(err, stream.ErrReset) {
				t.Fatal(err)
			}
		})
	}
}

func TestTheServersLimitOfStreamsIsObeyedOnceKnown(t *testing.T) {
	cc, _ := rawServer(t, ClientOptions{MaxStreams: 500}, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 2})
	eventually(t, "it is known", func() bool { return cc.Max() == 2 })
	cc, _ = rawServer(t, ClientOptions{MaxStreams: 500})
	eventually(t, "that there is none is known", func() bool { return cc.Max() == 500 })
}

func TestASilentServerIsFoundByPING(t *testing.T) {
	cc, r := rawServer(t, ClientOptions{PingInterval: 20 * time.Millisecond, PingTimeout: 60 * time.Millisecond})
	u := started(t, cc, r, 1)[0]
	defer u.Close()
	for range 3 { // while it answers, it is left alone
		r.until("a PING", func(f http2.Frame) bool {
			p, ok := f.(*http2.PingFrame)
			if ok {
				_ = r.fr.WritePing(true, p.Data)
			}
			return ok
		})
	}
	if _, err := u.RecvHead(); !errors.Is(err, errPingTimeout) || !errors.Is(err, stream.ErrReset) {
		t.Fatal(err)
	}
}

func TestADrainedClientConnectionClosesAfterItsLastRequest(t *testing.T) {
	cc, r := rawServer(t, ClientOptions{})
	u := started(t, cc, r, 1)[0]
	cc.Drain()
	if _, err := cc.Open(); !errors.Is(err, stream.ErrClosed) || cc.Active() != 1 || !cc.IdleSince().IsZero() {
		t.Fatal(err)
	}
	r.respond(1, true, ":status", "200")
	if _, err := u.RecvHead(); err != nil {
		t.Fatal(err)
	}
	u.Close()
	if code := r.goAway(); code != int(http2.ErrCodeNo) || cc.Active() != 0 || cc.IdleSince().IsZero() {
		t.Fatal(code)
	}
}

func TestACancelledRequestGivesItsWindowBack(t *testing.T) {
	cc, r := rawServer(t, ClientOptions{ConnWindow: minWindow, StreamWindow: minWindow})
	for id := uint32(1); id < 20; id += 2 {
		u := open(t, cc)
		_ = u.SendHead(request("GET", "/"), true)
		r.until("the head", func(f http2.Frame) bool { return f.Header().Type == http2.FrameHeaders && f.Header().StreamID == id })
		r.respond(id, false, ":status", "200")
		if _, err := u.RecvHead(); err != nil {
			t.Fatal(err)
		}
		_ = r.fr.WriteData(id, false, make([]byte, 16000))
		_ = r.fr.WriteData(id, false, make([]byte, 16000))
		eventually(t, "it came", func() bool { return cc.limits.budget.Used() > 0 })
		u.Close()
		_ = r.fr.WriteData(id, false, make([]byte, 10)) // late
	}
	if cc.Closed() {
		t.Fatal(cc.Err())
	}
}
