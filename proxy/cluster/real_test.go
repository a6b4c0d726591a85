package cluster_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/http1"
	"github.com/millrace/millrace/proxy/stream"
)

// realCluster is a STATIC cluster on real sockets.
func realCluster(t testing.TB, addresses ...string) *cluster.Cluster {
	t.Helper()
	r := cluster.NewRegistry(cluster.Options{HTTP1: func(c net.Conn) stream.ClientConn { return http1.NewClientConn(c, http1.ClientOptions{}) }})
	t.Cleanup(r.Close)
	l := &endpointv3.LocalityLbEndpoints{}
	for _, a := range addresses {
		addr, err := net.ResolveTCPAddr("tcp", a)
		if err != nil {
			t.Fatal(err)
		}
		l.LbEndpoints = append(l.LbEndpoints, &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{
			Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{Address: addr.IP.String(),
				PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(addr.Port)}}}}}}})
	}
	spec, err := cluster.NewSpec(&clusterv3.Cluster{Name: "c", ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		LoadAssignment: &endpointv3.ClusterLoadAssignment{ClusterName: "c", Endpoints: []*endpointv3.LocalityLbEndpoints{l}}})
	if err != nil {
		t.Fatal(err)
	}
	r.Set(spec)
	return r.Ref("c").Load()
}

func post(path string) *stream.RequestHead {
	return &stream.RequestHead{Method: []byte("POST"), Path: []byte(path), Authority: []byte("models")}
}

// TestNoCallFailsWhenAnEndpointDies kills one of two servers while it holds many requests.
func TestNoCallFailsWhenAnEndpointDies(t *testing.T) {
	var held atomic.Int32
	arrived, dead := make(chan struct{}, 100), make(chan struct{})
	dying := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		held.Add(1)
		arrived <- struct{}{}
		<-dead
		panic(http.ErrAbortHandler) // the connection ends without a byte, as the kernel ends those of a killed process
	}))
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		text, _ := io.ReadAll(q.Body)
		_, _ = w.Write(text)
	}))
	t.Cleanup(good.Close)
	c := realCluster(t, dying.Listener.Addr().String(), good.Listener.Addr().String())
	const callers = 32
	var wg sync.WaitGroup
	var failed atomic.Int32
	for range callers {
		wg.Go(func() {
			for range 10 {
				b := body.Of([]byte("question"))
				call := cluster.Begin(&cluster.Request{Cluster: c, Head: post("/v2"), Body: b, Idempotent: true, Deadline: time.Now().Add(20 * time.Second)})
				h, reply, _, err := call.Wait()
				if err != nil || h.Status != 200 || string(reply.Bytes()) != "question" {
					t.Logf("failed: %v", err)
					failed.Add(1)
				}
				reply.Release()
				call.Close()
				b.Release()
			}
		})
	}
	for range 8 {
		<-arrived
	}
	_ = dying.Listener.Close()
	close(dead)
	wg.Wait()
	dying.Close()
	if failed.Load() > 0 {
		t.Errorf("%d of %d calls failed; the server held %d when it died", failed.Load(), 10*callers, held.Load())
	}
}

// BenchmarkRealCall exchanges 1 KB over loopback.
func BenchmarkRealCall(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		reply := append([]byte("HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n"), make([]byte, 1024)...)
		buf := make([]byte, 8192)
		for {
			if _, err := c.Read(buf); err != nil { // one write of the client is one read here
				return
			}
			if _, err := c.Write(reply); err != nil {
				return
			}
		}
	}()
	c := realCluster(b, ln.Addr().String())
	question := body.Of(make([]byte, 1024))
	head := post("/v2/models/m/infer")
	head.Header.Add("content-type", "application/json")
	b.ReportAllocs()
	for b.Loop() {
		call := cluster.Begin(&cluster.Request{Cluster: c, Head: head, Body: question, Idempotent: true, Deadline: time.Now().Add(time.Minute)})
		_, reply, _, err := call.Wait()
		if err != nil {
			b.Fatal(err)
		}
		reply.Release()
		call.Close()
	}
}
