package inference

import (
	"bufio"
	"fmt"
	"net"
	"testing"

	"github.com/millrace/millrace/proxy/http2"
	"github.com/millrace/millrace/proxy/listener"
	"github.com/millrace/millrace/proxy/stream"

	"github.com/millrace/millrace/protocol/body"
)

// fixedServer answers every request with the same bytes.
type fixedServer struct {
	reply []byte
	grpc  bool
}

func (f fixedServer) Serve(d stream.Downstream) {
	for {
		b, err := d.Recv()
		if err != nil {
			break
		}
		b.Release()
	}
	h := heads.Get().(*stream.ResponseHead)
	defer heads.Put(h)
	h.Reset()
	h.Status, h.ContentLength = 200, int64(len(f.reply))
	if f.grpc {
		h.ContentLength = -1
		h.Header.Add("content-type", "application/grpc")
	} else {
		h.Header.Add("Content-Type", "application/json")
	}
	if d.SendHead(h, false) != nil {
		return
	}
	if d.Send(body.Of(f.reply), !f.grpc) == nil && f.grpc {
		h.Header.Reset()
		h.Header.Add("grpc-status", "0")
		_ = d.SendTrailers(&h.Header)
	}
}

func listenHTTP2(b *testing.B, h stream.Handler) *listener.Listener {
	l, err := listener.New(listener.Config{Name: "grpc", Address: "127.0.0.1:0", HTTP2: func(c net.Conn, i *stream.ConnInfo, h stream.Handler) listener.ServerConn {
		return http2.NewServerConn(c, i, http2.ServerOptions{}, h)
	}}, h)
	if err != nil {
		b.Fatal(err)
	}
	l.Start()
	b.Cleanup(func() { l.Close() })
	return l
}

// fourModels are two Open Inference and two plain models that answer one text, each behind its contract.
func fourModels(b *testing.B) *proxied {
	oip := listen(b, fixedServer{reply: []byte(`{"model_name":"m","id":"1","outputs":[{"name":"l","shape":[1,1],"datatype":"BYTES","data":["positive"]},{"name":"s","shape":[1,1],"datatype":"FP64","data":[0.98]}]}`)})
	plain := listen(b, fixedServer{reply: []byte(`{"letters": 9}`)})
	text := ""
	for _, n := range []string{"a", "b"} {
		text += fmt.Sprintf(`
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: %s}
spec:
  protocol: oip
  urls: ["http://%s"]
  inputs:  {text: {tensor: TXT, type: string, shape: [rows, 1]}}
  outputs: {label: {tensor: l, type: string, shape: [rows, 1]}, text: {tensor: l, type: string, shape: [rows, 1]}}
---`, n, oip.Addr())
	}
	for _, n := range []string{"c", "d"} {
		text += fmt.Sprintf(`
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: %s}
spec:
  protocol: plain
  urls: ["http://%s"]
  path: /count
  inputs:  {text: {tensor: passage, type: string, shape: [rows]}}
  outputs: {letters: {type: int, shape: [rows]}}
---`, n, plain.Addr())
	}
	text += `
apiVersion: millrace.io/v1alpha1
kind: InferenceGraph
metadata: {name: fastest}
spec: {graph: {parallel: [a, b, c, d], combine: first}}
`
	return start(b, text, nil)
}

func benchmark(b *testing.B, p *proxied, path, payload string) {
	request := []byte(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(payload), payload))
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	if code, got := p.post(path, payload); code != 200 {
		b.Fatalf("%d %s", code, got)
	}
	r := bufio.NewReaderSize(conn, 64<<10)
	for range 100 {
		exchangeOnce(b, conn, r, request)
	}
	b.ReportAllocs()
	for b.Loop() {
		exchangeOnce(b, conn, r, request)
	}
}

const oipText = `{"id":"1","inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["I love it"]}]}`

func BenchmarkAskFanOut4(b *testing.B) {
	benchmark(b, fourModels(b), "/ask/a+b+c+d", `{"text": "I love it"}`)
}

func BenchmarkRESTFanOut4(b *testing.B) {
	benchmark(b, fourModels(b), "/v2/models/a+b+c+d/infer", oipText)
}

// BenchmarkTwoChains takes whichever of two chains goes on first.
func BenchmarkTwoChains(b *testing.B) {
	benchmark(b, fourModels(b), "/ask/(a%7Cc)+(b%7Cd)", `{"text": "I love it"}`)
}

func BenchmarkFirstOf4(b *testing.B) {
	benchmark(b, fourModels(b), "/ask/fastest", `{"text": "I love it"}`)
}

// BenchmarkGRPCOneNode asks one model of the client's dialect; the client's own allocations are in it.
func BenchmarkGRPCOneNode(b *testing.B) {
	reply := []byte("\n\x01m")
	server := listenHTTP2(b, fixedServer{reply: framedMessage(reply), grpc: true})
	p := start(b, fmt.Sprintf(`
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: m}
spec: {protocol: oip, urls: ["grpc://%s"]}
`, server.Addr()), nil)
	c, request := p.connect(b), grpcRequest(b, "m", "x", "I love it")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, err := c.ask(request); err.Code() != 0 {
			b.Fatal(err)
		}
	}
}
