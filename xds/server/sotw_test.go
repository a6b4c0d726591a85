package server_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/millrace/millrace/xds/server"
)

// sotwNode is a client of the state of the world: it sends what it is told to, and reads one response at a time.
type sotwNode struct {
	t   *testing.T
	str discovery.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	got chan *discovery.DiscoveryResponse
}

func startSotwNode(t *testing.T, addr, group string) *sotwNode {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	str, err := discovery.NewAggregatedDiscoveryServiceClient(conn).StreamAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	n := &sotwNode{t: t, str: str, got: make(chan *discovery.DiscoveryResponse, 1000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(n.got)
		for {
			r, err := str.Recv()
			if err != nil {
				return
			}
			select {
			case n.got <- r:
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		conn.Close()
	})
	return n
}

func (n *sotwNode) send(req *discovery.DiscoveryRequest) {
	n.t.Helper()
	req.Node = &core.Node{Id: "envoy-1", Cluster: "edge"}
	if err := n.str.Send(req); err != nil {
		n.t.Fatal(err)
	}
}

func (n *sotwNode) next() *discovery.DiscoveryResponse {
	n.t.Helper()
	select {
	case r, ok := <-n.got:
		if !ok {
			n.t.Fatal("the stream ended")
		}
		return r
	case <-time.After(patience):
		n.t.Fatal("no response")
	}
	return nil
}

// nack refuses r as a client that accepted version last, "" for none.
func (n *sotwNode) nack(r *discovery.DiscoveryResponse, version string) {
	n.t.Helper()
	n.send(&discovery.DiscoveryRequest{
		TypeUrl: r.GetTypeUrl(), ResponseNonce: r.GetNonce(), VersionInfo: version,
		ErrorDetail: &rpcstatus.Status{Code: 3, Message: "I do not like it"},
	})
}

func (n *sotwNode) ack(r *discovery.DiscoveryResponse, names ...string) {
	n.t.Helper()
	n.send(&discovery.DiscoveryRequest{TypeUrl: r.GetTypeUrl(), ResponseNonce: r.GetNonce(), VersionInfo: r.GetVersionInfo(), ResourceNames: names})
}

func TestClientOfTheStateOfTheWorldThatRefusesIsNotSentTheSameAgain(t *testing.T) {
	for name, version := range map[string]string{
		"and never accepted anything":                     "",
		"and comes from another run of the control plane": "other-3",
	} {
		t.Run(name, func(t *testing.T) {
			s, addr := startServer(t, "")
			set(t, s, "edge", server.State{server.ClusterType: clusters(map[string]int{"b": 1, "a": 1})})
			n := startSotwNode(t, addr, "edge")
			n.send(&discovery.DiscoveryRequest{TypeUrl: server.ClusterType, VersionInfo: version})
			first := n.next()
			n.nack(first, version)
			await(t, s, "edge") // the NACK was taken, and its watch is open
			if errs := s.Status()[0].Types[0].Errors; len(errs) != 1 || errs[0].Message != "I do not like it" {
				t.Errorf("status says %v", errs)
			}
			// Anything that was sent again would come before the answer to another type.
			n.send(&discovery.DiscoveryRequest{TypeUrl: server.ListenerType})
			r := n.next()
			if r.GetTypeUrl() != server.ListenerType {
				t.Fatalf("sent %s %s again", r.GetTypeUrl(), r.GetVersionInfo())
			}
			n.ack(r)
			set(t, s, "edge", server.State{server.ClusterType: clusters(map[string]int{"b": 1, "a": 2})})
			second := n.next()
			if len(second.GetResources()) != 2 || second.GetVersionInfo() == first.GetVersionInfo() {
				t.Errorf("the next change brought %d resources, version %s after %s", len(second.GetResources()), second.GetVersionInfo(), first.GetVersionInfo())
			}
			n.ack(second)
			await(t, s, "edge")
			if errs := s.Status()[0].Types[0].Errors; len(errs) != 0 {
				t.Errorf("status says %v after the ACK", errs)
			}
			if more := len(n.got); more != 0 {
				t.Errorf("%d more responses", more)
			}
		})
	}
}

func TestWhatWasRefusedAlongWithABadEndpointComesAgainWithTheNextChange(t *testing.T) {
	s, addr := startServer(t, "")
	set(t, s, "edge", server.State{server.EndpointType: endpoints("a", "b")})
	n := startSotwNode(t, addr, "edge")
	n.send(&discovery.DiscoveryRequest{TypeUrl: server.EndpointType, ResourceNames: []string{"a", "b"}})
	n.send(&discovery.DiscoveryRequest{
		TypeUrl: server.EndpointType, ResourceNames: []string{"a", "b"}, ResponseNonce: n.next().GetNonce(),
		ErrorDetail: &rpcstatus.Status{Code: 3, Message: "b is bad"},
	})
	await(t, s, "edge")
	set(t, s, "edge", server.State{server.EndpointType: map[string]proto.Message{"a": assignment("a", 80), "b": assignment("b", 81)}})
	if r := n.next(); len(r.GetResources()) != 2 {
		t.Errorf("got %d resources, want a as well", len(r.GetResources()))
	}
}

func TestResourcesAreSentInOneOrder(t *testing.T) {
	s, addr := startServer(t, "")
	all := map[string]int{}
	for _, name := range strings.Split("q w e r t y u i o p a s d f g h j k l", " ") {
		all[name] = 1
	}
	set(t, s, "edge", server.State{server.ClusterType: clusters(all)})
	n := startSotwNode(t, addr, "edge")
	n.send(&discovery.DiscoveryRequest{TypeUrl: server.ClusterType})
	r := n.next()
	var wire []string
	for _, res := range r.GetResources() {
		wire = append(wire, string(res.GetValue()))
	}
	if len(wire) != len(all) || !slices.IsSorted(wire) {
		t.Errorf("%d resources, sorted: %t", len(wire), slices.IsSorted(wire))
	}
}

func TestNodeThatComesBackWithTheNewestVersionLearnsThatAllIsGone(t *testing.T) {
	s, addr := startServer(t, "")
	set(t, s, "edge", server.State{server.ClusterType: clusters(map[string]int{"a": 1})})
	n := startSotwNode(t, addr, "edge")
	n.send(&discovery.DiscoveryRequest{TypeUrl: server.ClusterType})
	version := n.next().GetVersionInfo()
	set(t, s, "edge", server.State{})
	again := startSotwNode(t, addr, "edge")
	again.send(&discovery.DiscoveryRequest{TypeUrl: server.ClusterType, VersionInfo: version})
	if r := again.next(); len(r.GetResources()) != 0 {
		t.Errorf("got %d resources", len(r.GetResources()))
	}
}

func TestAdditionsToTheStateOfTheWorldComeInServingOrder(t *testing.T) {
	s, addr := startServer(t, "")
	n := startSotwNode(t, addr, "edge")
	for _, typeURL := range inOrder {
		n.send(&discovery.DiscoveryRequest{TypeUrl: typeURL, ResourceNames: []string{"*"}})
		n.ack(n.next(), "*")
	}
	await(t, s, "edge")
	set(t, s, "edge", world("1"))
	for _, typeURL := range inOrder {
		if r := n.next(); r.GetTypeUrl() != typeURL || !strings.HasSuffix(r.GetVersionInfo(), "-1") {
			t.Errorf("got %s version %s, want %s", r.GetTypeUrl(), r.GetVersionInfo(), typeURL)
		}
	}
}
