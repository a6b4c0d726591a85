package bootstrap

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/proxy/cluster"
)

const good = `# a proxy
node: {id: proxy-1, cluster: edge}
admin:
  address:
    socket_address: {address: 127.0.0.1, port_value: 9901}
dynamic_resources:
  ads_config:
    api_type: DELTA_GRPC
    transport_api_version: V3
    grpc_services:
    - envoy_grpc: {cluster_name: xds}
  cds_config: {ads: {}, resource_api_version: V3}
  lds_config: {ads: {}}
layered_runtime: {layers: []}
static_resources:
  clusters:
  - name: xds
    type: STRICT_DNS
    connect_timeout: 1s
    load_assignment:
      cluster_name: xds
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: localhost, port_value: 18000}}}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
  listeners:
  - name: l
    address: {socket_address: {address: 0.0.0.0, port_value: 0x1F90}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: x
          http_filters:
          - name: router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
`

func TestABootstrapIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b.yaml")
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.Node.GetId() != "proxy-1" || b.Admin != "127.0.0.1:9901" || !b.LDS || !b.CDS || b.ADS == nil || len(b.Clusters) != 1 || len(b.Listeners) != 1 {
		t.Errorf("got %+v", b)
	}
	if port := b.Listeners[0].GetAddress().GetSocketAddress().GetPortValue(); port != 8080 {
		t.Errorf("a hexadecimal port became %d", port)
	}
	if strings.Join(b.Ignored, " ") != "layered_runtime" {
		t.Errorf("ignored %v", b.Ignored)
	}
	if target, err := b.Resolve(context.Background(), "xds"); err != nil || target.Address != "dns:///localhost:18000" || target.Credentials != nil {
		t.Errorf("got %+v, %v", target, err)
	}
	if _, err := b.Resolve(context.Background(), "other"); err == nil {
		t.Error("a cluster that is not there was resolved")
	}
	if _, err := cluster.NewSpec(b.Clusters[0]); err != nil {
		t.Error(err)
	}
}

func TestErrorsNameTheirPlace(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"an unknown field", "node:\n  id: a\n  idd: b\n", `f.yaml:3:3: unknown field "idd"`},
		{"an unknown field in a flow", "node: {id: a,\n  idd: b}\n", `f.yaml:2:3: unknown field "idd"`},
		{"a field of the wrong type", "admin:\n  address:\n    socket_address:\n      port_value: many\n", "f.yaml:4:"},
		{"a key twice", "node:\n  id: a\n  id: b\n", `f.yaml:3:3: "id" is set twice`},
		{"a type that is not known", "static_resources:\n  listeners:\n  - listener_filters:\n    - name: x\n      typed_config: {\"@type\": type.googleapis.com/no.Such}\n", "f.yaml:5:"},
		{"broken YAML", "node: [\n", "f.yaml: yaml: line"},
		{"an empty file", "", "f.yaml: the file is empty"},
		{"JSON with an unknown field", "{\n \"nodes\": {}\n}", `f.yaml:2:2: unknown field "nodes"`},
		{"merge keys", "a: &a {id: x}\nnode:\n  <<: *a\n", "f.yaml:3:3: merge keys"},
		{"what the proxy does not do", "overload_manager: {}\n", "f.yaml: overload_manager: not supported"},
		{"REST sources", "dynamic_resources: {ads_config: {api_type: REST}}\n", "dynamic_resources.ads_config.api_type REST: not supported; use DELTA_GRPC"},
		{"a control plane of no cluster", "dynamic_resources: {ads_config: {api_type: GRPC, grpc_services: [{envoy_grpc: {cluster_name: x}}]}}\n", `no static cluster "x"`},
		{"ads without its source", "dynamic_resources: {lds_config: {ads: {}}}\n", "ads_config: missing"},
		{"a file source", "dynamic_resources: {lds_config: {path: /x}}\n", "lds_config: not supported; set ads: {}"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("f.yaml", []byte(c.text))
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "\u00a0", " "), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAliasesCannotExplode(t *testing.T) {
	text := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		prev := "*a" + string(rune('0'+(i-1)%10))
		text += "a" + string(rune('0'+i%10)) + strings.Repeat("_", i/10) + ": &a" + string(rune('0'+i%10)) + " [" + strings.Repeat(prev+", ", 9) + prev + "]\n"
	}
	if _, err := Parse("f.yaml", []byte(text)); err == nil {
		t.Error("accepted")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("node: {id: .inf}"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		_, _ = Parse("f.yaml", text)
	})
}
