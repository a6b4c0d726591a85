package router

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/http1"
	"github.com/millrace/millrace/proxy/http2"
	"github.com/millrace/millrace/proxy/stream"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/millrace/millrace/proxy/http1.(*watcher).run"))
}

// proxy is a real proxy on loopback with one route table.
type proxy struct {
	addr    string
	table   *Table
	forward Forwarder
	infos   chan Info
}

func (p *proxy) Serve(d stream.Downstream) {
	s := served.Get().(*serving)
	s.info.Reset()
	s.info.Start = time.Now()
	s.match = p.table.Match(d.Head(), false)
	p.forward.Serve(d, &s.match, &s.info)
	if p.infos != nil {
		p.infos <- s.info
	}
	served.Put(s)
}

// serving is a request's memory, used again so that benchmarks count the forwarder's own.
type serving struct {
	info  Info
	match Match
}

var served = sync.Pool{New: func() any { return new(serving) }}

func newRegistry(t testing.TB) *cluster.Registry {
	r := cluster.NewRegistry(cluster.Options{
		HTTP1: func(c net.Conn) stream.ClientConn { return http1.NewClientConn(c, http1.ClientOptions{}) },
		HTTP2: func(c net.Conn, _ cluster.Protocol) (stream.ClientConn, error) {
			return http2.NewClientConn(c, http2.ClientOptions{})
		},
	})
	t.Cleanup(r.Close)
	return r
}

// addCluster makes a STATIC cluster of addresses.
func addCluster(t testing.TB, r *cluster.Registry, name, more string, addresses ...string) {
	t.Helper()
	var eps []string
	for _, a := range addresses {
		host, port, _ := net.SplitHostPort(a)
		eps = append(eps, fmt.Sprintf(`{"endpoint": {"address": {"socket_address": {"address": %q, "port_value": %s}}}}`, host, port))
	}
	m := &clusterv3.Cluster{}
	text := fmt.Sprintf(`{"name": %q, "type": "STATIC", "load_assignment": {"cluster_name": %q, "endpoints": [{"lb_endpoints": [%s]}]}%s}`, name, name, strings.Join(eps, ","), more)
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	spec, err := cluster.NewSpec(m)
	if err != nil {
		t.Fatal(err)
	}
	r.Set(spec)
}

// startProxy serves routes (JSON of one virtual host's list) over HTTP/1.1.
func startProxy(t testing.TB, r *cluster.Registry, routes string) *proxy {
	t.Helper()
	p := &proxy{table: table(t, r, `{"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [`+routes+`]}]}`)}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = ln.Addr().String()
	var all sync.WaitGroup
	var mu sync.Mutex
	conns := map[*http1.ServerConn]bool{}
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			sc := http1.NewServerConn(c, &stream.ConnInfo{Remote: c.RemoteAddr(), Local: c.LocalAddr()}, http1.ServerOptions{}, p)
			mu.Lock()
			conns[sc] = true
			mu.Unlock()
			all.Go(func() { _ = sc.Serve() })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
		p.forward.Close()
	})
	return p
}

