package http2

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// oneShot is a connection whose peer says input, then nothing more, and reads all.
type oneShot struct {
	*bytes.Reader
}

func (oneShot) Write(p []byte) (int, error)      { return len(p), nil }
func (oneShot) Close() error                     { return nil }
func (oneShot) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (oneShot) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (oneShot) SetDeadline(time.Time) error      { return nil }
func (oneShot) SetReadDeadline(time.Time) error  { return nil }
func (oneShot) SetWriteDeadline(time.Time) error { return nil }

// seeds adds what well-behaved and other peers say.
func seeds(f *testing.F, head ...string) {
	var buf, block bytes.Buffer
	fr := http2.NewFramer(&buf, nil)
	fr.AllowIllegalWrites = true
	enc := hpack.NewEncoder(&block)
	for i := 0; i < len(head); i += 2 {
		_ = enc.WriteField(hpack.HeaderField{Name: head[i], Value: head[i+1]})
	}
	_ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, PadLength: 3})
	_ = fr.WriteData(1, false, []byte("hello"))
	_ = fr.WriteDataPadded(1, false, []byte("padded"), make([]byte, 20))
	_ = fr.WriteWindowUpdate(1, 100)
	f.Add(buf.Bytes())
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, EndStream: true})
	_ = fr.WritePing(false, [8]byte{1})
	f.Add(buf.Bytes())
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: block.Bytes()[:1], EndStream: true})
	_ = fr.WriteContinuation(3, true, block.Bytes()[1:])
	_ = fr.WriteRSTStream(3, http2.ErrCodeCancel)
	_ = fr.WritePriority(5, http2.PriorityParam{StreamDep: 5})
	_ = fr.WriteGoAway(1, http2.ErrCodeNo, []byte("bye"))
	_ = fr.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: block.Bytes(), EndHeaders: true})
	f.Add(buf.Bytes())
}

func FuzzServerConn(f *testing.F) {
	seeds(f, ":method", "POST", ":scheme", "http", ":path", "/", "te", "trailers", "x", "y")
	f.Fuzz(func(t *testing.T, input []byte) {
		budget := body.NewBudget(0)
		nc := oneShot{bytes.NewReader(append([]byte(http2.ClientPreface), input...))}
		sc := NewServerConn(nc, &stream.ConnInfo{}, ServerOptions{Budget: budget, MaxStreams: 5}, handlerFunc(func(d stream.Downstream) {
			got, err := readAll(d)
			if err != nil {
				return
			}
			reply(d, 200, got, "grpc-status", "0")
		}))
		_ = sc.Serve()
		if n := budget.Used(); n != 0 {
			t.Fatalf("%d bytes are charged after the end", n)
		}
	})
}

func FuzzClientConn(f *testing.F) {
	seeds(f, ":status", "200", "content-type", "application/grpc")
	f.Fuzz(func(t *testing.T, input []byte) {
		budget := body.NewBudget(0)
		near, far := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, far) }()
		cc, err := NewClientConn(near, ClientOptions{Budget: budget})
		if err != nil {
			t.Fatal(err)
		}
		var us []stream.Upstream
		for range 3 {
			u, err := cc.Open()
			if err != nil {
				t.Fatal(err)
			}
			h := request("POST", "/")
			h.ContentLength = -1
			_ = u.SendHead(h, false)
			us = append(us, u)
		}
		_, _ = far.Write(input)
		_ = far.Close()
		for _, u := range us {
			for {
				if h, err := u.RecvHead(); err != nil || h.Status >= 200 {
					break
				}
			}
			_, _ = readAll(u)
			u.Close()
		}
		_ = cc.Close()
		if n := budget.Used(); n != 0 {
			t.Fatalf("%d bytes are charged after the end", n)
		}
	})
}

// FuzzHeaderBlock: what a block is accepted as can be encoded and decoded again to the same.
func FuzzHeaderBlock(f *testing.F) {
	f.Add([]byte{0x82, 0x86, 0x84, 0x41, 0x01, 'a', 0x40, 0x01, 'x', 0x01, 'y'})
	f.Add([]byte{0x83, 0x87, 0x04, 0x02, '/', 'b', 0x0f, 0x0d, 0x01, '5'})
	f.Fuzz(func(t *testing.T, p []byte) {
		decode := func(p []byte) (h stream.RequestHead, ok bool) {
			var b block
			b.reset(64 << 10)
			dec := hpack.NewDecoder(tableLimit, func(f hpack.HeaderField) {
				if b.bad == "" && !b.tooLarge {
					b.add(f)
				}
			})
			if _, err := dec.Write(p); err != nil || dec.Close() != nil || b.checkRequest() != "" || b.tooLarge {
				return h, false
			}
			b.moveRequest(&h)
			return h, true
		}
		h, ok := decode(p)
		if !ok {
			return
		}
		if err := checkRequestHead(&h); err != nil {
			t.Fatalf("accepted, and cannot be sent: %v", err)
		}
		e := newEncoder()
		e.begin()
		e.appendRequest(&h)
		again, ok := decode(e.out)
		if !ok || string(again.Path) != string(h.Path) || again.ContentLength != h.ContentLength ||
			string(again.Authority) != string(h.Authority) || again.Header.Len() != h.Header.Len() {
			t.Fatalf("%+v became %+v", h, again)
		}
	})
}
