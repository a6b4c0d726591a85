package resources

import (
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	router "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"

	"github.com/millrace/millrace/xds/api/graphv1"
)

// listenerName is the name of the listener and of its routes.
const listenerName = "inference"

// listener returns the listener and its routes by type; nothing where the builder has no address to listen on.
func (b *Builder) listener() map[string]proto.Message {
	if !b.Listen.IsValid() {
		return nil
	}
	manager := &hcm.HttpConnectionManager{
		StatPrefix: listenerName,
		RouteSpecifier: &hcm.HttpConnectionManager_Rds{Rds: &hcm.Rds{
			ConfigSource: ads, RouteConfigName: listenerName,
		}},
		HttpFilters: []*hcm.HttpFilter{
			{Name: "millrace.filters.http.inference", ConfigType: &hcm.HttpFilter_TypedConfig{TypedConfig: mustAny(&graphv1.Inference{Models: ads, Graphs: ads})}},
			{Name: "envoy.filters.http.router", ConfigType: &hcm.HttpFilter_TypedConfig{TypedConfig: mustAny(&router.Router{})}},
		},
	}
	return map[string]proto.Message{
		listenerType: b.keep(&listener.Listener{
			Name: listenerName,
			Address: &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
				Address: b.Listen.Addr().String(), PortSpecifier: &core.SocketAddress_PortValue{PortValue: uint32(b.Listen.Port())},
			}}},
			FilterChains: []*listener.FilterChain{{Filters: []*listener.Filter{{
				Name: "envoy.filters.network.http_connection_manager", ConfigType: &listener.Filter_TypedConfig{TypedConfig: mustAny(manager)},
			}}}},
		}),
		routeType: b.keep(&route.RouteConfiguration{
			Name:         listenerName,
			VirtualHosts: []*route.VirtualHost{{Name: listenerName, Domains: []string{"*"}}},
		}),
	}
}
