package proxy_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"google.golang.org/protobuf/proto"

	"github.com/millrace/millrace/proxy"
	"github.com/millrace/millrace/proxy/bootstrap"
	pb "github.com/millrace/millrace/xds/api/graphv1"
	"github.com/millrace/millrace/xds/server"
	"github.com/millrace/millrace/xds/source/resources"
	"github.com/millrace/millrace/xds/source/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mesh is a control plane and a proxy that it configures.
type mesh struct {
	t       testing.TB
	server  *server.Server
	proxy   *proxy.Proxy
	store   *store.Store
	builder resources.Builder
	lis     net.Listener
}

const group = "test"

func start(t testing.TB) *mesh {
	t.Helper()
	m := &mesh{t: t, server: server.New(), store: store.New(store.Options{Askable: true})}
	m.builder.Listen = netip.MustParseAddrPort("127.0.0.1:0")
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.lis = lis
	go func() { _ = m.server.Serve(lis) }()
	b, err := bootstrap.Parse("bootstrap.yaml", []byte(fmt.Sprintf(`
node: {id: n1, cluster: %s}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
dynamic_resources:
  ads_config:
    api_type: DELTA_GRPC
    transport_api_version: V3
    grpc_services: [{envoy_grpc: {cluster_name: xds}}]
  cds_config: {ads: {}, resource_api_version: V3}
  lds_config: {ads: {}, resource_api_version: V3}
static_resources:
  clusters:
  - name: xds
    type: STATIC
    connect_timeout: 1s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment:
      cluster_name: xds
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %d}}}}]}]
`, group, lis.Addr().(*net.TCPAddr).Port)))
	if err != nil {
		t.Fatal(err)
	}
	if m.proxy, err = proxy.Start(context.Background(), b, proxy.Options{Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		m.proxy.Close()
		m.server.Stop()
	})
	return m
}

// state makes resources of objects.
func (m *mesh) state(text string) server.State {
	m.t.Helper()
	snap := m.store.Load(map[string][]byte{"test.yaml": []byte(text)})
	for _, d := range snap.Found {
		m.t.Log(snap.Render(d))
	}
	return m.builder.Build(snap, nil)
}

