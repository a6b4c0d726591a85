package inference

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	grpcmd "google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/oip"
	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/filter"
	"github.com/millrace/millrace/proxy/http1"
	"github.com/millrace/millrace/proxy/http2"
	"github.com/millrace/millrace/proxy/inference/catalog"
	"github.com/millrace/millrace/proxy/listener"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
	pb "github.com/millrace/millrace/xds/api/graphv1"
	"github.com/millrace/millrace/xds/client"
	"github.com/millrace/millrace/xds/frontend/document"
	"github.com/millrace/millrace/xds/source/resources"
	"github.com/millrace/millrace/xds/source/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// proxied is a running filter behind a real listener, with the objects of one YAML text.
type proxied struct {
	t        testing.TB
	url      string
	addr     string
	filter   *Filter
	catalog  *catalog.Catalog
	registry *cluster.Registry
	budget   *body.Budget
	info     chan router.Info
	loaded   string // the objects, with their servers' addresses
}

type notFound struct{}

func (notFound) Serve(d stream.Downstream, _ *router.Match, info *router.Info) {
	router.Reply(d, info, 404, "no route", router.NoRouteFound, "route_not_found")
}

// start serves the objects of text; $NAME in it is replaced by the URL of servers[NAME].
func start(t testing.TB, text string, servers map[string]http.Handler) *proxied {
	t.Helper()
	p := &proxied{t: t, budget: body.NewBudget(1 << 28), info: make(chan router.Info, 100)}
	p.registry = cluster.NewRegistry(cluster.Options{
		HTTP1: func(c net.Conn) stream.ClientConn {
			return http1.NewClientConn(c, http1.ClientOptions{Budget: p.budget})
		},
		HTTP2: func(c net.Conn, _ cluster.Protocol) (stream.ClientConn, error) {
			return http2.NewClientConn(c, http2.ClientOptions{Budget: p.budget})
		},
		Warmed: func(string) {
			if p.catalog != nil {
				p.catalog.Settle()
			}
		},
	})
	p.catalog = catalog.New(p.registry.Ref)
	p.filter = New(p.catalog, p.budget, 1<<20)
	for name, h := range servers {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		text = strings.ReplaceAll(text, "$"+name, s.URL)
	}
	p.loaded = text
	p.load(text)
	m := filter.NewManager(filter.Config{
		Routes: &filter.Routes{}, Filters: []filter.Entry{{Name: "inference", Filter: p.filter}}, Terminal: notFound{},
		OnPanic: func(v any, stack []byte) { t.Errorf("panic: %v\n%s", v, stack) },
	})
	l, err := listener.New(listener.Config{
		Name: "test", Address: "127.0.0.1:0",
		HTTP1: func(c net.Conn, i *stream.ConnInfo, h stream.Handler) listener.ServerConn {
			return http1.NewServerConn(c, i, http1.ServerOptions{Budget: p.budget}, h)
		},
		HTTP2: func(c net.Conn, i *stream.ConnInfo, h stream.Handler) listener.ServerConn {
			return http2.NewServerConn(c, i, http2.ServerOptions{Budget: p.budget}, h)
		},
	}, m)
	if err != nil {
		t.Fatal(err)
	}
	l.Start()
	p.addr = l.Addr().String()
	p.url = "http://" + p.addr
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		l.Close()
		p.filter.Close()
		p.registry.Close()
		if used := p.budget.Used(); used != 0 {
			t.Errorf("%d bytes of bodies are still charged when all is closed", used)
		}
	})
	return p
}

// load makes the objects of text all there is, as the control plane would.
func (p *proxied) load(text string) {
	p.t.Helper()
	s := store.New(store.Options{Askable: true})
	snap := s.Load(map[string][]byte{"test.yaml": []byte(text)})
	for _, d := range snap.Found {
		p.t.Logf("%s", document.Render(d, []byte(text)))
	}
	if snap.Failed() {
		p.t.Fatal("the objects have errors")
	}
	b := resources.Builder{}
	state := b.Build(snap, nil)
	for typeURL, byName := range state {
		for name, m := range byName {
			switch m := m.(type) {
			case *clusterv3.Cluster:
				spec, err := cluster.NewSpec(m)
				if err != nil {
					p.t.Fatal(err)
				}
				p.registry.Set(spec)
			case *endpointv3.ClusterLoadAssignment:
				a, err := cluster.NewAssignment(m)
				if err != nil {
					p.t.Fatal(err)
				}
				p.registry.Assign(a)
			case *pb.Model, *pb.InferenceGraph:
				p.apply(typeURL, name, m)
			}
		}
	}
	deadline := time.Now().Add(5 * time.Second)
	for len(p.catalog.Snapshot().Waiting()) > 0 {
		if time.Now().After(deadline) {
			p.t.Fatalf("still waiting: %v", p.catalog.Snapshot().Waiting())
		}
		p.catalog.Settle()
	}
}

