package resources

import (
	"net"
	"net/netip"
	"strconv"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	upstream "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/millrace/millrace/xds/frontend"
)

const (
	clusterType    = resource.ClusterType
	assignmentType = resource.EndpointType
	listenerType   = resource.ListenerType
	routeType      = resource.RouteType
)

// connectTimeout bounds one attempt to connect to a model server.
const connectTimeout = time.Second

// cluster is one server over one transport.
type cluster struct {
	name, place string
	transport   frontend.Transport
	urls        []frontend.URL
	dns, tls    bool
	caFile, sni string
	// authority is the Host that a service behind a DNS name expects; empty for addresses.
	authority string
}

func newCluster(name, place string, t frontend.Transport, srv *frontend.Server) *cluster {
	c := &cluster{name: name, place: place, transport: t}
	for _, u := range srv.URLs {
		if u.Transport != t {
			continue
		}
		if u.Host == "localhost" {
			u.Host = "127.0.0.1"
		}
		if _, err := netip.ParseAddr(u.Host); err != nil {
			c.dns = true
			if c.authority == "" {
				c.authority = authority(u)
			}
		}
		if c.tls = c.tls || u.TLS; u.TLS && c.sni == "" {
			c.sni = u.Host
		}
		c.urls = append(c.urls, u)
	}
	if srv.TLS != nil {
		c.tls, c.caFile = true, srv.TLS.CAFile
		if srv.TLS.ServerName != "" {
			c.sni = srv.TLS.ServerName
		}
	}
	return c
}

// authority is the URL's host, with its port where that is not the scheme's own.
func authority(u frontend.URL) string {
	if (u.TLS && u.Port == 443) || (!u.TLS && u.Port == 80) {
		return u.Host
	}
	return net.JoinHostPort(u.Host, strconv.Itoa(u.Port))
}

func mustAny(m proto.Message) *anypb.Any {
	a, err := anypb.New(m)
	if err != nil {
		panic("resources: " + err.Error()) // only for messages that are not registered: a mistake of the program
	}
	return a
}

var ads = &core.ConfigSource{ResourceApiVersion: core.ApiVersion_V3, ConfigSourceSpecifier: &core.ConfigSource_Ads{Ads: &core.AggregatedConfigSource{}}}

func (c *cluster) resource() proto.Message {
	out := &clusterv3.Cluster{
		Name: c.name, ConnectTimeout: durationpb.New(connectTimeout), LbPolicy: clusterv3.Cluster_LEAST_REQUEST,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
	}
	if c.dns {
		out.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STRICT_DNS}
		out.LoadAssignment = c.assignment(nil).(*endpoint.ClusterLoadAssignment)
	} else {
		out.EdsClusterConfig = &clusterv3.Cluster_EdsClusterConfig{EdsConfig: ads}
	}
	if c.transport == frontend.GRPC {
		out.TypedExtensionProtocolOptions = map[string]*anypb.Any{
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": mustAny(&upstream.HttpProtocolOptions{
				UpstreamProtocolOptions: &upstream.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: &upstream.HttpProtocolOptions_ExplicitHttpConfig{
					ProtocolConfig: &upstream.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{Http2ProtocolOptions: &core.Http2ProtocolOptions{}},
				}},
			}),
		}
	}
	if c.tls {
		ctx := &tlsv3.UpstreamTlsContext{Sni: c.sni}
		if c.caFile != "" {
			ctx.CommonTlsContext = &tlsv3.CommonTlsContext{ValidationContextType: &tlsv3.CommonTlsContext_ValidationContext{
				ValidationContext: &tlsv3.CertificateValidationContext{TrustedCa: &core.DataSource{Specifier: &core.DataSource_Filename{Filename: c.caFile}}},
			}}
		}
		out.TransportSocket = &core.TransportSocket{Name: "envoy.transport_sockets.tls", ConfigType: &core.TransportSocket_TypedConfig{TypedConfig: mustAny(ctx)}}
	}
	return out
}

func (c *cluster) assignment(running []Address) proto.Message {
	locality := &endpoint.LocalityLbEndpoints{LoadBalancingWeight: wrapperspb.UInt32(1)}
	add := func(host string, port uint32) {
		locality.LbEndpoints = append(locality.LbEndpoints, &endpoint.LbEndpoint{HostIdentifier: &endpoint.LbEndpoint_Endpoint{Endpoint: &endpoint.Endpoint{
			Address: &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
				Address: host, PortSpecifier: &core.SocketAddress_PortValue{PortValue: port},
			}}},
		}}})
	}
	for _, u := range c.urls {
		add(u.Host, uint32(u.Port))
	}
	for _, a := range running {
		at := a.REST
		if c.transport == frontend.GRPC {
			at = a.GRPC
		}
		if at.IsValid() {
			add(at.Addr().String(), uint32(at.Port()))
		}
	}
	out := &endpoint.ClusterLoadAssignment{ClusterName: c.name}
	if len(locality.LbEndpoints) > 0 {
		out.Endpoints = []*endpoint.LocalityLbEndpoints{locality}
	}
	return out
}