// set pushes state and returns what the proxy refused.
func (m *mesh) set(state server.State) []server.ResourceError {
	m.t.Helper()
	c, err := m.server.Set(group, state)
	if err != nil {
		m.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	nodes, err := m.server.Await(ctx, group, c.Version)
	if err != nil {
		m.t.Fatal(err)
	}
	var refused []server.ResourceError
	for _, n := range nodes {
		for _, ty := range n.Types {
			refused = append(refused, ty.Errors...)
		}
	}
	return refused
}

func (m *mesh) awaitReady() {
	m.t.Helper()
	select {
	case <-m.proxy.Ready():
	case <-time.After(10 * time.Second):
		m.t.Fatal("the proxy does not become ready")
	}
}

func (m *mesh) url() string { return "http://" + m.proxy.ListenAddresses()[0] }

func (m *mesh) ask(path, body string) (int, string, error) {
	resp, err := http.Post(m.url()+path, "application/json", strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// await asks until want is in the answer.
func (m *mesh) await(path, body, want string) {
	m.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, got, err := m.ask(path, body)
		if err == nil && strings.Contains(got, want) {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("%s answers %s (%v), want %s", path, got, err, want)
		}
	}
}

// plain is a plain REST model that answers its name.
func plain(t testing.TB, name string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"who": %q}`, name)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func model(name, url string) string {
	return fmt.Sprintf(`
---
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: %s}
spec:
  protocol: plain
  urls: [%s]
  path: /
  inputs: {text: string}
  outputs: {who: string}
`, name, url)
}

func split(a, b int) string {
	return fmt.Sprintf(`
---
apiVersion: millrace.io/v1alpha1
kind: InferenceGraph
metadata: {name: ab}
spec: {graph: {split: {a: {weight: %d, to: one}, b: {weight: %d, to: two}}}}
`, a, b)
}

func TestAGraphIsAcceptedBeforeItsClusterComesAndServesThen(t *testing.T) {
	m := start(t)
	whole := m.state(model("one", plain(t, "one")))
	early := server.State{}
	for typeURL, byName := range whole {
		if typeURL != server.ClusterType && typeURL != server.EndpointType {
			early[typeURL] = byName
		}
	}
	if refused := m.set(early); len(refused) > 0 {
		t.Fatalf("refused: %v", refused)
	}
	// Every further update is accepted as well, while the first still waits.
	for i := range 3 {
		next := server.State{}
		for typeURL, byName := range early {
			next[typeURL] = byName
		}
		extra := clone(&pb.InferenceGraph{Name: fmt.Sprintf("default/g%d", i), Root: call("default/one")})
		next[resources.GraphType] = map[string]proto.Message{extra.Name: extra}
		if refused := m.set(next); len(refused) > 0 {
			t.Fatalf("update %d is refused: %v", i, refused)
		}
	}
	for len(m.proxy.ListenAddresses()) == 0 {
		runtime.Gosched() // the listener starts as soon as its routes are there
	}
	code, got, err := m.ask("/ask/one", `{"text":"x"}`)
	if err != nil || code != 503 || !strings.Contains(got, "MR503") || !strings.Contains(got, "cluster") {
		t.Fatalf("while it warms: %d %s %v", code, got, err)
	}
	if refused := m.set(whole); len(refused) > 0 {
		t.Fatalf("refused: %v", refused)
	}
	m.await("/ask/one", `{"text":"x"}`, `"one"`)
	m.awaitReady()
}

func TestABadGraphIsRefusedByNameAndTheGoodOnesAreUsed(t *testing.T) {
	m := start(t)
	one, two := plain(t, "one"), plain(t, "two")
	m.set(m.state(model("one", one) + model("two", two) + split(100, 0)))
	m.awaitReady()
	m.await("/ask/ab", `{"text":"x"}`, `"one"`)
	// A part with an operator that this proxy does not execute, and beside it a good graph.
	bad := m.state(model("one", one) + model("two", two) + split(0, 100))
	graphs := bad[resources.GraphType]
	broken := clone(graphs["default/ab"])
	broken.Root.Operator = nil
	graphs["default/ab"] = broken
	fine := clone(broken)
	fine.Name = "default/fine"
	fine.Root = call("default/two")
	graphs["default/fine"] = fine
	refused := m.set(bad)
	if len(refused) != 1 || refused[0].Name != "default/ab" || refused[0].Code != "MR302" || !strings.Contains(refused[0].Message, "operator") {
		t.Fatalf("refused: %v", refused)
	}
	m.await("/ask/fine", `{"text":"x"}`, `"two"`)
	if _, got, _ := m.ask("/ask/ab", `{"text":"x"}`); !strings.Contains(got, `"one"`) {
		t.Errorf("the last good one does not serve: %s", got)
	}
}

func TestNoRequestFailsWhileTheConfigurationChanges(t *testing.T) {
	m := start(t)
	models := model("one", plain(t, "one")) + model("two", plain(t, "two"))
	m.set(m.state(models + split(100, 0)))
	m.awaitReady()
	m.await("/ask/ab", `{"text":"x"}`, `"one"`)
	var stop atomic.Bool
	var failed atomic.Int64
	var asked atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				code, got, err := m.ask("/ask/ab", `{"text":"x"}`)
				asked.Add(1)
				if err != nil || code != 200 {
					if failed.Add(1) == 1 {
						t.Errorf("%d %s %v", code, got, err)
					}
				}
			}
		})
	}
	for i := range 30 {
		m.set(m.state(models + split(100*(i%2), 100*((i+1)%2))))
	}
	m.set(m.state(models + split(0, 100)))
	m.await("/ask/ab", `{"text":"x"}`, `"two"`)
	stop.Store(true)
	wg.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d of %d requests failed", failed.Load(), asked.Load())
	}
}

func TestTheProxyServesOnWhenTheControlPlaneIsGone(t *testing.T) {
	m := start(t)
	m.set(m.state(model("one", plain(t, "one"))))
	m.awaitReady()
	m.await("/ask/one", `{"text":"x"}`, `"one"`)
	m.server.Stop()
	for range 50 {
		if code, got, err := m.ask("/ask/one", `{"text":"x"}`); err != nil || code != 200 {
			t.Fatalf("%d %s %v", code, got, err)
		}
	}
}

func TestADrainAnswersWhatIsUnderWayAndTakesNothingNew(t *testing.T) {
	arrived, leave := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(arrived)
		<-leave
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"who": "slow"}`)
	}))
	t.Cleanup(slow.Close)
	m := start(t)
	m.set(m.state(model("slow", slow.URL)))
	m.awaitReady()
	url := m.url()
	answer := make(chan string, 1)
	go func() {
		_, got, err := m.ask("/ask/slow", `{"text":"x"}`)
		answer <- fmt.Sprint(got, err)
	}()
	<-arrived
	drained := make(chan error, 1)
	go func() { drained <- m.proxy.Drain(context.Background()) }()
	for {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			break // the socket is gone
		}
		c.Close()
	}
	close(leave)
	if got := <-answer; !strings.Contains(got, "slow") {
		t.Errorf("the request under way: %s", got)
	}
	if err := <-drained; err != nil {
		t.Errorf("drain: %v", err)
	}
}

func TestTheAdminPageShowsWhatServes(t *testing.T) {
	m := start(t)
	m.set(m.state(model("one", plain(t, "one")) + model("two", plain(t, "two")) + split(100, 0)))
	m.awaitReady()
	m.await("/ask/ab", `{"text":"x"}`, `"one"`)
	get := func(path string) (int, string) {
		resp, err := http.Get("http://" + m.proxy.AdminAddress() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	for path, want := range map[string][]string{
		"/ready":            {"LIVE"},
		"/clusters":         {"default/one/rest::127.0.0.1:", "rq_total::"},
		"/listeners":        {m.proxy.ListenAddresses()[0]},
		"/server_info":      {`"state"`, "LIVE", `"n1"`},
		"/config_dump":      {"default/ab", "default/one/rest", "InferenceGraph", "static_resources"},
		"/stats/prometheus": {`millrace_graph_requests_total`, `graph="default/ab"`, "envoy_cluster_upstream_rq_total", `millrace_choice_total`, "envoy_http_downstream_rq_total"},
		"/plans/default/ab": {"ab"},
	} {
		// A request is counted after it was answered.
		deadline := time.Now().Add(5 * time.Second)
		for {
			code, got := get(path)
			missing := slices.IndexFunc(want, func(w string) bool { return !strings.Contains(got, w) })
			if code == 200 && missing < 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Errorf("%s: %d, not all of %q in\n%.2000s", path, code, want, got)
				break
			}
		}
	}
	resp, err := http.Post("http://"+m.proxy.AdminAddress()+"/quitquitquit", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	<-m.proxy.Quitting()
}
