package http2

import (
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// bareRelay relays a request whose body is one piece in the handler's own goroutine, as a plan of one call does.
type bareRelay struct{ cc *ClientConn }

func (r bareRelay) Serve(d stream.Downstream) {
	u, err := r.cc.Open()
	if err != nil {
		d.Reset()
		return
	}
	defer u.Close()
	_ = u.SetDeadline(time.Now().Add(time.Minute))
	if u.SendHead(d.Head(), false) != nil {
		return
	}
	for {
		b, err := d.Recv()
		if err == io.EOF {
			break
		}
		if err != nil || u.Send(b, false) != nil {
			return
		}
	}
	if u.Send(nil, true) != nil {
		return
	}
	_ = down(d, u)
}

// answer is a server that gives the body back as gRPC does: head, body, trailers.
type answer struct{}

var (
	answerHead = func() *stream.ResponseHead {
		h := &stream.ResponseHead{Status: 200, ContentLength: -1}
		h.Header.Add("content-type", "application/grpc")
		return h
	}()
	answerTrailers = func() *stream.Header {
		h := new(stream.Header)
		h.Add("grpc-status", "0")
		h.Add("grpc-message", "")
		return h
	}()
)

func (answer) Serve(d stream.Downstream) {
	b, err := d.Recv()
	if err != nil {
		return
	}
	for {
		more, err := d.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			b.Release()
			return
		}
		joined := body.Join(b, more)
		b.Release()
		more.Release()
		b = joined
	}
	_ = d.SendHead(answerHead, false)
	_ = d.Send(b, false)
	_ = d.SendTrailers(answerTrailers)
}

// call makes one unary call.
func call(cc *ClientConn, h *stream.RequestHead, p *body.Body) (int, error) {
	u, err := cc.Open()
	if err != nil {
		return 0, err
	}
	defer u.Close()
	if err := u.SendHead(h, false); err != nil {
		return 0, err
	}
	if err := u.Send(p.Retain(), true); err != nil {
		return 0, err
	}
	if _, err := u.RecvHead(); err != nil {
		return 0, err
	}
	n := 0
	for {
		b, err := u.Recv()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		n += b.Len()
		b.Release()
	}
}

func grpcHead() *stream.RequestHead {
	h := request("POST", "/inference.GRPCInferenceService/ModelInfer", "content-type", "application/grpc", "te", "trailers",
		"user-agent", "grpc-go/1.85.0", "grpc-timeout", "999m", "grpc-accept-encoding", "gzip")
	h.ContentLength = -1
	return h
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchmark makes calls of n bytes from as many goroutines as asked for.
func benchmark(b *testing.B, addr string, callers, n int) {
	cc := dial(b, addr, ClientOptions{})
	p := body.Of(make([]byte, n))
	if _, err := call(cc, grpcHead(), p); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(n))
	start := cpu()
	b.ResetTimer()
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			h := grpcHead()
			for range b.N/callers + min(1, max(0, b.N%callers-i)) {
				if got, err := call(cc, h, p); err != nil || got != n {
					b.Error(got, err)
					return
				}
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64(cpu()-start)/float64(b.N)/1000, "cpu-µs/op")
}

// What one relay costs is the difference between the relayed and the direct exchange, since all run in this process.
func BenchmarkUnary(b *testing.B) {
	for _, c := range []struct {
		name       string
		callers, n int
	}{
		{"1KB/alone", 1, 1024}, {"1KB/of16", 16, 1024}, {"1KB/of200", 200, 1024}, {"64KB/of16", 16, 64 << 10}, {"1MB/of4", 4, 1 << 20},
	} {
		b.Run("direct/"+c.name, func(b *testing.B) {
			benchmark(b, serve(b, ServerOptions{}, answer{}).addr, c.callers, c.n)
		})
		b.Run("relayed/"+c.name, func(b *testing.B) {
			s := serve(b, ServerOptions{}, answer{})
			r := serve(b, ServerOptions{}, bareRelay{dial(b, s.addr, ClientOptions{})})
			benchmark(b, r.addr, c.callers, c.n)
		})
	}
}

func BenchmarkBatchOfLargePayloads(b *testing.B) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer lis.Close()
	var group sync.WaitGroup
	group.Go(func() {
		nc, err := lis.Accept()
		if err == nil {
			_, _ = io.Copy(io.Discard, nc)
		}
	})
	nc, err := net.Dial("tcp", lis.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	var o batch
	p := make([]byte, 16<<10)
	b.ReportAllocs()
	b.SetBytes(4 * 16 << 10)
	for b.Loop() {
		for range 4 {
			_, _ = o.Write(p[:9])
			o.insert(p)
		}
		if err := o.writeTo(nc); err != nil {
			b.Fatal(err)
		}
		o.reset()
	}
	_ = nc.Close()
	group.Wait()
}