func backend(t testing.TB, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// deadAddress is a port on which nobody listens.
func deadAddress(t testing.TB) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func client(t testing.TB) *http.Client {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func do(t testing.TB, c *http.Client, method, url, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

const toC = `{"name": "r", "match": {"prefix": "/"}, "route": {"cluster": "c"}}`

func TestRequestsAndResponsesPass(t *testing.T) {
	r := newRegistry(t)
	addCluster(t, r, "c", "", backend(t, func(w http.ResponseWriter, q *http.Request) {
		text, _ := io.ReadAll(q.Body)
		w.Header().Set("X-Trailer-Seen", q.Trailer.Get("X-T"))
		w.Header().Set("Trailer", "X-Sum")
		w.WriteHeader(201)
		_, _ = fmt.Fprintf(w, "%s %s %d", q.Method, q.URL, len(text))
		w.Header().Set("X-Sum", "1")
	}))
	p := startProxy(t, r, toC)
	c := client(t)
	big := strings.Repeat("x", 1<<20)
	for _, body := range []string{"", "small", big} {
		resp, text := do(t, c, "POST", "http://"+p.addr+"/a?b", body)
		if want := fmt.Sprintf("POST /a?b %d", len(body)); resp.StatusCode != 201 || text != want || resp.Trailer.Get("X-Sum") != "1" {
			t.Errorf("got %d %q %v, want %q", resp.StatusCode, text, resp.Trailer, want)
		}
	}
	if resp, text := do(t, c, "HEAD", "http://"+p.addr+"/", ""); resp.StatusCode != 201 || text != "" {
		t.Errorf("HEAD: got %d %q", resp.StatusCode, text)
	}
	req, _ := http.NewRequest("POST", "http://"+p.addr+"/", io.MultiReader(strings.NewReader("chunked"))) // unknown length
	req.Trailer = http.Header{"X-T": {"yes"}}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(text) != "POST / 7" || resp.Header.Get("X-Trailer-Seen") != "yes" {
		t.Errorf("got %q, trailer %q", text, resp.Header.Get("X-Trailer-Seen"))
	}
}

func TestBothDirectionsStreamAtOnce(t *testing.T) {
	r := newRegistry(t)
	addCluster(t, r, "c", "", backend(t, func(w http.ResponseWriter, q *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		in := bufio.NewReader(q.Body)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			_, _ = io.WriteString(w, "echo "+line)
			_ = http.NewResponseController(w).Flush()
		}
	}))
	p := startProxy(t, r, toC)
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab\n\r\n")
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out := bufio.NewReader(resp.Body)
	if line, _ := out.ReadString('\n'); line != "echo ab\n" {
		t.Fatalf("got %q", line)
	}
	_, _ = io.WriteString(conn, "3\r\ncd\n\r\n0\r\n\r\n")
	if rest, _ := io.ReadAll(out); string(rest) != "echo cd\n" {
		t.Errorf("got %q", rest)
	}
}

func TestFailuresAreToldAsEnvoyTellsThem(t *testing.T) {
	r := newRegistry(t)
	addCluster(t, r, "none", "")
	addCluster(t, r, "dead", "", deadAddress(t))
	release := make(chan struct{})
	slow := backend(t, func(_ http.ResponseWriter, q *http.Request) {
		select {
		case <-q.Context().Done():
		case <-release:
		}
	})
	defer close(release)
	addCluster(t, r, "slow", "", slow)
	addCluster(t, r, "reset", "", backend(t, func(w http.ResponseWriter, _ *http.Request) {
		c, _, _ := http.NewResponseController(w).Hijack()
		_ = c.Close()
	}))
	p := startProxy(t, r, `{"match": {"path": "/direct"}, "direct_response": {"status": 418, "body": {"inline_string": "tea"}}, "response_headers_to_add": [{"header": {"key": "x-pot", "value": "1"}}]},
		{"match": {"path": "/redirect"}, "redirect": {"path_redirect": "/new"}},
		{"match": {"path": "/404"}, "route": {"cluster": "unknown", "cluster_not_found_response_code": "NOT_FOUND"}},
		{"match": {"path": "/slow"}, "route": {"cluster": "slow", "timeout": "0.05s"}},
		{"match": {"path": "/idle"}, "route": {"cluster": "slow", "timeout": "0s", "idle_timeout": "0.05s"}},
		{"match": {"prefix": "/"}, "route": {"cluster_header": "x-c"}}`)
	p.infos = make(chan Info, 1)
	c := client(t)
	cases := []struct {
		path, cluster string
		status        int
		flags, detail string
	}{
		{"/direct", "", 418, "-", "direct_response"},
		{"/redirect", "", 301, "-", "direct_response"},
		{"/404", "", 404, "NC", "cluster_not_found"},
		{"/x", "unknown", 503, "NC", "cluster_not_found"},
		{"/x", "none", 503, "UH", "no_healthy_upstream"},
		{"/x", "dead", 503, "UF", "upstream_reset_before_response_started{remote_connection_failure}"},
		{"/x", "reset", 503, "UC", "upstream_reset_before_response_started{connection_termination}"},
		{"/slow", "", 504, "UT", "response_timeout"},
		{"/idle", "", 504, "SI", "stream_idle_timeout"},
	}
	for _, tc := range cases {
		req, _ := http.NewRequest("POST", "http://"+p.addr+tc.path, strings.NewReader("body"))
		req.Header.Set("x-c", tc.cluster)
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		info := <-p.infos
		if resp.StatusCode != tc.status || info.Status != tc.status || info.Flags.String() != tc.flags || info.Detail != tc.detail {
			t.Errorf("%s %s: got %d, %d %s %s", tc.path, tc.cluster, resp.StatusCode, info.Status, info.Flags, info.Detail)
		}
	}
	req, _ := http.NewRequest("POST", "http://"+p.addr+"/x", nil)
	req.Header.Set("x-c", "none")
	req.Header.Set("content-type", "application/grpc")
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if <-p.infos; resp.StatusCode != 200 || resp.Header.Get("grpc-status") != "14" || resp.Header.Get("grpc-message") != "no healthy upstream" {
		t.Errorf("gRPC: got %d %v", resp.StatusCode, resp.Header)
	}
}

func TestAPolicyRetries(t *testing.T) {
	for _, body := range []string{"small", strings.Repeat("x", 1000)} {
		r := newRegistry(t)
		var n atomic.Int32
		addCluster(t, r, "c", "", backend(t, func(w http.ResponseWriter, q *http.Request) {
			text, _ := io.ReadAll(q.Body)
			if n.Add(1) < 3 {
				w.WriteHeader(503)
			}
			_, _ = w.Write(text)
		}))
		p := startProxy(t, r, `{"match": {"prefix": "/"}, "route": {"cluster": "c", "retry_policy": {"retry_on": "5xx", "num_retries": 3, "retry_back_off": {"base_interval": "0.001s"}}}}`)
		resp, text := do(t, client(t), "POST", "http://"+p.addr, body)
		if resp.StatusCode != 200 || text != body || n.Load() != 3 {
			t.Errorf("got %d after %d tries", resp.StatusCode, n.Load())
		}
	}
}

func TestAClientThatLeavesCancelsTheRequest(t *testing.T) {
	r := newRegistry(t)
	arrived, left := make(chan struct{}), make(chan struct{})
	addCluster(t, r, "c", "", backend(t, func(_ http.ResponseWriter, q *http.Request) {
		close(arrived)
		<-q.Context().Done()
		close(left)
	}))
	p := startProxy(t, r, toC)
	p.infos = make(chan Info, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-arrived; cancel() }()
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://"+p.addr, nil)
	if resp, err := client(t).Do(req); err == nil {
		_ = resp.Body.Close()
		t.Error("the request was answered")
	}
	<-left
	if info := <-p.infos; info.Flags != DownstreamTermination {
		t.Errorf("flags %s", info.Flags)
	}
}

func TestAResponseCutShortIsSeenAsThat(t *testing.T) {
	r := newRegistry(t)
	addCluster(t, r, "c", "", backend(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	p := startProxy(t, r, toC)
	resp, err := client(t).Get("http://" + p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("got %q and no error", text)
	}
}

func TestMirrorsGetACopyAndDelayNothing(t *testing.T) {
	r := newRegistry(t)
	addCluster(t, r, "c", "", backend(t, func(w http.ResponseWriter, q *http.Request) {
		text, _ := io.ReadAll(q.Body)
		_, _ = w.Write(text)
	}))
	got, release := make(chan string, 10), make(chan struct{})
	addCluster(t, r, "m", "", backend(t, func(_ http.ResponseWriter, q *http.Request) {
		text, _ := io.ReadAll(q.Body)
		got <- q.Host + " " + string(text)
		<-release
	}))
	p := startProxy(t, r, `{"match": {"prefix": "/"}, "route": {"cluster": "c", "request_mirror_policies": [{"cluster": "m"}]}}`)
	c := client(t)
	for _, body := range []string{"one", "two"} {
		req, _ := http.NewRequest("POST", "http://"+p.addr, io.MultiReader(strings.NewReader(body)))
		req.Host = "models"
		if body == "one" {
			req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), 3
		}
		resp, err := c.Do(req) // the mirror answers nothing yet
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if m := <-got; m != "models-shadow "+body {
			t.Errorf("the mirror got %q", m)
		}
	}
	close(release)
}

func TestWeightsShareRequests(t *testing.T) {
	r := newRegistry(t)
	for _, name := range []string{"a", "b"} {
		addCluster(t, r, name, "", backend(t, func(w http.ResponseWriter, q *http.Request) { _, _ = io.WriteString(w, name+q.Header.Get("x-arm")) }))
	}
	p := startProxy(t, r, `{"match": {"prefix": "/"}, "route": {"weighted_clusters": {"clusters": [
		{"name": "a", "weight": 3, "request_headers_to_add": [{"header": {"key": "x-arm", "value": "A"}}]}, {"name": "b", "weight": 1}]}}}`)
	c, got := client(t), map[string]int{}
	for range 200 {
		_, text := do(t, c, "GET", "http://"+p.addr, "")
		got[text]++
	}
	if got["aA"] < 120 || got["aA"] > 180 || got["aA"]+got["b"] != 200 {
		t.Errorf("got %v", got)
	}
}

// BenchmarkForward relays 1 KB bodies over loopback, client and server included.
func BenchmarkForward(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	payload := strings.Repeat("x", 1024)
	response := []byte("HTTP/1.1 200 OK\r\nContent-Length: 1024\r\nContent-Type: application/json\r\n\r\n" + payload)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 4096)
				for n := 0; ; {
					k, err := c.Read(buf[n:])
					if err != nil {
						return
					}
					if n += k; n >= 1024 && strings.HasSuffix(string(buf[n-4:n]), "xxxx") {
						n = 0
						if _, err := c.Write(response); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	r := newRegistry(b)
	addCluster(b, r, "c", "", ln.Addr().String())
	p := startProxy(b, r, toC)
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	req := []byte("POST /v2/models/m/infer HTTP/1.1\r\nHost: models\r\nContent-Length: 1024\r\nContent-Type: application/json\r\n\r\n" + payload)
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.Write(req); err != nil {
			b.Fatal(err)
		}
		for n := 0; n < len(response); {
			k, err := conn.Read(buf)
			if err != nil {
				b.Fatal(err)
			}
			n += k
		}
	}
}
