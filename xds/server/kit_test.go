package server_test

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/millrace/millrace/xds/api/graphv1"
	"github.com/millrace/millrace/xds/client"
	"github.com/millrace/millrace/xds/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

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

// startServer serves a control plane on an address, ":0" of the loopback if it is empty, until the test ends.
func startServer(t testing.TB, addr string, opts ...server.Option) (*server.Server, string) {
	t.Helper()
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	s := server.New(opts...)
	return s, serve(t, s, addr)
}

// serve lets nodes in at an address, until the test ends.
func serve(t testing.TB, s *server.Server, addr string) string {
	t.Helper()
	var lis net.Listener
	until(t, "listen on "+addr, func() (ok bool) {
		var err error
		lis, err = net.Listen("tcp", addr)
		return err == nil
	})
	served := make(chan error, 1)
	go func() { served <- s.Serve(lis) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return lis.Addr().String()
}

// set gives the server a state and expects no error.
func set(t testing.TB, s *server.Server, group string, state server.State) server.Change {
	t.Helper()
	change, err := s.Set(group, state)
	if err != nil {
		t.Fatal(err)
	}
	return change
}

// node is a client that holds what it is given, and refuses what it is told to.
type node struct {
	*client.Client
	mu      sync.Mutex
	updates []client.Update
	held    map[string]map[string]client.Resource
	refuse  map[string]string
}

// Apply records an update.
func (n *node) Apply(u client.Update) []client.ResourceError {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.updates = append(n.updates, u)
	held := n.held[u.TypeURL]
	if held == nil {
		held = make(map[string]client.Resource)
		n.held[u.TypeURL] = held
	}
	var errs []client.ResourceError
	for _, r := range u.Resources {
		if message, ok := n.refuse[r.Name]; ok {
			errs = append(errs, client.ResourceError{Name: r.Name, Code: "MR100", Message: message})
			continue
		}
		held[r.Name] = r
	}
	for _, name := range u.Removed {
		delete(held, name)
	}
	return errs
}

// names are those that the node holds of a type, sorted.
func (n *node) names(typeURL string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var names []string
	for name := range n.held[typeURL] {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// seen returns a copy of the updates so far.
func (n *node) seen() []client.Update {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.updates)
}

// forget drops the updates seen so far.
func (n *node) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.updates = nil
}

// startNode connects a client to a server until the test ends. refuse says what it refuses, by name.
func startNode(t testing.TB, addr, group string, refuse map[string]string) *node {
	t.Helper()
	conn, err := client.DialTarget(client.Target{Address: addr})
	if err != nil {
		t.Fatal(err)
	}
	n := &node{held: make(map[string]map[string]client.Resource), refuse: refuse}
	n.Client = client.New(conn, &core.Node{Id: "proxy-1", Cluster: group}, n,
		client.WithRetry(client.Backoff{Base: time.Millisecond, Max: 20 * time.Millisecond}))
	t.Cleanup(func() {
		n.Close()
		conn.Close()
	})
	return n
}

// await waits until the nodes of a group have what was set last.
func await(t testing.TB, s *server.Server, group string) []server.NodeStatus {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	nodes, err := s.Await(ctx, group, s.Version(group))
	if err != nil {
		t.Fatal(err)
	}
	return nodes
}

func clusters(timeouts map[string]int) map[string]proto.Message {
	all := make(map[string]proto.Message)
	for name, seconds := range timeouts {
		all[name] = &cluster.Cluster{Name: name, ConnectTimeout: durationpb.New(time.Duration(seconds) * time.Second)}
	}
	return all
}

func endpoints(names ...string) map[string]proto.Message {
	all := make(map[string]proto.Message)
	for _, name := range names {
		all[name] = assignment(name, 80)
	}
	return all
}

func assignment(name string, port uint32) *endpoint.ClusterLoadAssignment {
	return &endpoint.ClusterLoadAssignment{ClusterName: name, Endpoints: []*endpoint.LocalityLbEndpoints{{
		LbEndpoints: []*endpoint.LbEndpoint{{HostIdentifier: &endpoint.LbEndpoint_Endpoint{Endpoint: &endpoint.Endpoint{
			Address: &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
				Address: "127.0.0.1", PortSpecifier: &core.SocketAddress_PortValue{PortValue: port},
			}}},
		}}}},
	}}}
}

// world is a state with one resource of each type that is served in order.
func world(suffix string) server.State {
	return server.State{
		server.RouteType:    {"r" + suffix: &route.RouteConfiguration{Name: "r" + suffix}},
		server.ListenerType: {"l" + suffix: &listener.Listener{Name: "l" + suffix}},
		server.GraphType:    {"g" + suffix: &graphv1.InferenceGraph{Name: "g" + suffix}},
		server.ModelType:    {"m" + suffix: &graphv1.Model{Name: "m" + suffix}},
		server.EndpointType: endpoints("e" + suffix),
		server.ClusterType:  clusters(map[string]int{"c" + suffix: 1}),
	}
}

// inOrder are the types in serving order.
var inOrder = []string{
	server.ClusterType, server.EndpointType, server.ModelType, server.GraphType, server.ListenerType, server.RouteType,
}

func subscribeAll(n *node) {
	for _, typeURL := range inOrder {
		n.Subscribe(typeURL, client.Wildcard)
	}
}
