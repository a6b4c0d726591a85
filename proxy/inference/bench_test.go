package inference

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/millrace/millrace/proxy/http1"
	"github.com/millrace/millrace/proxy/listener"
	"github.com/millrace/millrace/proxy/stream"
)

var heads = sync.Pool{New: func() any { return new(stream.ResponseHead) }}

// echoServer is a model server that costs as little as possible.
type echoServer struct{}

func (echoServer) Serve(d stream.Downstream) {
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
		more.Release()
	}
	h := heads.Get().(*stream.ResponseHead)
	defer heads.Put(h)
	h.Reset()
	h.Status, h.ContentLength = 200, int64(b.Len())
	if d.SendHead(h, false) == nil {
		_ = d.Send(b, true)
		return
	}
	b.Release()
}

func listen(b *testing.B, h stream.Handler) *listener.Listener {
	l, err := listener.New(listener.Config{Name: "echo", Address: "127.0.0.1:0", HTTP1: func(c net.Conn, i *stream.ConnInfo, h stream.Handler) listener.ServerConn {
		return http1.NewServerConn(c, i, http1.ServerOptions{}, h)
	}}, h)
	if err != nil {
		b.Fatal(err)
	}
	l.Start()
	b.Cleanup(func() { l.Close() })
	return l
}

// exchangeOnce sends one prepared request and reads the response of a known length.
func exchangeOnce(b *testing.B, conn net.Conn, r *bufio.Reader, request []byte) {
	if _, err := conn.Write(request); err != nil {
		b.Fatal(err)
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			b.Fatal(err)
		}
		if len(line) <= 2 {
			break
		}
		if len(line) > 16 && (line[0]|0x20) == 'c' && bytes.EqualFold(line[:15], []byte("content-length:")) {
			length = 0
			for _, c := range bytes.TrimSpace(line[15:]) {
				length = length*10 + int(c-'0')
			}
		}
	}
	if _, err := r.Discard(length); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkOneNodeGraph measures one request of 1 KiB through a model without a contract, the same dialect on both sides:
// the client, the proxy and the server share the process.
func BenchmarkOneNodeGraph(b *testing.B) {
	echo := listen(b, echoServer{})
	p := start(b, fmt.Sprintf(`
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: m}
spec: {protocol: oip, urls: ["http://%s"]}
`, echo.Addr()), nil)
	payload := `{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","data":["` + strings.Repeat("a", 950) + `"]}]}`
	request := []byte(fmt.Sprintf("POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(payload), payload))
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 64<<10)
	for range 100 {
		exchangeOnce(b, conn, r, request)
	}
	b.ReportAllocs()
	for b.Loop() {
		exchangeOnce(b, conn, r, request)
	}
}
