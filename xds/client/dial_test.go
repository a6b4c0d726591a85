package client_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/metadata"

	"github.com/millrace/millrace/xds/client"
)

func envoyGRPC(cluster string) *core.GrpcService {
	return &core.GrpcService{TargetSpecifier: &core.GrpcService_EnvoyGrpc_{EnvoyGrpc: &core.GrpcService_EnvoyGrpc{ClusterName: cluster}}}
}

func googleGRPC(g *core.GrpcService_GoogleGrpc) *core.GrpcService {
	return &core.GrpcService{TargetSpecifier: &core.GrpcService_GoogleGrpc_{GoogleGrpc: g}}
}

func TestDialFindsTheClusterOfABootstrapAndSendsItsHeaders(t *testing.T) {
	s, addr := startScript(t)
	service := envoyGRPC("xds_cluster")
	service.InitialMetadata = []*core.HeaderValue{{Key: "x-tenant", Value: "blue"}}
	source := &core.ApiConfigSource{
		ApiType: core.ApiConfigSource_DELTA_GRPC, TransportApiVersion: core.ApiVersion_V3, GrpcServices: []*core.GrpcService{service},
	}
	conn, err := client.Dial(t.Context(), source, func(_ context.Context, name string) (client.Target, error) {
		if name != "xds_cluster" {
			t.Errorf("asked for cluster %q", name)
		}
		return client.Target{Address: addr, Authority: "control.example"}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := client.New(conn, &core.Node{Id: "n"}, client.HandlerFunc(accept))
	defer c.Close()
	c.Subscribe(typeA, client.Wildcard)
	headers, _ := metadata.FromIncomingContext(s.stream().str.Context())
	if headers.Get("x-tenant")[0] != "blue" || headers.Get(":authority")[0] != "control.example" {
		t.Errorf("headers %v", headers)
	}
}

func TestDialTakesATargetThatTheServiceNamesItself(t *testing.T) {
	s, addr := startScript(t)
	conn, err := client.DialService(t.Context(), googleGRPC(&core.GrpcService_GoogleGrpc{TargetUri: addr}), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := client.New(conn, &core.Node{Id: "n"}, client.HandlerFunc(accept))
	defer c.Close()
	c.Subscribe(typeA, client.Wildcard)
	if req := s.stream().next(); req.GetNode().GetId() != "n" {
		t.Errorf("got %v", req)
	}
}

func TestResponseMayBeLarge(t *testing.T) {
	s, addr := startScript(t)
	size := make(chan int, 1)
	c := start(t, addr, func(u client.Update) []client.ResourceError {
		size <- len(u.Resources[0].Body.GetValue())
		return nil
	})
	c.Subscribe(typeA, client.Wildcard)
	l := s.stream()
	l.next()
	big := resource("a", "1")
	big.Resource.Value = make([]byte, 8<<20)
	l.send(&discovery.DeltaDiscoveryResponse{TypeUrl: typeA, Nonce: "1", Resources: []*discovery.Resource{big}})
	if got := <-size; got != 8<<20 {
		t.Errorf("got %d bytes", got)
	}
}

func TestDialSaysWhatItCannotDoAndWhatToDoInstead(t *testing.T) {
	unknown := func(context.Context, string) (client.Target, error) {
		return client.Target{}, errors.New("no such cluster")
	}
	ssl := func(c *core.GrpcService_GoogleGrpc_SslCredentials) []*core.GrpcService {
		return []*core.GrpcService{googleGRPC(&core.GrpcService_GoogleGrpc{
			TargetUri: "x:1",
			ChannelCredentials: &core.GrpcService_GoogleGrpc_ChannelCredentials{
				CredentialSpecifier: &core.GrpcService_GoogleGrpc_ChannelCredentials_SslCredentials{SslCredentials: c},
			},
		})}
	}
	inline := func(s string) *core.DataSource {
		return &core.DataSource{Specifier: &core.DataSource_InlineString{InlineString: s}}
	}
	const incremental = core.ApiConfigSource_DELTA_GRPC
	for name, c := range map[string]struct {
		source *core.ApiConfigSource
		want   string
	}{
		"the state of the world": {&core.ApiConfigSource{ApiType: core.ApiConfigSource_GRPC}, "set api_type: DELTA_GRPC"},
		"REST":                   {&core.ApiConfigSource{ApiType: core.ApiConfigSource_REST}, "set api_type: DELTA_GRPC"},
		"the old API":            {&core.ApiConfigSource{ApiType: incremental, TransportApiVersion: core.ApiVersion_V2}, "set transport_api_version: V3"},
		"no service":             {&core.ApiConfigSource{ApiType: incremental}, "grpc_services is empty"},
		"an empty service":       {&core.ApiConfigSource{ApiType: incremental, GrpcServices: []*core.GrpcService{{}}}, "neither envoy_grpc nor google_grpc"},
		"a cluster that is not there": {
			&core.ApiConfigSource{ApiType: incremental, GrpcServices: []*core.GrpcService{envoyGRPC("a")}}, `cluster "a": no such cluster`},
		"a certificate that is none": {
			&core.ApiConfigSource{ApiType: incremental, GrpcServices: ssl(&core.GrpcService_GoogleGrpc_SslCredentials{RootCerts: inline("x")})},
			"root_certs: no PEM certificate"},
		"a chain without a key": {
			&core.ApiConfigSource{ApiType: incremental, GrpcServices: ssl(&core.GrpcService_GoogleGrpc_SslCredentials{CertChain: inline("x")})},
			"private_key: no source given"},
		"call credentials": {
			&core.ApiConfigSource{ApiType: incremental, GrpcServices: []*core.GrpcService{googleGRPC(&core.GrpcService_GoogleGrpc{
				TargetUri: "x:1", CallCredentials: []*core.GrpcService_GoogleGrpc_CallCredentials{{}}})}},
			"call_credentials are not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := client.Dial(t.Context(), c.source, unknown)
			if err == nil {
				conn.Close()
				t.Fatal("no error")
			}
			if !strings.HasPrefix(err.Error(), "dial the control plane") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
