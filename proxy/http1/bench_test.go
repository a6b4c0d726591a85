package http1

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/body"
)

// startEcho is the cheapest server there can be for the relay: it answers each read with one canned response.
func startEcho(b *testing.B, size int) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = ln.Close() })
	answer := []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\nServer: uvicorn\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size)))
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				buf := make([]byte, 1<<20)
				for {
					got, want := 0, 0
					for want == 0 || got < want {
						n, err := conn.Read(buf[got:])
						if err != nil {
							return
						}
						if got += n; want == 0 {
							if i := bytes.Index(buf[:got], []byte("\r\n\r\n")); i >= 0 {
								want = i + 4 + size
							}
						}
					}
					if _, err := conn.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// BenchmarkRelay measures client, proxy and server together over the loopback.
func BenchmarkRelay(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			front := startRelay(b, startEcho(b, size), body.NewBudget(1<<30))
			benchmarkExchange(b, front, size)
		})
	}
}

// BenchmarkDirect is BenchmarkRelay without the proxy; the difference is the proxy's cost.
func BenchmarkDirect(b *testing.B) {
	benchmarkExchange(b, startEcho(b, 1<<10), 1<<10)
}

func benchmarkExchange(b *testing.B, addr string, size int) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	request := []byte(fmt.Sprintf("POST /v2/models/sentiment/infer HTTP/1.1\r\nHost: models.example\r\nUser-Agent: bench/1\r\nAccept: */*\r\n"+
		"Content-Type: application/json\r\nX-Request-Id: 6f1c2c3e\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("y", size)))
	buf := make([]byte, 1<<20)
	exchange := func() {
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		for got, want := 0, 0; want == 0 || got < want; {
			n, err := conn.Read(buf[got:])
			if err != nil {
				b.Fatal(err)
			}
			if got += n; want == 0 {
				if i := bytes.Index(buf[:min(got, 512)], []byte("\r\n\r\n")); i >= 0 {
					want = i + 4 + size
				}
			}
		}
	}
	exchange()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		exchange()
	}
	b.StopTimer()
}
