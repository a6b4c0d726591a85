package router

import (
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/stream"
)

// config reads a RouteConfiguration from JSON.
func config(t testing.TB, text string) *routev3.RouteConfiguration {
	t.Helper()
	m := &routev3.RouteConfiguration{}
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	return m
}

func compilerOf(r *cluster.Registry) Compiler {
	return Compiler{Ref: r.Ref, Lookup: r.Lookup, PerFilter: func(_ string, a *anypb.Any) (any, error) { return a, nil }}
}

func table(t testing.TB, r *cluster.Registry, text string) *Table {
	t.Helper()
	tb, err := Compile(config(t, text), compilerOf(r))
	if err != nil {
		t.Fatal(err)
	}
	return tb
}

func request(authority, path string, header ...string) *stream.RequestHead {
	h := &stream.RequestHead{Method: []byte("GET"), Authority: []byte(authority), Path: []byte(path)}
	for i := 0; i < len(header); i += 2 {
		h.Header.Add(header[i], header[i+1])
	}
	return h
}

func TestTheFirstRouteOfTheBestDomainMatches(t *testing.T) {
	r := cluster.NewRegistry(cluster.Options{})
	defer r.Close()
	reply := `"direct_response": {"status": 200}`
	tb := table(t, r, `{"name": "t", "virtual_hosts": [
		{"name": "exact", "domains": ["models.example.com", "MODELS:8080"], "routes": [
			{"name": "grpc", "match": {"prefix": "/", "grpc": {}}, `+reply+`},
			{"name": "header", "match": {"prefix": "/", "headers": [{"name": "x-a", "string_match": {"exact": "1"}}]}, `+reply+`},
			{"name": "query", "match": {"prefix": "/", "query_parameters": [{"name": "q", "string_match": {"exact": "1"}}]}, `+reply+`},
			{"name": "path", "match": {"path": "/exact"}, `+reply+`},
			{"name": "fold", "match": {"path": "/FOLD", "case_sensitive": false}, `+reply+`},
			{"name": "separated", "match": {"path_separated_prefix": "/sep"}, `+reply+`},
			{"name": "regex", "match": {"safe_regex": {"regex": "/r[0-9]+"}}, `+reply+`},
			{"name": "never", "match": {"prefix": "/", "runtime_fraction": {"default_value": {"numerator": 0}}}, `+reply+`},
			{"name": "prefix", "match": {"prefix": "/p"}, `+reply+`}]},
		{"name": "long", "domains": ["*.a.example.com"], "routes": [{"name": "long", "match": {"prefix": "/"}, `+reply+`}]},
		{"name": "suffix", "domains": ["*.example.com"], "routes": [{"name": "suffix", "match": {"prefix": "/"}, `+reply+`}]},
		{"name": "prefixed", "domains": ["models.*"], "routes": [{"name": "prefixed", "match": {"prefix": "/"}, `+reply+`}]},
		{"name": "all", "domains": ["*"], "routes": [{"name": "all", "match": {"prefix": "/x"}, `+reply+`}]}]}`)
	const host = "models.example.com"
	cases := []struct {
		name, want string
		r          *stream.RequestHead
	}{
		{"gRPC by content type", "grpc", request(host, "/p", "content-type", "application/grpc+proto")},
		{"what only starts like gRPC", "prefix", request(host, "/p", "content-type", "application/grpcish")},
		{"a header", "header", request(host, "/p", "X-A", "1")},
		{"a query parameter", "query", request(host, "/p?a=b&q=1")},
		{"a whole path, its query apart", "path", request(host, "/exact?x")},
		{"a longer path is none", "", request(host, "/exact/x")},
		{"a path in another case", "fold", request(host, "/foLd")},
		{"a prefix up to a slash", "separated", request(host, "/sep/x")},
		{"the prefix itself", "separated", request(host, "/sep")},
		{"but not within a word", "", request(host, "/separate")},
		{"an expression", "regex", request(host, "/r12?q")},
		{"an expression matches whole paths", "", request(host, "/r12/x")},
		{"a prefix", "prefix", request(host, "/pq")},
		{"a host in upper case", "prefix", request("Models.Example.COM", "/p")},
		{"a host with its port", "prefix", request("models:8080", "/p")},
		{"the longest suffix", "long", request("b.a.example.com", "/")},
		{"a suffix needs something before it", "all", request(".example.com", "/x")},
		{"a suffix", "suffix", request("b.example.com", "/")},
		{"a prefix of hosts", "prefixed", request("models.org", "/")},
		{"any host", "all", request("other", "/x")},
		{"no route", "", request("other", "/y")},
		{"no host", "all", request("", "/x")},
	}
	for _, c := range cases {
		m := tb.Match(c.r, false)
		got := ""
		if m.Route != nil {
			got = m.Route.Name
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestWhatARouteCannotDoIsRefusedByName(t *testing.T) {
	r := cluster.NewRegistry(cluster.Options{})
	defer r.Close()
	route := func(s string) string {
		return `{"name": "t", "virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [` + s + `]}]}`
	}
	action := func(s string) string { return route(`{"match": {"prefix": "/"}, "route": {` + s + `}}`) }
	cases := []struct{ name, config, want string }{
		{"hash policies", action(`"cluster": "c", "hash_policy": [{"header": {"header_name": "x"}}]`), "virtual_hosts[0] v.routes[0].route.hash_policy: not supported"},
		{"hedging", action(`"cluster": "c", "hedge_policy": {}`), "hedge_policy"},
		{"rate limits", action(`"cluster": "c", "rate_limits": [{"actions": [{"generic_key": {"descriptor_value": "x"}}]}]`), "rate_limits"},
		{"regex rewrites", action(`"cluster": "c", "regex_rewrite": {"pattern": {"regex": "a"}, "substitution": "b"}`), "regex_rewrite"},
		{"upgrades", action(`"cluster": "c", "upgrade_configs": [{"upgrade_type": "websocket"}]`), "upgrade_configs"},
		{"weights of zero", action(`"weighted_clusters": {"clusters": [{"name": "a", "weight": 0}]}`), "the weights sum to 0"},
		{"no cluster", action(``), "set cluster"},
		{"an unknown retry condition", action(`"cluster": "c", "retry_policy": {"retry_on": "bad-luck"}`), "retry_policy.retry_on bad-luck"},
		{"command operators", route(`{"match": {"prefix": "/"}, "route": {"cluster": "c"}, "request_headers_to_add": [{"header": {"key": "x", "value": "%REQ(y)%"}}]}`), "command operator"},
		{"line breaks in headers", route(`{"match": {"prefix": "/"}, "route": {"cluster": "c"}, "response_headers_to_add": [{"header": {"key": "x", "value": "a\r\nb: c"}}]}`), "line break"},
		{"the host as a header", route(`{"match": {"prefix": "/"}, "route": {"cluster": "c"}, "request_headers_to_add": [{"header": {"key": "Host", "value": "x"}}]}`), "header Host"},
		{"no action", route(`{"match": {"prefix": "/"}}`), "action"},
		{"no path", route(`{"match": {}, "route": {"cluster": "c"}}`), "match: set prefix"},
		{"a bad expression", route(`{"match": {"safe_regex": {"regex": "("}}, "route": {"cluster": "c"}}`), "safe_regex"},
		{"one domain twice", `{"virtual_hosts": [{"name": "a", "domains": ["*"]}, {"name": "b", "domains": ["*"]}]}`, `"*" belongs to another`},
		{"a matcher tree", `{"virtual_hosts": [{"name": "a", "domains": ["*"], "matcher": {}}]}`, "matcher"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Compile(config(t, c.config), compilerOf(r))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestPathsAreRewritten(t *testing.T) {
	for _, c := range []struct{ path, matched, to, want string }{
		{"/a/b?c", "/a", "/x", "/x/b?c"},
		{"/a/b?c", "/a", "/longer", "/longer/b?c"},
		{"/abc/b", "/abc/", "/", "/b"},
		{"/a", "/a", "/very/long/path", "/very/long/path"},
		{"/a?", "/a", "/", "/?"},
	} {
		h := request("h", c.path)
		(&Route{path: c.matched}).rewritePath(h, c.to)
		if string(h.Path) != c.want || string(h.Header.Get("x-envoy-original-path")) != c.path {
			t.Errorf("%s with %s for %s: got %s", c.path, c.to, c.matched, h.Path)
		}
	}
}

func TestRedirectsKeepWhatTheyDoNotName(t *testing.T) {
	r := cluster.NewRegistry(cluster.Options{})
	defer r.Close()
	for _, c := range []struct{ redirect, want string }{
		{`"https_redirect": true`, "https://h/a/b?c"},
		{`"host_redirect": "other", "port_redirect": 81`, "http://other:81/a/b?c"},
		{`"path_redirect": "/x", "strip_query": true`, "http://h:80/x"},
		{`"prefix_rewrite": "/y"`, "http://h:80/y/b?c"},
	} {
		tb := table(t, r, `{"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [{"match": {"prefix": "/a"}, "redirect": {`+c.redirect+`}}]}]}`)
		h := request("h:80", "/a/b?c")
		m := tb.Match(h, false)
		if got := m.Action.(*Redirect).location(m.Route, h, false); got != c.want {
			t.Errorf("%s: got %s, want %s", c.redirect, got, c.want)
		}
	}
}

func TestHeaderChangesApplyFromSpecificToWide(t *testing.T) {
	add := func(k, v string, a corev3.HeaderValueOption_HeaderAppendAction) *corev3.HeaderValueOption {
		return &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: k, Value: v}, AppendAction: a}
	}
	ops, err := newHeaderOps(
		&routev3.Route{RequestHeadersToAdd: []*corev3.HeaderValueOption{add("x", "route", corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD), add("y", "100%%", corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD)}},
		&routev3.VirtualHost{RequestHeadersToRemove: []string{"z"}, RequestHeadersToAdd: []*corev3.HeaderValueOption{add("x", "host", corev3.HeaderValueOption_ADD_IF_ABSENT), add("q", "new", corev3.HeaderValueOption_OVERWRITE_IF_EXISTS)}})
	if err != nil {
		t.Fatal(err)
	}
	h := request("h", "/", "X", "client", "y", "1", "Z", "gone")
	apply(ops.request, &h.Header)
	var got []string
	for n, v := range h.Header.All() {
		got = append(got, string(n)+"="+string(v))
	}
	if s := strings.Join(got, " "); s != "y=1 x=route y=100%" {
		t.Errorf("got %s", s)
	}
}

func TestTimeoutsAreReadAsTheirProtocolsSay(t *testing.T) {
	for text, want := range map[string]string{"1S": "1s", "20m": "20ms", "5u": "5µs", "99999999H": "2562047h47m16.854775807s", "": "", "S": "", "1": "", "123456789S": "", "-1S": "", "1s": ""} {
		d, ok := grpcTimeout([]byte(text))
		if ok != (want != "") || ok && d.String() != want {
			t.Errorf("%q: got %v, %v", text, d, ok)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	r := cluster.NewRegistry(cluster.Options{})
	defer r.Close()
	tb := table(b, r, `{"virtual_hosts": [{"name": "v", "domains": ["models.example.com"], "routes": [
		{"match": {"prefix": "/v1"}, "route": {"cluster": "a"}}, {"match": {"prefix": "/v2", "headers": [{"name": "x", "present_match": true}]}, "route": {"cluster": "b"}},
		{"match": {"prefix": "/"}, "route": {"cluster": "c"}}]}]}`)
	h := request("models.example.com", "/v2/models/a/infer", "content-type", "application/json", "accept", "*/*")
	b.ReportAllocs()
	for b.Loop() {
		if tb.Match(h, false).Route == nil {
			b.Fatal("no route")
		}
	}
}

func FuzzGRPCTimeout(f *testing.F) {
	f.Add([]byte("1S"))
	f.Fuzz(func(t *testing.T, p []byte) {
		if d, ok := grpcTimeout(p); ok && d < 0 {
			t.Errorf("%q is negative", p)
		}
	})
}

func TestBoundsComeFromRouteAndRequest(t *testing.T) {
	start := time.Now()
	route, none := &Forward{timeout: 10 * time.Second}, &Forward{}
	grpc := []string{"content-type", "application/grpc", "grpc-timeout", "3S"}
	cases := []struct {
		name   string
		f      *Forward
		header []string
		want   time.Duration // 0 is none
	}{
		{"the route's", route, nil, 10 * time.Second},
		{"none", none, nil, 0},
		{"the header's instead of the route's", route, []string{"x-envoy-upstream-rq-timeout-ms", "20000"}, 20 * time.Second},
		{"gRPC's where it is shorter", route, grpc, 3 * time.Second},
		{"gRPC's where there is no other", none, grpc, 3 * time.Second},
		{"not that of a request that is not gRPC's", none, grpc[2:], 0},
		{"gRPC's up to the route's maximum", &Forward{timeout: time.Second, grpcSet: true, grpcMax: 2 * time.Second}, grpc, 2 * time.Second},
		{"gRPC's less the offset", &Forward{grpcOffset: time.Second}, grpc, 2 * time.Second},
		{"the whole exchange's", &Forward{maxDuration: time.Second}, nil, time.Second},
	}
	for _, c := range cases {
		b := c.f.limits(request("h", "/", c.header...), start)
		got := b.deadline()
		if got.IsZero() != (c.want == 0) || !got.IsZero() && (got.Sub(start) < c.want || got.Sub(start) > c.want+time.Second) {
			t.Errorf("%s: got %v", c.name, got.Sub(start))
		}
	}
}
