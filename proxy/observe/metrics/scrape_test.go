package metrics

import (
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/xds/client"
)

func TestClustersAreReadWhenSomebodyScrapes(t *testing.T) {
	r := cluster.NewRegistry(cluster.Options{})
	defer r.Close()
	m := New(Sources{Clusters: r.All, Warming: func() int { return len(r.Warming()) }})
	if found := with(scrape(t, m), `envoy_cluster_name`); len(found) > 0 {
		t.Error(found)
	}
	msg := new(clusterv3.Cluster)
	if err := protojson.Unmarshal([]byte(`{"name": "mls", "type": "STATIC", "load_assignment": {"cluster_name": "mls", "endpoints": [{"lb_endpoints": [
		{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 9002}}}},
		{"endpoint": {"address": {"socket_address": {"address": "127.0.0.2", "port_value": 9002}}}, "health_status": "DRAINING"}]}]}}`), msg); err != nil {
		t.Fatal(err)
	}
	spec, err := cluster.NewSpec(msg)
	if err != nil {
		t.Fatal(err)
	}
	r.Set(spec)
	c := r.Lookup([]byte("mls"))
	c.Stats().Requests.Add(5)
	c.Stats().Retries.Add(2)
	c.Stats().PendingOverflows.Add(1)
	c.Stats().RequestOverflows.Add(1)
	c.Stats().Responses[5].Add(3)
	expect(t, scrape(t, m), map[string]string{
		`envoy_cluster_upstream_rq_total{envoy_cluster_name="mls"}`:                            "5",
		`envoy_cluster_upstream_rq_retry{envoy_cluster_name="mls"}`:                            "2",
		`envoy_cluster_upstream_rq_pending_overflow{envoy_cluster_name="mls"}`:                 "2",
		`envoy_cluster_upstream_rq_xx{envoy_cluster_name="mls",envoy_response_code_class="5"}`: "3",
		`envoy_cluster_upstream_cx_active{envoy_cluster_name="mls"}`:                           "0",
		`envoy_cluster_membership_total{envoy_cluster_name="mls"}`:                             "2",
		`envoy_cluster_membership_healthy{envoy_cluster_name="mls"}`:                           "1",
		`envoy_cluster_membership_excluded{envoy_cluster_name="mls"}`:                          "1",
		`envoy_cluster_manager_active_clusters`:                                                "1",
		`envoy_cluster_manager_warming_clusters`:                                               "0",
	})
}

func TestTheProcessAndItsControlPlaneAreShown(t *testing.T) {
	taps := engine.NewTaps()
	defer taps.Close()
	taps.Counts("default/triage#tap.shadow").Sent.Add(4)
	taps.Counts("default/triage#tap.shadow").Dropped.Add(1)
	state := Live
	m := New(Sources{
		Version: "1.2.3", Started: time.Now().Add(-90 * time.Second), State: func() State { return state }, Taps: taps,
		Catalog: func() (int, int, int) { return 7, 3, 1 }, Bodies: body.NewBudget(1 << 20),
		Connections: func() (int64, uint64) { return 12, 2 }, AccessLog: func() (uint64, uint64) { return 100, 5 },
		Control: func() client.Status {
			return client.Status{Connected: true, Streams: 2, LastResponse: time.Now().Add(-time.Hour), Types: []client.TypeStatus{
				{TypeURL: "type.googleapis.com/envoy.config.cluster.v3.Cluster", Accepted: 4, Refused: 1, Resources: 9},
				{TypeURL: "type.googleapis.com/millrace.graph.v1.Model", Accepted: 2},
			}}
		},
	})
	got := scrape(t, m)
	expect(t, got, map[string]string{
		`envoy_server_live`: "1", `envoy_server_state`: "0", `envoy_server_uptime`: "90", `envoy_server_total_connections`: "12",
		`millrace_connections_rejected_total`: "2", `millrace_catalog_models`: "7", `millrace_catalog_graphs`: "3",
		`millrace_catalog_warming`: "1", `millrace_body_bytes`: "0", `millrace_body_limit_bytes`: "1.048576e+06",
		`millrace_access_log_lines_total`: "100", `millrace_access_log_dropped_total`: "5",
		`envoy_control_plane_connected_state`: "1", `millrace_xds_streams_total`: "2",
		`millrace_xds_updates_total{result="accepted",type="Cluster"}`: "4", `millrace_xds_updates_total{result="rejected",type="Cluster"}`: "1",
		`millrace_xds_updates_total{result="accepted",type="Model"}`: "2", `millrace_xds_resources{type="Cluster"}`: "9",
		`envoy_cluster_manager_cds_update_success`: "4", `envoy_cluster_manager_cds_update_rejected`: "1",
		`millrace_shadow_total{result="sent",shadow="default/triage#tap.shadow"}`:    "4",
		`millrace_shadow_total{result="dropped",shadow="default/triage#tap.shadow"}`: "1",
		`millrace_shadow_active{shadow="default/triage#tap.shadow"}`:                 "0",
	})
	if len(with(got, "millrace_xds_age_seconds")) != 1 || len(with(got, "millrace_build_info")) != 1 || len(with(got, "go_goroutines")) != 1 {
		t.Error("the age, the build or the runtime is missing")
	}
	state = Draining
	expect(t, scrape(t, m), map[string]string{`envoy_server_live`: "0", `envoy_server_state`: "1"})
}