func (p *proxied) apply(typeURL, name string, m proto.Message) {
	p.t.Helper()
	a, err := anypb.New(m)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range p.catalog.Apply(client.Update{TypeURL: typeURL, Resources: []client.Resource{{Name: name, Body: a}}}) {
		p.t.Fatalf("%s is refused: %s %s", e.Name, e.Code, e.Message)
	}
}

// post sends body and returns status and reply.
func (p *proxied) post(path, body string, fields ...string) (int, string) {
	p.t.Helper()
	status, text, _ := p.do("POST", path, body, fields...)
	return status, text
}

func (p *proxied) do(method, path, body string, fields ...string) (int, string, http.Header) {
	p.t.Helper()
	req, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i] == "Host" {
			req.Host = fields[i+1]
		}
		req.Header.Set(fields[i], fields[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

// upper is an Open Inference server whose models answer the text of the input `TXT` in upper case as `l`.
func upper(models ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			ID     string
			Inputs []struct {
				Name  string
				Shape []int
				Data  []string
			}
		}
		raw, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(raw, &in); err != nil || len(in.Inputs) != 1 || in.Inputs[0].Name != "TXT" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"error":"expected input TXT"}`)
			return
		}
		var out []string
		for _, s := range in.Inputs[0].Data {
			out = append(out, strings.ToUpper(s))
		}
		data, _ := json.Marshal(out)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Server", "upper")
		fmt.Fprintf(w, `{"model_name":"m","id":%q,"outputs":[{"name":"l","shape":[%d,1],"datatype":"BYTES","data":%s}]}`, in.ID, len(out), data)
	})
}

// plainServer answers {"passage": …} with the number of letters.
func lengths() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Passage any }
		raw, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(raw, &in); err != nil {
			http.Error(w, `{"detail":"bad json"}`, http.StatusUnprocessableEntity)
			return
		}
		var out any
		switch p := in.Passage.(type) {
		case string:
			out = len(p)
		case []any:
			var ns []int
			for _, s := range p {
				ns = append(ns, len(s.(string)))
			}
			out = ns
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"letters": out})
	})
}

const twoModels = `
apiVersion: millrace.io/v1alpha1
kind: Server
metadata: {name: up}
spec: {protocol: oip, urls: [$UP]}
---
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: shout}
spec:
  server: up
  model: m
  inputs:  {text: {tensor: TXT, type: string, shape: [rows, 1]}}
  outputs: {loud: {tensor: l, type: string, shape: [rows, 1]}}
---
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: raw}
spec: {server: up, model: m}
---
apiVersion: millrace.io/v1alpha1
kind: Model
metadata: {name: letters}
spec:
  protocol: plain
  urls: [$LEN]
  path: /count
  inputs:  {text: {tensor: passage, type: string, shape: [rows]}}
  outputs: {letters: {type: int, shape: [rows]}}
`

func twoServers() map[string]http.Handler {
	return map[string]http.Handler{"UP": upper("m"), "LEN": lengths()}
}

func contextWithCancel() (context.Context, context.CancelFunc) {
	return context.WithCancel(context.Background())
}

// withPorts starts servers and replaces $PORTNAME by the port of each.
func withPorts(t testing.TB, text string, servers map[string]http.Handler) string {
	for name, h := range servers {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		text = strings.ReplaceAll(text, "$PORT"+name+"}", s.URL[strings.LastIndexByte(s.URL, ':')+1:]+"}")
	}
	return text
}

type counts = engine.TapCounts

func readAll(r *http.Request) string {
	b, _ := io.ReadAll(r.Body)
	return string(b)
}

func anyOf(set map[string]bool) string {
	for s := range set {
		return s
	}
	return ""
}

// grpcClient asks ModelInfer by one connection.
type grpcClient struct{ conn *grpc.ClientConn }

func (p *proxied) connect(t testing.TB) grpcClient {
	t.Helper()
	conn, err := grpc.NewClient(p.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return grpcClient{conn}
}

func (c grpcClient) ask(in []byte, fields ...string) ([]byte, grpcmd.MD, grpcmd.MD, *status.Status) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return c.askIn(ctx, in, fields...)
}

func (c grpcClient) askIn(ctx context.Context, in []byte, fields ...string) ([]byte, grpcmd.MD, grpcmd.MD, *status.Status) {
	var out []byte
	var head, trailer grpcmd.MD
	err := c.conn.Invoke(grpcmd.AppendToOutgoingContext(ctx, fields...), oip.MethodModelInfer, in, &out, grpc.ForceCodecV2(raw{}), grpc.Header(&head), grpc.Trailer(&trailer))
	return out, head, trailer, status.Convert(err)
}
