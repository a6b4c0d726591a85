package config

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
	"github.com/millrace/millrace/xds/client"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/millrace/millrace/proxy/http1.(*watcher).run"))
}

// harness is a whole proxy without a control plane.
type harness struct {
	*Config
	clusters *cluster.Registry
	warmed   chan string
}

func start(t testing.TB, change ...func(*Options)) *harness {
	t.Helper()
	h := &harness{warmed: make(chan string, 100)}
	co := cluster.Options{RemovalGrace: time.Millisecond, Warmed: func(name string) { h.warmed <- name }}
	Dialers(&co, nil)
	h.clusters = cluster.NewRegistry(co)
	f := &router.Forwarder{}
	o := Options{Clusters: h.clusters, Forwarder: f, Start: Sockets(nil, nil, nil), DrainTime: time.Second}
	for _, c := range change {
		c(&o)
	}
	h.Config = New(o)
	t.Cleanup(func() {
		h.Close()
		f.Close()
		h.clusters.Close()
	})
	return h
}

// apply applies resources given as JSON.
func (h *harness) apply(t testing.TB, typeURL string, texts ...string) []client.ResourceError {
	t.Helper()
	u := client.Update{TypeURL: typeURL, Version: "1"}
	for _, text := range texts {
		var m proto.Message
		var name func() string
		switch typeURL {
		case ClusterType:
			c := &clusterv3.Cluster{}
			m, name = c, c.GetName
		case EndpointType:
			c := &endpointv3.ClusterLoadAssignment{}
			m, name = c, c.GetClusterName
		case RouteType:
			c := &routev3.RouteConfiguration{}
			m, name = c, c.GetName
		default:
			c := &listenerv3.Listener{}
			m, name = c, c.GetName
		}
		if err := protojson.Unmarshal([]byte(text), m); err != nil {
			t.Fatal(err)
		}
		body, err := anypb.New(m)
		if err != nil {
			t.Fatal(err)
		}
		u.Resources = append(u.Resources, client.Resource{Name: name(), Version: "1", Body: body})
	}
	return h.Apply(u)
}

func (h *harness) good(t testing.TB, typeURL string, texts ...string) {
	t.Helper()
	if errs := h.apply(t, typeURL, texts...); len(errs) > 0 {
		t.Fatal(errs)
	}
}

const edsCluster = `{"name": %q, "type": "EDS", "eds_cluster_config": {"eds_config": {"ads": {}}}}`

func endpoints(name string, addresses ...string) string {
	var eps []string
	for _, a := range addresses {
		host, port, _ := net.SplitHostPort(a)
		eps = append(eps, fmt.Sprintf(`{"endpoint": {"address": {"socket_address": {"address": %q, "port_value": %s}}}}`, host, port))
	}
	return fmt.Sprintf(`{"cluster_name": %q, "endpoints": [{"lb_endpoints": [%s]}]}`, name, strings.Join(eps, ","))
}

func listenerJSON(name string, port int, hcm string) string {
	return fmt.Sprintf(`{"name": %q, "address": {"socket_address": {"address": "127.0.0.1", "port_value": %d}}, "filter_chains": [{"filters": [{"name": "hcm",
		"typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "x", %s}}]}]}`, name, port, hcm)
}

const (
	routerFilter = `{"name": "envoy.filters.http.router", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}`
	rds          = `"rds": {"route_config_name": "r", "config_source": {"ads": {}}}, "http_filters": [` + routerFilter + `]`
)

func inline(reply string) string {
	return `"route_config": {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "` + reply + `"}}}]}]}, "http_filters": [` + routerFilter + `]`
}

func routeTo(cluster string) string {
	return fmt.Sprintf(`{"name": "r", "virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": %q}}]}]}`, cluster)
}

func (h *harness) address(t testing.TB, name string) string {
	t.Helper()
	for _, l := range h.Listeners() {
		if l.Name == name && l.Address != "" {
			return l.Address
		}
	}
	t.Fatalf("listener %s does not listen: %+v", name, h.Listeners())
	return ""
}

