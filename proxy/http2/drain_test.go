package http2

import (
	"net"
	"sync"
	"testing"

	"golang.org/x/net/http2"

	"github.com/millrace/millrace/proxy/stream"
)

// rawAccepted returns a server that has not begun to serve, and the frames' end of its client.
func rawAccepted(t *testing.T, h stream.Handler) (*ServerConn, *raw) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	r := rawClient(t, lis.Addr().String())
	nc, err := lis.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return NewServerConn(nc, &stream.ConnInfo{}, ServerOptions{}, h), r
}

func TestADrainOrACloseMayComeBeforeServing(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(sc *ServerConn)
		says int
	}{
		"drain": {(*ServerConn).Drain, int(http2.ErrCodeNo)},
		"close": {func(sc *ServerConn) { _ = sc.Close() }, -1},
	} {
		t.Run(name, func(t *testing.T) {
			sc, r := rawAccepted(t, waiting)
			c.end(sc)
			var group sync.WaitGroup
			group.Go(func() {
				if err := sc.Serve(); err != nil {
					t.Error(err)
				}
			})
			if name == "drain" {
				f, err := r.fr.ReadFrame()
				if err != nil || f.Header().Type != http2.FrameSettings {
					t.Fatal(f, err)
				}
			}
			if got := r.goAway(); got != c.says {
				t.Fatal(got)
			}
			_ = r.nc.Close()
			group.Wait()
		})
	}
}

func TestADrainSaysItsLastStreamAfterTheClientKnows(t *testing.T) {
	sc, r := rawAccepted(t, handlerFunc(func(d stream.Downstream) { reply(d, 200, "ok") }))
	var group sync.WaitGroup
	group.Go(func() { _ = sc.Serve() })
	_ = r.get(1, true)
	r.until("the answer", func(f http2.Frame) bool {
		return f.Header().StreamID == 1 && f.Header().Flags.Has(http2.FlagDataEndStream)
	})
	sc.Drain()
	r.until("the warning", func(f http2.Frame) bool {
		g, ok := f.(*http2.GoAwayFrame)
		return ok && g.LastStreamID == maxWindow
	})
	_ = r.get(3, true) // sent before the client knew
	r.until("the PING", func(f http2.Frame) bool {
		p, ok := f.(*http2.PingFrame)
		if ok {
			_ = r.fr.WritePing(true, p.Data)
		}
		return ok
	})
	answered := false
	r.until("the last id", func(f http2.Frame) bool {
		answered = answered || f.Header().StreamID == 3 && f.Header().Type == http2.FrameHeaders
		g, ok := f.(*http2.GoAwayFrame)
		return ok && g.LastStreamID == 3
	})
	if !answered {
		r.until("the answer", func(f http2.Frame) bool { return f.Header().StreamID == 3 && f.Header().Type == http2.FrameHeaders })
	}
	r.goAway()
	_ = r.nc.Close()
	group.Wait()
}
