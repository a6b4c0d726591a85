package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"go.uber.org/goleak"

	"github.com/millrace/millrace/xds/client"
	"github.com/millrace/millrace/xds/server"
	"github.com/millrace/millrace/xds/source/resources"
	"github.com/millrace/millrace/xds/source/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// soon is how long a test waits for what should come at once.
const soon = 20 * time.Second

const objects = `apiVersion: millrace.io/v1alpha1
kind: Server
metadata: {name: mls}
spec: {protocol: oip, urls: ["http://127.0.0.1:9002"]}
---
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: a}
spec:
  server: mls
  inputs:  {text: {type: string, shape: [rows]}}
  outputs: {label: {type: string, shape: [rows]}}
---
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: b}
spec:
  server: mls
  inputs:  {text: {type: string, shape: [rows]}}
  outputs: {label: {type: string, shape: [rows]}}
---
apiVersion: millrace.io/v1alpha1
kind: InferenceGraph
metadata: {name: mood}
spec:
  graph: {split: {x: {weight: 90, to: a}, y: {weight: 10, to: b}}}
`

// house is a pipeline over a real folder, served over real gRPC.
type house struct {
	*Pipeline
	dir    string
	server *server.Server
	at     string
	events chan Event
}

func open(t testing.TB, files map[string]string, edit func(*Options)) *house {
	t.Helper()
	h := &house{dir: t.TempDir(), server: server.New(), events: make(chan Event, 100)}
	for name, text := range files {
		h.save(t, name, text)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.at = lis.Addr().String()
	o := Options{
		Files: Files{Paths: []string{h.dir}}, Server: h.server, Group: "g", Listen: netip.MustParseAddrPort("127.0.0.1:0"),
		Told: func(e Event) { h.events <- e },
	}
	if edit != nil {
		edit(&o)
	}
	h.Pipeline = New(o)
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		if err := h.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	work.Go(func() {
		if err := h.server.Serve(lis); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		h.server.Stop()
		work.Wait()
	})
	return h
}

func (h *house) save(t testing.TB, name, text string) {
	t.Helper()
	at := filepath.Join(h.dir, name)
	if err := os.WriteFile(at+".new", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(at+".new", at); err != nil {
		t.Fatal(err)
	}
}

// next returns the next event.
func (h *house) next(t testing.TB) Event {
	t.Helper()
	select {
	case e := <-h.events:
		return e
	case <-time.After(soon):
		t.Fatal("no event came")
	}
	return Event{}
}

// text is an event as people see it, with T for the time and DIR for the folder.
func (h *house) text(e Event) string {
	text := strings.ReplaceAll(e.Text(), filepath.ToSlash(h.dir), "DIR")
	return regexp.MustCompile(`in \d+ ms`).ReplaceAllString(text, "in T ms")
}

// node is a proxy that takes everything but what refuse names, and keeps what it was given.
type node struct {
	mu  sync.Mutex
	has map[string]client.Resource
}

func (n *node) Apply(u client.Update) []client.ResourceError {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range u.Resources {
		n.has[r.Name] = r
	}
	for _, name := range u.Removed {
		delete(n.has, name)
	}
	return nil
}

// endpoints lists the ports of a cluster that the node knows.
func (n *node) endpoints(t *testing.T, cluster string) []uint32 {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	var m endpoint.ClusterLoadAssignment
	if r, ok := n.has[cluster]; ok && r.Body.MessageIs(&m) {
		if err := r.Body.UnmarshalTo(&m); err != nil {
			t.Fatal(err)
		}
	}
	var ports []uint32
	for _, l := range m.GetEndpoints() {
		for _, e := range l.GetLbEndpoints() {
			ports = append(ports, e.GetEndpoint().GetAddress().GetSocketAddress().GetPortValue())
		}
	}
	return ports
}

// join connects a node that asks for everything.
func (h *house) join(t testing.TB, handler client.Handler) *client.Client {
	t.Helper()
	conn, err := client.DialTarget(client.Target{Address: h.at})
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(conn, &core.Node{Id: "n1", Cluster: "g"}, handler)
	t.Cleanup(func() {
		c.Close()
		conn.Close()
	})
	for _, typeURL := range []string{server.ClusterType, server.EndpointType, server.ModelType, server.GraphType, server.ListenerType, server.RouteType} {
		c.Subscribe(typeURL, client.Wildcard)
	}
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if _, err := h.server.Await(ctx, "g", h.server.Version("g")); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEverySaveIsOneLineOnceTheProxiesHaveIt(t *testing.T) {
	h := open(t, map[string]string{"triage.yaml": objects}, nil)
	if got, want := h.text(h.next(t)), "v1: 2 models, 1 graph"; got != want {
		t.Errorf("at the start: %q, want %q", got, want)
	}
	h.join(t, &node{has: map[string]client.Resource{}})

	for _, c := range []struct{ text, want string }{
		{strings.NewReplacer("weight: 90", "weight: 50", "weight: 10", "weight: 50").Replace(objects), "triage.yaml: v2 in T ms, 90/10 → 50/50"},
		{objects + "# a comment\n", "triage.yaml: v3 in T ms, 50/50 → 90/10"},
		{objects, "triage.yaml: nothing changed; v3"},
		{strings.Replace(objects, "to: a}", "to: c}", 1),
			"DIR/triage.yaml:26:39: MR203 graph mood: no model \"c\"; did you mean \"a\" or \"b\"?\n      graph: {split: {x: {weight: 90, to: c}, y: {weight: 10, to: b}}}\n                                          ^\ntriage.yaml: 1 error; still serving v3"},
		{"kind: [", "triage.yaml: 1 error; still serving v3"},
		{objects, "triage.yaml: nothing changed; v3"},
	} {
		h.save(t, "triage.yaml", c.text)
		e := h.next(t)
		got := h.text(e)
		if strings.HasPrefix(c.want, "triage.yaml: 1 error") {
			got = got[strings.LastIndexByte(got, '\n')+1:] // what YAML says is another package's
		}
		if got != c.want {
			t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
		}
		if len(e.Changes) > 0 && (e.Took <= 0 || e.Took > soon) {
			t.Errorf("it took %v", e.Took)
		}
	}
}

func TestAProxyThatIsAwayHoldsNothingUp(t *testing.T) {
	h := open(t, map[string]string{"triage.yaml": objects}, nil)
	h.next(t)
	h.save(t, "triage.yaml", strings.Replace(objects, "weight: 90", "weight: 80", 1))
	if got, want := h.text(h.next(t)), "triage.yaml: v2, 90/10 → 80/10; no proxy is connected"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAProxyThatDoesNotAnswerIsNamedAndTheNextSaveIsServedMeanwhile(t *testing.T) {
	h := open(t, map[string]string{"triage.yaml": objects}, func(o *Options) { o.Patience = 300 * time.Millisecond })
	h.next(t)
	var once sync.Once
	stuck, release := make(chan struct{}), make(chan struct{})
	armed := make(chan struct{})
	n := &node{has: map[string]client.Resource{}}
	h.join(t, client.HandlerFunc(func(u client.Update) []client.ResourceError {
		select {
		case <-armed:
			once.Do(func() { close(stuck); <-release })
		default:
		}
		return n.Apply(u)
	}))
	defer close(release)
	close(armed)
	h.save(t, "triage.yaml", strings.Replace(objects, "weight: 90", "weight: 80", 1))
	<-stuck
	h.save(t, "triage.yaml", strings.Replace(objects, "weight: 90", "weight: 70", 1))
	for _, want := range []string{"v2, 90/10 → 80/10; no answer yet from proxy n1", "v3, 80/10 → 70/10; no answer yet from proxy n1"} {
		if got := h.text(h.next(t)); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
}

func TestWhatAProxyRefusesStandsUnderTheLine(t *testing.T) {
	h := open(t, map[string]string{"triage.yaml": objects}, nil)
	h.next(t)
	h.join(t, client.HandlerFunc(func(u client.Update) []client.ResourceError {
		if u.TypeURL == server.GraphType && len(u.Resources) > 0 {
			return []client.ResourceError{{Name: u.Resources[0].Name, Code: "MR300", Message: "not today"}}
		}
		return nil
	}))
	h.save(t, "triage.yaml", strings.Replace(objects, "weight: 90", "weight: 80", 1))
	if got, want := h.text(h.next(t)), "triage.yaml: v2 in T ms, 90/10 → 80/10\n    proxy n1 refused default/mood: MR300 not today"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAddressesOfRunningServersBecomeEndpointsAndNobodyIsTold(t *testing.T) {
	text := strings.Replace(objects, `urls: ["http://127.0.0.1:9002"]`, `command: [serve, "{port}", "{grpc_port}"]`, 1)
	h := open(t, map[string]string{"triage.yaml": text}, nil)
	h.next(t)
	n := &node{has: map[string]client.Resource{}}
	h.join(t, n)
	for _, want := range [][]uint32{{9101}, {9101, 9201}, nil} {
		var addresses []resources.Address
		for _, port := range want {
			addresses = append(addresses, resources.Address{REST: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port)), GRPC: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port+1))})
		}
		if err := h.SetAddresses("mls", addresses); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		if _, err := h.server.Await(ctx, "g", h.server.Version("g")); err != nil {
			t.Fatal(err)
		}
		cancel()
		// A node that has just joined may not have asked for endpoints yet: nothing is owed to it then.
		for deadline := time.Now().Add(soon); ; {
			rest, grpc := n.endpoints(t, "default/mls/rest"), n.endpoints(t, "default/mls/grpc")
			if slices.Equal(rest, want) && len(grpc) == len(want) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("REST endpoints %v, want %v; gRPC endpoints %v", rest, want, grpc)
			}
			runtime.Gosched()
		}
	}
	if len(h.events) != 0 {
		t.Errorf("told %q", h.text(<-h.events))
	}
}

func TestABrokenObjectAtTheStartIsShownAndTheOthersServe(t *testing.T) {
	h := open(t, map[string]string{"good.yaml": objects, "bad.yaml": "apiVersion: millrace.io/v1alpha1\nkind: Server\nmetadata: {name: x}\nspec: {protocol: opi}\n"}, nil)
	got := h.text(h.next(t))
	want := "DIR/bad.yaml:4:18: MR105 server x: there is no protocol \"opi\"; did you mean \"oip\"?\n    spec: {protocol: opi}\n                     ^\nv1: 2 models, 1 graph; 1 error: what has errors does not serve"
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if s := h.Snapshot(); len(s.Graphs) != 1 {
		t.Errorf("%d graphs serve", len(s.Graphs))
	}
}

func TestABindingThatIsGivenTakesThePlaceOfTheOneBesideTheObjects(t *testing.T) {
	dir := t.TempDir()
	at := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	objects := at("objects.yaml", objects)
	at("millrace.local.yaml", `mls: {urls: ["http://127.0.0.1:1111"]}`)
	given := at("staging.yaml", `mls: {urls: ["http://127.0.0.1:2222"]}`)
	for _, c := range []struct {
		files Files
		port  int
	}{
		{Files{Paths: []string{objects}}, 1111},
		{Files{Paths: []string{objects}, Bind: given}, 2222},
		{Files{Paths: []string{dir}, Bind: given}, 2222},
	} {
		s, err := Load(c.files, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if c.files.Bind == "" && c.files.Paths[0] == dir {
			continue
		}
		if s.Failed() {
			t.Errorf("%v: %v", c.files, s.Found)
		}
		if got := s.Server("default", "mls").URLs[0].Port; got != c.port {
			t.Errorf("%v: port %d, want %d", c.files, got, c.port)
		}
	}
}

func TestEveryObjectHasAStandingWithItsPlace(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const model = "apiVersion: millrace.io/v1alpha1\nkind: Model\nmetadata: {name: m}\nspec: {protocol: oip, urls: [\"http://127.0.0.1:9\"]}\n---\n"
	const graph = "apiVersion: millrace.io/v1alpha1\nkind: InferenceGraph\nmetadata: {name: g}\nspec: {graph: %s}\n"
	write(model + fmt.Sprintf(graph, "m"))
	srv := server.New()
	defer srv.Stop()
	told := make(chan struct{}, 10)
	p := New(Options{Files: Files{Paths: []string{dir}}, Server: srv, Told: func(Event) { told <- struct{}{} }})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	defer func() {
		cancel()
		<-done
	}()
	standing := func() string {
		<-told
		out := filepath.Join(t.TempDir(), "status.json")
		if err := p.WriteStatus(out); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		var all []ObjectStatus
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, o := range all {
			words = append(words, fmt.Sprintf("%s %s:%d %s %d", o.Name, filepath.Base(o.File), o.Line, o.State, len(o.Messages)))
		}
		return strings.Join(words, ", ")
	}
	if got, want := standing(), "m a.yaml:1 serving 0, g a.yaml:6 serving 0"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	write(model + fmt.Sprintf(graph, "nothing"))
	if got, want := standing(), "m a.yaml:1 serving 0, g a.yaml:6 stale 1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
