package client_test

import (
	"net"
	"sync"
	"testing"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/xds/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience = 10 * time.Second
	typeA    = "type.googleapis.com/example.A"
	typeB    = "type.googleapis.com/example.B"
)

// until waits for a condition, which some goroutine makes true.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("waited %s for: %s", patience, what)
		}
		<-time.After(time.Millisecond)
	}
}

// script is a control plane that does what a test says, stream by stream.
type script struct {
	discovery.UnimplementedAggregatedDiscoveryServiceServer
	t       *testing.T
	streams chan *line
	stop    chan struct{}
}

// line is one stream as the scripted control plane sees it.
type line struct {
	t        *testing.T
	str      discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer
	requests chan *discovery.DeltaDiscoveryRequest
	end      chan struct{}
	once     sync.Once
}

func (s *script) DeltaAggregatedResources(str discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	l := &line{t: s.t, str: str, requests: make(chan *discovery.DeltaDiscoveryRequest, 10_000), end: make(chan struct{})}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for {
			req, err := str.Recv()
			if err != nil {
				return
			}
			select {
			case l.requests <- req:
			case <-str.Context().Done():
				return
			}
		}
	}()
	select {
	case s.streams <- l:
	case <-s.stop:
		return nil
	case <-str.Context().Done():
		return nil
	}
	select {
	case <-l.end:
	case <-s.stop:
	case <-read:
	}
	return nil
}

// startScript starts a scripted control plane until the test ends.
func startScript(t *testing.T) (*script, string) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{t: t, streams: make(chan *line), stop: make(chan struct{})}
	g := grpc.NewServer(grpc.WaitForHandlers(true))
	discovery.RegisterAggregatedDiscoveryServiceServer(g, s)
	done := make(chan error, 1)
	go func() { done <- g.Serve(lis) }()
	t.Cleanup(func() {
		close(s.stop)
		g.Stop()
		<-done
	})
	return s, lis.Addr().String()
}

// stream waits for the client's next stream.
func (s *script) stream() *line {
	s.t.Helper()
	select {
	case l := <-s.streams:
		return l
	case <-time.After(patience):
		s.t.Fatal("no stream came")
	}
	return nil
}

// next waits for the next request.
func (l *line) next() *discovery.DeltaDiscoveryRequest {
	l.t.Helper()
	select {
	case req := <-l.requests:
		return req
	case <-time.After(patience):
		l.t.Fatal("no request came")
	}
	return nil
}

// send sends one response.
func (l *line) send(r *discovery.DeltaDiscoveryResponse) {
	l.t.Helper()
	if err := l.str.Send(r); err != nil {
		l.t.Fatal(err)
	}
}

// hangUp ends the stream from the control plane's side.
func (l *line) hangUp() { l.once.Do(func() { close(l.end) }) }

// resource makes a resource of typeA whose body is its name.
func resource(name, version string) *discovery.Resource {
	return &discovery.Resource{Name: name, Version: version, Resource: &anypb.Any{TypeUrl: typeA, Value: []byte(name)}}
}

// response makes a response of typeA.
func response(nonce string, resources ...*discovery.Resource) *discovery.DeltaDiscoveryResponse {
	return &discovery.DeltaDiscoveryResponse{TypeUrl: typeA, Nonce: nonce, SystemVersionInfo: "v-" + nonce, Resources: resources}
}

// start connects a client to addr until the test ends.
func start(t *testing.T, addr string, apply client.HandlerFunc, opts ...client.Option) *client.Client {
	t.Helper()
	conn, err := client.DialTarget(client.Target{Address: addr})
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(conn, &core.Node{Id: "n"}, apply, append([]client.Option{
		client.WithRetry(client.Backoff{Base: time.Millisecond, Max: 5 * time.Millisecond}),
	}, opts...)...)
	t.Cleanup(func() {
		c.Close()
		conn.Close()
	})
	return c
}

// accept takes everything.
func accept(client.Update) []client.ResourceError { return nil }
