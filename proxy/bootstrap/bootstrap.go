package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/config/strict"
	"github.com/millrace/millrace/xds/client"
)

// Bootstrap is a bootstrap file, checked.
type Bootstrap struct {
	Proto     *bootstrapv3.Bootstrap // the file as it stands, not to be changed
	Node      *corev3.Node           // never nil
	Admin     string                 // host:port; "" is none
	Listeners []*listenerv3.Listener
	Clusters  []*clusterv3.Cluster

	ADS      *corev3.ApiConfigSource // nil where nothing is dynamic
	LDS, CDS bool                    // listeners, clusters come over ADS
	// Ignored names the fields that are set and have no effect, because they tune or observe what is not there.
	Ignored []string
}

// Read reads and checks a file. Errors name the file and, where it is known, line and column.
func Read(path string) (*Bootstrap, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read bootstrap: %w", err)
	}
	return Parse(path, text)
}

// Parse is Read for text that is there already; name is for errors.
func Parse(name string, text []byte) (*Bootstrap, error) {
	b, err := parse(text)
	if err == nil {
		return b, nil
	}
	var p *position
	if errors.As(err, &p) {
		return nil, fmt.Errorf("%s:%w", name, err)
	}
	return nil, fmt.Errorf("%s: %w", name, err)
}

func parse(text []byte) (*Bootstrap, error) {
	raw, err := toJSON(text)
	if err != nil {
		return nil, err
	}
	m := &bootstrapv3.Bootstrap{}
	if err := protojson.Unmarshal(raw, m); err != nil {
		return nil, located(err)
	}
	b := &Bootstrap{Proto: m, Node: m.GetNode(), Listeners: m.GetStaticResources().GetListeners(), Clusters: m.GetStaticResources().GetClusters()}
	if b.Node == nil {
		b.Node = &corev3.Node{}
	}
	inert := []string{"stats_config", "stats_flush_interval", "cluster_manager", "layered_runtime", "watchdogs", "watchdog",
		"deferred_stat_options", "application_log_config", "grpc_async_client_manager_config", "memory_allocator_manager",
		"enable_dispatcher_stats", "node_context_params", "header_prefix", "flags_path"}
	if err := strict.Fields(m, append([]string{"node", "admin", "static_resources", "dynamic_resources"}, inert...)...); err != nil {
		return nil, err
	}
	for _, name := range inert {
		if fd := m.ProtoReflect().Descriptor().Fields().ByTextName(name); fd != nil && m.ProtoReflect().Has(fd) {
			b.Ignored = append(b.Ignored, name)
		}
	}
	if err := strict.At("static_resources", strict.Fields(m.GetStaticResources(), "listeners", "clusters")); err != nil {
		return nil, err
	}
	if err := b.admin(m.GetAdmin()); err != nil {
		return nil, strict.At("admin", err)
	}
	return b, strict.At("dynamic_resources", b.dynamic(m.GetDynamicResources()))
}

// place is where protojson's errors say that the fault is.
var place = regexp.MustCompile(`\(line (\d+):(\d+)\):\s*(.*)`)

func located(err error) error {
	m := place.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	line, _ := strconv.Atoi(m[1])
	column, _ := strconv.Atoi(m[2])
	return &position{line, column, errors.New(m[3])}
}

func (b *Bootstrap) admin(a *bootstrapv3.Admin) error {
	if a == nil {
		return nil
	}
	if err := strict.Fields(a, "address", "access_log", "access_log_path", "profile_path", "ignore_global_conn_limit"); err != nil {
		return err
	}
	for name, set := range map[string]bool{"admin.access_log": len(a.GetAccessLog()) > 0, "admin.profile_path": a.GetProfilePath() != ""} {
		if set {
			b.Ignored = append(b.Ignored, name)
		}
	}
	sa := a.GetAddress().GetSocketAddress()
	if sa == nil {
		return errors.New("address.socket_address: not set")
	}
	if sa.GetPortValue() > 65535 {
		return fmt.Errorf("address.socket_address.port_value: %d is above 65535", sa.GetPortValue())
	}
	b.Admin = net.JoinHostPort(sa.GetAddress(), strconv.Itoa(int(sa.GetPortValue())))
	return nil
}

func (b *Bootstrap) dynamic(d *bootstrapv3.Bootstrap_DynamicResources) error {
	if d == nil {
		return nil
	}
	if err := strict.Fields(d, "lds_config", "cds_config", "ads_config"); err != nil {
		return err
	}
	var err error
	if b.LDS, err = overADS("lds_config", d.GetLdsConfig()); err != nil {
		return err
	}
	if b.CDS, err = overADS("cds_config", d.GetCdsConfig()); err != nil {
		return err
	}
	if b.ADS = d.GetAdsConfig(); b.ADS == nil {
		if b.LDS || b.CDS {
			return errors.New("ads_config: missing, but lds_config or cds_config ask for ads")
		}
		return nil
	}
	switch b.ADS.GetApiType() {
	case corev3.ApiConfigSource_GRPC, corev3.ApiConfigSource_DELTA_GRPC, corev3.ApiConfigSource_AGGREGATED_GRPC, corev3.ApiConfigSource_AGGREGATED_DELTA_GRPC:
	default:
		return &strict.Unsupported{Field: "ads_config.api_type " + b.ADS.GetApiType().String(), Why: "use DELTA_GRPC"}
	}
	if len(b.ADS.GetGrpcServices()) != 1 {
		return fmt.Errorf("ads_config.grpc_services: must be one, has %d", len(b.ADS.GetGrpcServices()))
	}
	if name := b.ADS.GetGrpcServices()[0].GetEnvoyGrpc().GetClusterName(); name != "" && b.cluster(name) == nil {
		return fmt.Errorf("ads_config.grpc_services[0].envoy_grpc.cluster_name: no static cluster %q", name)
	}
	return nil
}

// overADS tells whether a source is ADS; there is no other.
func overADS(field string, s *corev3.ConfigSource) (bool, error) {
	if s == nil {
		return false, nil
	}
	if s.GetAds() == nil {
		return false, &strict.Unsupported{Field: field, Why: "set ads: {}"}
	}
	return true, nil
}

func (b *Bootstrap) cluster(name string) *clusterv3.Cluster {
	for _, c := range b.Clusters {
		if c.GetName() == name {
			return c
		}
	}
	return nil
}

// Resolve is a client.Resolver: the target of a static cluster, its first endpoint, with its TLS.
func (b *Bootstrap) Resolve(_ context.Context, name string) (client.Target, error) {
	m := b.cluster(name)
	if m == nil {
		return client.Target{}, errors.New("no static cluster of that name")
	}
	spec, err := cluster.NewSpec(m)
	if err != nil {
		return client.Target{}, err
	}
	if spec.Assignment == nil || len(spec.Assignment.Endpoints) == 0 {
		return client.Target{}, errors.New("it has no endpoint in load_assignment")
	}
	e := spec.Assignment.Endpoints[0]
	t := client.Target{Address: "passthrough:///" + e.Address}
	switch {
	case strings.HasPrefix(e.Address, "unix:"):
		t.Address = e.Address
	case e.Resolve:
		t.Address = "dns:///" + e.Address
	}
	if spec.TLS != nil {
		t.Credentials = credentials.NewTLS(spec.TLS.Config())
	}
	return t, nil
}
