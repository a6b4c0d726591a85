package http2

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// h2c returns net/http's client for HTTP/2 in plain text.
func h2c(t testing.TB) *http.Client {
	tr := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// netHTTPThroughRelay returns the address of a relay to a server of net/http.
func netHTTPThroughRelay(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	hs := httptest.NewUnstartedServer(h)
	hs.Config.Protocols = new(http.Protocols)
	hs.Config.Protocols.SetUnencryptedHTTP2(true)
	hs.Start()
	t.Cleanup(hs.Close)
	return serveRelay(t, hs.Listener.Addr().String(), ServerOptions{}, ClientOptions{}).addr
}

func TestNetHTTPSeesTheSameMessagesThroughARelay(t *testing.T) {
	addr := netHTTPThroughRelay(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		w.Header().Add("X-Two", "a")
		w.Header().Add("X-Two", "b")
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set("X-Saw", fmt.Sprintf("%s %s %q %q", r.Method, r.URL.RequestURI(), r.Header["X-Many"], r.Header["Cookie"]))
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(got)
		w.Header().Set("X-Sum", fmt.Sprint(len(got)))
	})
	client := h2c(t)
	for _, n := range []int{0, 10, 100_000, 5 << 20} {
		want := strings.Repeat("z", n)
		req, _ := http.NewRequest("PUT", "http://"+addr+"/v1/models/a%2Fb:predict?q=1", strings.NewReader(want))
		req.Header["X-Many"] = []string{"1", "2"}
		req.Header["Cookie"] = []string{"a=1; b=2"}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(got) != want || resp.StatusCode != http.StatusTeapot {
			t.Fatal(len(got), err, resp.Status)
		}
		if saw := resp.Header.Get("X-Saw"); saw != `PUT /v1/models/a%2Fb:predict?q=1 ["1" "2"] ["a=1; b=2"]` {
			t.Fatal(saw)
		}
		if two := resp.Header["X-Two"]; len(two) != 2 || two[0] != "a" || resp.Trailer.Get("X-Sum") != fmt.Sprint(n) {
			t.Fatal(two, resp.Trailer)
		}
	}
}

func TestHeadAndEarlyHintsPass(t *testing.T) {
	addr := netHTTPThroughRelay(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a>")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Content-Length", "7")
		_, _ = w.Write([]byte("content"))
	})
	client := h2c(t)
	for _, method := range []string{"HEAD", "GET"} {
		hints := 0
		ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, h textproto.MIMEHeader) error { hints++; return nil },
		})
		req, _ := http.NewRequestWithContext(ctx, method, "http://"+addr+"/", nil)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.ContentLength != 7 || (method == "GET") != (string(got) == "content") || hints != 1 {
			t.Fatal(method, resp.ContentLength, string(got), hints)
		}
	}
}

func TestManyLargeBodiesShareAConnectionFairly(t *testing.T) {
	addr := netHTTPThroughRelay(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	client := h2c(t)
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			want := bytes.Repeat([]byte{byte(i)}, 500_000+i)
			resp, err := client.Post("http://"+addr+"/", "application/octet-stream", bytes.NewReader(want))
			if err != nil {
				t.Error(err)
				return
			}
			got, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || !bytes.Equal(got, want) {
				t.Error(len(got), err)
			}
		})
	}
	group.Wait()
}

func TestTheSameOverTLS(t *testing.T) {
	hs := httptest.NewUnstartedServer(nil)
	hs.EnableHTTP2 = true
	hs.StartTLS() // for its certificate and its client
	defer hs.Close()
	conf := &tls.Config{Certificates: hs.TLS.Certificates, NextProtos: []string{"h2"}}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		nc, err := lis.Accept()
		if err != nil {
			return
		}
		tc := tls.Server(nc, conf)
		if err := tc.Handshake(); err != nil {
			t.Error(err)
		}
		sc := NewServerConn(tc, &stream.ConnInfo{Version: stream.HTTP2}, ServerOptions{}, handlerFunc(func(d stream.Downstream) {
			_ = d.SendHead(&stream.ResponseHead{Status: 200, ContentLength: -1}, false)
			for {
				b, err := d.Recv()
				if err != nil {
					_ = d.Send(nil, true)
					return
				}
				_ = d.Send(b, false)
			}
		}))
		if err := sc.Serve(); err != nil {
			t.Error(err)
		}
	})
	want := strings.Repeat("over TLS ", 100_000)
	req, _ := http.NewRequest("POST", "https://"+lis.Addr().String(), strings.NewReader(want))
	resp, err := hs.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || string(got) != want || resp.ProtoMajor != 2 {
		t.Fatal(len(got), err)
	}
	hs.Client().CloseIdleConnections()
	_ = lis.Close()
	group.Wait()
}

func TestBytesThatWereReadBeforeAreNotLost(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	var group sync.WaitGroup
	group.Go(func() {
		nc, err := lis.Accept()
		if err != nil {
			return
		}
		first := make([]byte, 24)
		_, _ = io.ReadFull(nc, first)
		sc := NewServerConn(nc, &stream.ConnInfo{}, ServerOptions{Preread: first}, handlerFunc(func(d stream.Downstream) { reply(d, 200, "ok") }))
		_ = sc.Serve()
	})
	cc := dial(t, lis.Addr().String(), ClientOptions{Budget: body.NewBudget(0)})
	u := open(t, cc)
	_ = u.SendHead(request("GET", "/"), true)
	if h, err := u.RecvHead(); err != nil || h.Status != 200 {
		t.Fatal(h, err)
	}
	u.Close()
	_ = cc.Close()
	group.Wait()
}
