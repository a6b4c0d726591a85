package admin

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/config"
	"github.com/millrace/millrace/proxy/stream"
)

// oneRequest is a cluster with two endpoints, of which one has answered a request.
func oneRequest(t *testing.T) (r *cluster.Registry, port string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) }))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	o := cluster.Options{}
	config.Dialers(&o, body.NewBudget(0))
	r = cluster.NewRegistry(o)
	t.Cleanup(r.Close)
	m := new(clusterv3.Cluster)
	if err := protojson.Unmarshal([]byte(`{"name": "mls", "type": "STATIC", "circuit_breakers": {"thresholds": [{"max_retries": 3}]},
		"load_assignment": {"cluster_name": "mls", "endpoints": [{"locality": {"region": "eu", "zone": "eu-1"}, "lb_endpoints": [
		{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": `+port+`}}}, "load_balancing_weight": 2},
		{"endpoint": {"address": {"socket_address": {"address": "127.0.0.2", "port_value": 9}}}, "health_status": "UNHEALTHY"}]}]}}`), m); err != nil {
		t.Fatal(err)
	}
	spec, err := cluster.NewSpec(m)
	if err != nil {
		t.Fatal(err)
	}
	r.Set(spec)
	head := &stream.RequestHead{Method: []byte("GET"), Scheme: []byte("http"), Authority: []byte("test"), Path: []byte("/"), Version: stream.HTTP11}
	call := cluster.Begin(&cluster.Request{Cluster: r.Lookup([]byte("mls")), Head: head, Context: t.Context(), Deadline: time.Now().Add(10 * time.Second)})
	defer call.Close()
	if _, _, _, err := call.Wait(); err != nil {
		t.Fatal(err)
	}
	return r, port
}

func TestClustersAreEnvoysLines(t *testing.T) {
	r, port := oneRequest(t)
	u := start(t, Sources{Clusters: r.All})
	golden(t, "clusters.txt", strings.ReplaceAll(u.get("/clusters"), ":"+port, ":PORT"))
}

func TestClustersAsJSONAreEnvoysMessage(t *testing.T) {
	r, port := oneRequest(t)
	text := start(t, Sources{Clusters: r.All}).get("/clusters?format=json")
	if err := protojson.Unmarshal([]byte(text), new(adminv3.Clusters)); err != nil {
		t.Error(err)
	}
	golden(t, "clusters.json", strings.ReplaceAll(text, `"port_value": `+port, `"port_value": 1`))
}

func TestListenersThatListenAreListed(t *testing.T) {
	u := start(t, Sources{Listeners: func() []Listener {
		return []Listener{{"main", "127.0.0.1:8080"}, {"six", "[::1]:8081"}, {"down", ""}, {"local", "unix:/run/a.sock"}}
	}})
	if got := u.get("/listeners"); got != "main::127.0.0.1:8080\nsix::[::1]:8081\nlocal::unix:/run/a.sock\n" {
		t.Errorf("%q", got)
	}
	text := u.get("/listeners?format=json")
	if err := protojson.Unmarshal([]byte(text), new(adminv3.Listeners)); err != nil {
		t.Error(err)
	}
	golden(t, "listeners.json", text)
}
