package server_test

import (
	"context"
	"encoding/json"
	"net"
	"testing"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	router "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/xds"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/millrace/millrace/xds/server"
)

func pack(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	a, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// proxyless is what grpc's client needs to reach port by the name "greeter".
func proxyless(t *testing.T, port uint32) server.State {
	ads := &core.ConfigSource{ConfigSourceSpecifier: &core.ConfigSource_Ads{Ads: &core.AggregatedConfigSource{}}}
	manager := &hcm.HttpConnectionManager{
		RouteSpecifier: &hcm.HttpConnectionManager_Rds{Rds: &hcm.Rds{ConfigSource: ads, RouteConfigName: "routes"}},
		HttpFilters:    []*hcm.HttpFilter{{Name: "router", ConfigType: &hcm.HttpFilter_TypedConfig{TypedConfig: pack(t, &router.Router{})}}},
	}
	return server.State{
		server.ListenerType: {"greeter": &listener.Listener{
			Name: "greeter", ApiListener: &listener.ApiListener{ApiListener: pack(t, manager)},
		}},
		server.RouteType: {"routes": &route.RouteConfiguration{Name: "routes", VirtualHosts: []*route.VirtualHost{{
			Name: "all", Domains: []string{"*"},
			Routes: []*route.Route{{
				Match:  &route.RouteMatch{PathSpecifier: &route.RouteMatch_Prefix{Prefix: ""}},
				Action: &route.Route_Route{Route: &route.RouteAction{ClusterSpecifier: &route.RouteAction_Cluster{Cluster: "greeters"}}},
			}},
		}}}},
		server.ClusterType: {"greeters": &cluster.Cluster{
			Name:                 "greeters",
			ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_EDS},
			EdsClusterConfig:     &cluster.Cluster_EdsClusterConfig{EdsConfig: ads},
		}},
		server.EndpointType: {"greeters": located(assignment("greeters", port))},
	}
}

// located gives endpoints a weight and a locality, without which grpc leaves them out.
func located(a *endpoint.ClusterLoadAssignment) *endpoint.ClusterLoadAssignment {
	for _, l := range a.GetEndpoints() {
		l.Locality, l.LoadBalancingWeight = &core.Locality{Region: "here"}, wrapperspb.UInt32(1)
	}
	return a
}

// startHealthServer answers gRPC's health checks until the test ends, and returns its port.
func startHealthServer(t *testing.T) uint32 {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	healthpb.RegisterHealthServer(g, health.NewServer())
	done := make(chan error, 1)
	go func() { done <- g.Serve(lis) }()
	t.Cleanup(func() {
		g.Stop()
		<-done
	})
	return uint32(lis.Addr().(*net.TCPAddr).Port)
}

func TestGRPCsOwnXDSClientIsServed(t *testing.T) {
	s, addr := startServer(t, "")
	first, second := startHealthServer(t), startHealthServer(t)
	set(t, s, "grpc", proxyless(t, first))
	config, err := json.Marshal(map[string]any{
		"xds_servers": []any{map[string]any{
			"server_uri":      addr,
			"channel_creds":   []any{map[string]any{"type": "insecure"}},
			"server_features": []string{"xds_v3"},
		}},
		"node": map[string]any{"id": "grpc-1", "cluster": "grpc"},
	})
	if err != nil {
		t.Fatal(err)
	}
	resolver, err := xds.NewXDSResolverWithConfigForTesting(config)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("xds:///greeter", grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithResolvers(resolver))
	if err != nil {
		t.Fatal(err)
	}
	ask := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}, grpc.WaitForReady(true))
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	set(t, s, "grpc", proxyless(t, second))
	nodes := await(t, s, "grpc")
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	for _, typ := range nodes[0].Types {
		if len(typ.Errors) > 0 {
			t.Errorf("refused %s: %v", typ.TypeURL, typ.Errors)
		}
	}
	conn.Close()
	// grpc's client lets its connection go in its own time.
	until(t, "the stream of grpc's client ends", func() bool { return len(s.Status()) == 0 })
}