func get(t testing.TB, address string) (int, string) {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get("http://" + address + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// await waits until cond is true.
func await(t testing.TB, cond func() bool) {
	t.Helper()
	tick, late := time.NewTicker(100*time.Microsecond), time.After(10*time.Second)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it did not come to it in 10 s")
		}
	}
}

func backend(t testing.TB, reply string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, reply) }))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestAWholeConfigurationServes(t *testing.T) {
	h := start(t)
	h.good(t, ClusterType, fmt.Sprintf(edsCluster, "a"))
	h.good(t, EndpointType, endpoints("a", backend(t, "one")))
	h.good(t, ListenerType, listenerJSON("l", 0, rds))
	if s := h.Listeners(); !s[0].Warming || s[0].Address != "" {
		t.Errorf("a listener without its routes: %+v", s)
	}
	h.good(t, RouteType, routeTo("a"))
	if status, text := get(t, h.address(t, "l")); status != 200 || text != "one" {
		t.Errorf("got %d %q", status, text)
	}
	h.good(t, RouteType, routeTo("gone"))
	if status, _ := get(t, h.address(t, "l")); status != 503 {
		t.Errorf("a route to no cluster: got %d", status)
	}
	h.good(t, EndpointType, endpoints("a", backend(t, "two")))
	h.good(t, RouteType, routeTo("a"))
	if _, text := get(t, h.address(t, "l")); text != "two" {
		t.Errorf("after new endpoints: got %q", text)
	}
	d, err := h.Dump()
	if err != nil || len(d.GetConfigs()) != 4 {
		t.Fatalf("dump: %v", err)
	}
	if text, err := protojson.Marshal(d); err != nil || !strings.Contains(string(text), "dynamicActiveClusters") || !strings.Contains(string(text), "dynamicRouteConfigs") {
		t.Errorf("dump: %s %v", text, err)
	}
	var text strings.Builder
	if err := h.WriteClusters(&text); err != nil || !strings.Contains(text.String(), "::health_flags::healthy") || strings.Contains(text.String(), "%!") {
		t.Errorf("clusters: %s %v", text.String(), err)
	}
}

func TestABadResourceIsRefusedAndTheLastGoodOneServes(t *testing.T) {
	h := start(t)
	h.good(t, ListenerType, listenerJSON("l", 0, inline("good")))
	errs := h.apply(t, ListenerType, listenerJSON("other", 0, inline("too")),
		listenerJSON("l", 0, `"http_filters": [{"name": "lua", "typed_config": {"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster"}}]`))
	if len(errs) != 1 || errs[0].Name != "l" || errs[0].Code != CodeListener || !strings.Contains(errs[0].Message, "http_filters[0] lua: no filter of type") {
		t.Fatalf("got %v", errs)
	}
	if _, text := get(t, h.address(t, "l")); text != "good" {
		t.Errorf("got %q", text)
	}
	if _, text := get(t, h.address(t, "other")); text != "too" {
		t.Errorf("got %q", text)
	}
	if errs := h.apply(t, ClusterType, `{"name": "c", "type": "STATIC"}`); len(errs) != 1 || errs[0].Code != CodeCluster {
		t.Errorf("got %v", errs)
	}
	errs = h.Apply(client.Update{TypeURL: ClusterType, Resources: []client.Resource{{Name: "c", Body: &anypb.Any{TypeUrl: ClusterType, Value: []byte{0xff}}}}})
	if len(errs) != 1 || errs[0].Code != CodeUndecodable {
		t.Errorf("got %v", errs)
	}
	errs = h.Apply(client.Update{TypeURL: "type.googleapis.com/x.Y", Resources: []client.Resource{{Name: "y"}}})
	if len(errs) != 1 || errs[0].Code != CodeUnknownType {
		t.Errorf("got %v", errs)
	}
}

