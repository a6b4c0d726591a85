package admin

import (
	"errors"
	"strings"
	"testing"
	"time"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/millrace/millrace/xds/api/graphv1"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func pack(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	a, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// withSecrets is a configuration with a secret in every place where one can be.
func withSecrets(t *testing.T) Sources {
	t.Helper()
	tls := &tlsv3.UpstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{TlsCertificates: []*tlsv3.TlsCertificate{{
		CertificateChain: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: "PUBLIC"}},
		PrivateKey:       &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: "hunter2"}},
		Password:         &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: []byte("hunter2")}},
	}}}}
	mls := &clusterv3.Cluster{Name: "mls", TransportSocket: &corev3.TransportSocket{Name: "tls", ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: pack(t, tls)}},
		Filters: []*clusterv3.Filter{{Name: "odd", TypedConfig: &anypb.Any{TypeUrl: "type.googleapis.com/no.such.Message", Value: []byte("hunter2")}}}}
	routes := &routev3.RouteConfiguration{Name: "all", RequestHeadersToAdd: []*corev3.HeaderValueOption{
		{Header: &corev3.HeaderValue{Key: "Authorization", Value: "Bearer hunter2"}}, {Header: &corev3.HeaderValue{Key: "x-team", Value: "nlp"}}}}
	return Sources{
		Started: noon,
		Bootstrap: &bootstrapv3.Bootstrap{Node: &corev3.Node{Id: "node-1"}, StaticResources: &bootstrapv3.Bootstrap_StaticResources{
			Clusters: []*clusterv3.Cluster{{Name: "xds", TransportSocket: mls.TransportSocket}}}},
		ConfigDump: func() (*adminv3.ConfigDump, error) {
			return &adminv3.ConfigDump{Configs: []*anypb.Any{
				pack(t, &adminv3.ClustersConfigDump{VersionInfo: "7", DynamicActiveClusters: []*adminv3.ClustersConfigDump_DynamicCluster{{
					VersionInfo: "3", Cluster: pack(t, mls), LastUpdated: timestamppb.New(noon),
					ErrorState: &adminv3.UpdateFailureState{Details: "lb_policy MAGLEV: not supported", VersionInfo: "4"}}}}),
				pack(t, &adminv3.RoutesConfigDump{DynamicRouteConfigs: []*adminv3.RoutesConfigDump_DynamicRouteConfig{{VersionInfo: "1", RouteConfig: pack(t, routes)}}}),
			}}, nil
		},
		Objects: func() []Object {
			return []Object{
				{Kind: Model, Name: "default/sentiment", Version: "5", Updated: noon, Message: &pb.Model{Name: "default/sentiment",
					Headers: []*pb.HeaderField{{Name: "x-tenant", Value: "hunter2"}}}},
				{Kind: InferenceGraph, Name: "default/triage", Version: "6", Updated: noon, Message: &pb.InferenceGraph{Name: "default/triage"}, Waiting: "cluster mls"},
				{Kind: InferenceGraph, Name: "default/broken", Error: "MR203 no model \"sentimnt\"", ErrorVersion: "8", ErrorTime: noon},
			}
		},
	}
}

func TestTheConfigDumpIsEnvoysAndHasOurObjects(t *testing.T) {
	golden(t, "config_dump.json", start(t, withSecrets(t)).get("/config_dump"))
}

func TestNoSecretIsEverShown(t *testing.T) {
	u := start(t, withSecrets(t))
	for _, query := range []string{"", "?resource=dynamic_active_clusters", "?resource=dynamic_models", "?resource=bootstrap", "?resource=dynamic_route_configs"} {
		text := u.get("/config_dump" + query)
		if strings.Contains(text, "hunter2") || strings.Contains(text, "aHVudGVyMg") { // the same in base64
			t.Errorf("%s shows a secret:\n%s", query, text)
		}
		if !strings.Contains(text, redacted) && query != "?resource=dynamic_models" {
			t.Errorf("%s:\n%s", query, text)
		}
	}
}

func TestTheSourcesAreNotChangedByARedaction(t *testing.T) {
	s := withSecrets(t)
	before := proto.CloneOf(s.Bootstrap)
	start(t, s).get("/config_dump")
	if !proto.Equal(before, s.Bootstrap) {
		t.Error("the bootstrap was changed")
	}
}

func TestOneListOfTheDumpIsAskedForByName(t *testing.T) {
	u := start(t, withSecrets(t))
	for list, want := range map[string]string{
		"dynamic_active_clusters":  `"@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump.DynamicCluster"`,
		"dynamic_warming_clusters": `"configs": []`,
		"dynamic_graphs":           `"name": "default/broken"`,
		"dynamic_models":           `"name": "default/sentiment"`,
	} {
		if got := u.get("/config_dump?resource=" + list); !strings.Contains(got, want) {
			t.Errorf("%s:\n%s", list, got)
		}
	}
	if status, text, _ := u.ask("GET", "/config_dump?resource=nonsense"); status != 404 || text != "nonsense not found in config dump\n" {
		t.Error(status, text)
	}
	if status, _, _ := u.ask("GET", "/config_dump?mask=bootstrap"); status != 400 {
		t.Error(status)
	}
}

func TestADumpThatFailsSaysWhy(t *testing.T) {
	u := start(t, Sources{ConfigDump: func() (*adminv3.ConfigDump, error) { return nil, errors.New("no") }})
	if status, text, _ := u.ask("GET", "/config_dump"); status != 500 || text != "dump configuration: no\n" {
		t.Error(status, text)
	}
	if got := start(t, Sources{}).get("/config_dump"); got != "{\n \"configs\": []\n}\n" {
		t.Errorf("%q", got)
	}
}
