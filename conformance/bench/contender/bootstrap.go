package contender

import "fmt"

// bootstrap is one Envoy bootstrap for Envoy and for Millrace: a listener, one route, one cluster. Both then have on what they
// have on by default: request ids, statistics, deadlines.
func bootstrap(j Job, port, admin int) string {
	upstream, options := j.Upstream.HTTP, ""
	if j.Duty == PassGRPC {
		upstream = j.Upstream.GRPC
		options = `
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: {http2_protocol_options: {}}`
	}
	host, upstreamPort := split(upstream)
	return fmt.Sprintf(`node: {id: bench, cluster: bench}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: %d}}}
static_resources:
  clusters:
    - name: upstream
      type: STATIC
      connect_timeout: 1s%s
      load_assignment:
        cluster_name: upstream
        endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: %s, port_value: %s}}}}]}]
  listeners:
    - name: bench
      address: {socket_address: {address: 127.0.0.1, port_value: %d}}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: bench
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
                route_config:
                  name: bench
                  virtual_hosts:
                    - {name: bench, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: upstream}}]}
`, admin, options, host, upstreamPort, port)
}