func TestAnUpdateOfAListenerKeepsItsSocket(t *testing.T) {
	h := start(t)
	h.good(t, ListenerType, listenerJSON("l", 0, inline("one")))
	address := h.address(t, "l")
	conn := &http.Client{Transport: &http.Transport{}}
	defer conn.CloseIdleConnections()
	ask := func() string {
		resp, err := conn.Get("http://" + address)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return string(text)
	}
	if got := ask(); got != "one" {
		t.Errorf("got %q", got)
	}
	h.good(t, ListenerType, listenerJSON("l", 0, inline("two")))
	if got := ask(); got != "two" || h.address(t, "l") != address {
		t.Errorf("got %q at %s, was at %s", got, h.address(t, "l"), address)
	}
}

func TestNoRequestFailsWhileConfigurationChanges(t *testing.T) {
	h := start(t)
	one, two := backend(t, "one"), backend(t, "two")
	h.good(t, ClusterType, fmt.Sprintf(edsCluster, "a"), fmt.Sprintf(edsCluster, "b"))
	h.good(t, EndpointType, endpoints("a", one), endpoints("b", two))
	h.good(t, ListenerType, listenerJSON("l", 0, rds))
	h.good(t, RouteType, routeTo("a"))
	address := h.address(t, "l")
	var stop atomic.Bool
	var asked, failed atomic.Int64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			c := &http.Client{Transport: &http.Transport{}}
			defer c.CloseIdleConnections()
			for !stop.Load() {
				resp, err := c.Get("http://" + address)
				asked.Add(1)
				if err != nil || resp.StatusCode != 200 {
					failed.Add(1)
					continue
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
	for i := range 60 {
		seen := asked.Load()
		switch i % 4 {
		case 0:
			h.good(t, RouteType, routeTo("b"))
		case 1:
			h.good(t, ClusterType, fmt.Sprintf(`{"name": "a", "type": "EDS", "connect_timeout": "%ds", "eds_cluster_config": {"eds_config": {"ads": {}}}}`, i+1))
		case 2:
			h.good(t, RouteType, routeTo("a"))
		case 3:
			h.good(t, EndpointType, endpoints("a", []string{one, two}[i/4%2]))
		}
		await(t, func() bool { return asked.Load() >= seen+4 })
	}
	stop.Store(true)
	clients.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d of %d requests failed", failed.Load(), asked.Load())
	}
}

type subscriptions struct {
	mu   sync.Mutex
	have map[string][]string
}

func (s *subscriptions) Subscribe(typeURL string, names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.have[typeURL] = append(s.have[typeURL], names...)
}

func (s *subscriptions) Unsubscribe(typeURL string, names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.have[typeURL] = slices.DeleteFunc(s.have[typeURL], func(n string) bool { return slices.Contains(names, n) })
}

func TestWhatIsNamedIsAskedFor(t *testing.T) {
	h := start(t)
	s := &subscriptions{have: map[string][]string{}}
	h.Attach(s)
	h.good(t, ClusterType, fmt.Sprintf(edsCluster, "a"), fmt.Sprintf(edsCluster, "b"))
	h.good(t, ListenerType, listenerJSON("l", 0, rds))
	if !slices.Equal(s.have[EndpointType], []string{"a", "b"}) || !slices.Equal(s.have[RouteType], []string{"r"}) {
		t.Errorf("got %v", s.have)
	}
	h.Apply(client.Update{TypeURL: ListenerType, Removed: []string{"l"}})
	if len(s.have[RouteType]) != 0 {
		t.Errorf("still asks for %v", s.have[RouteType])
	}
}

func TestAnAddressInUseIsTriedAgain(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var tried atomic.Int32
	h := start(t, func(o *Options) {
		real := o.Start
		o.Start = func(s *Socket, hd stream.Handler) (Running, error) {
			if tried.Add(1) == 2 {
				_ = taken.Close()
			}
			return real(s, hd)
		}
	})
	h.good(t, ListenerType, listenerJSON("l", taken.Addr().(*net.TCPAddr).Port, inline("up")))
	if s := h.Listeners()[0]; s.Err == nil || s.Address != "" {
		t.Errorf("got %+v", s)
	}
	await(t, func() bool { return h.Listeners()[0].Address != "" })
	if _, text := get(t, h.address(t, "l")); text != "up" {
		t.Errorf("got %q", text)
	}
}

func TestARemovedListenerDrains(t *testing.T) {
	h := start(t)
	h.good(t, ListenerType, listenerJSON("l", 0, inline("x")))
	address := h.address(t, "l")
	h.Apply(client.Update{TypeURL: ListenerType, Removed: []string{"l"}})
	for {
		c, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		_ = c.Close()
	}
	if len(h.Listeners()) != 0 {
		t.Error("it is still there")
	}
}

func TestStaticResourcesStay(t *testing.T) {
	h := start(t)
	l := &listenerv3.Listener{}
	if err := protojson.Unmarshal([]byte(listenerJSON("l", 0, inline("static"))), l); err != nil {
		t.Fatal(err)
	}
	if err := h.Static(nil, []*listenerv3.Listener{l}); err != nil {
		t.Fatal(err)
	}
	if errs := h.apply(t, ListenerType, listenerJSON("l", 0, inline("dynamic"))); len(errs) != 1 {
		t.Errorf("got %v", errs)
	}
	h.Apply(client.Update{TypeURL: ListenerType, Removed: []string{"l"}})
	if _, text := get(t, h.address(t, "l")); text != "static" {
		t.Errorf("got %q", text)
	}
	var bad *clusterv3.Cluster
	if err := h.Static([]*clusterv3.Cluster{bad}, nil); err == nil {
		t.Error("a cluster without a name was accepted")
	}
}

func TestOtherTypesGoToTheirSink(t *testing.T) {
	want := client.ResourceError{Name: "m", Code: "MR200", Message: "no"}
	h := start(t, func(o *Options) {
		o.Sinks = map[string]client.Handler{"type.googleapis.com/x.Model": client.HandlerFunc(func(client.Update) []client.ResourceError { return []client.ResourceError{want} })}
	})
	if errs := h.Apply(client.Update{TypeURL: "type.googleapis.com/x.Model"}); len(errs) != 1 || errs[0] != want {
		t.Errorf("got %v", errs)
	}
}

func TestFaultAndRBACStandInAChain(t *testing.T) {
	h := start(t)
	deny := `{"name": "rbac", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC", "rules": {"action": "DENY", "policies": {"p": {"permissions": [{"any": true}], "principals": [{"any": true}]}}}}}`
	h.good(t, ListenerType, listenerJSON("l", 0, strings.Replace(inline("x"), `"http_filters": [`, `"http_filters": [`+deny+`,`, 1)))
	if status, text := get(t, h.address(t, "l")); status != 403 || text != "RBAC: access denied" {
		t.Errorf("got %d %q", status, text)
	}
	off := `"typed_per_filter_config": {"rbac": {"@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute"}}, "direct_response"`
	h.good(t, ListenerType, listenerJSON("l", 0, strings.Replace(strings.Replace(inline("x"), `"http_filters": [`, `"http_filters": [`+deny+`,`, 1), `"direct_response"`, off, 1)))
	if status, _ := get(t, h.address(t, "l")); status != 200 {
		t.Errorf("a route that turns rbac off: got %d", status)
	}
}

func TestWhatAListenerCannotDoIsRefusedByName(t *testing.T) {
	h := start(t)
	cases := []struct{ hcm, want string }{
		{strings.Replace(inline("x"), `"http_filters"`, `"merge_slashes": true, "http_filters"`, 1), "merge_slashes"},
		{strings.Replace(inline("x"), `"http_filters"`, `"tracing": {}, "http_filters"`, 1), "tracing"},
		{strings.Replace(inline("x"), `"http_filters"`, `"codec_type": "HTTP3", "http_filters"`, 1), "codec_type HTTP3"},
		{strings.Replace(inline("x"), routerFilter, "", 1), "the last must be a terminal one"},
		{strings.Replace(inline("x"), routerFilter, routerFilter+","+routerFilter, 1), "must be the last"},
		{`"http_filters": [` + routerFilter + `]`, "set rds or route_config"},
	}
	for _, c := range cases {
		errs := h.apply(t, ListenerType, listenerJSON("l", 0, c.hcm))
		if len(errs) != 1 || !strings.Contains(errs[0].Message, c.want) {
			t.Errorf("want %q, got %v", c.want, errs)
		}
	}
}
