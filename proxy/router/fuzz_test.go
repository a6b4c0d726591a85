package router

import (
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/millrace/millrace/proxy/cluster"
)

func FuzzCompileAndMatch(f *testing.F) {
	m := &routev3.RouteConfiguration{}
	if err := protojson.Unmarshal([]byte(`{"name": "t", "virtual_hosts": [{"name": "v", "domains": ["*.a", "b.*", "*"], "routes": [
		{"match": {"prefix": "/a"}, "route": {"weighted_clusters": {"clusters": [{"name": "a", "weight": 1}]}, "prefix_rewrite": "/"}},
		{"match": {"safe_regex": {"regex": "/x.*"}}, "redirect": {"prefix_rewrite": ""}}, {"match": {"prefix": "/"}, "redirect": {"port_redirect": 1}}]}]}`), m); err != nil {
		f.Fatal(err)
	}
	raw, err := proto.Marshal(m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, "b.a", "/a?b")
	r := cluster.NewRegistry(cluster.Options{})
	f.Cleanup(r.Close)
	f.Fuzz(func(t *testing.T, raw []byte, host, path string) {
		m := &routev3.RouteConfiguration{}
		if proto.Unmarshal(raw, m) != nil {
			return
		}
		tb, err := Compile(m, compilerOf(r))
		if err != nil {
			return
		}
		h := request(host, path)
		got := tb.Match(h, false)
		switch a := (action(got)).(type) {
		case *Redirect:
			_ = a.location(got.Route, h, false)
		case *Forward:
			if got.target == nil {
				t.Error("a route to clusters without one")
			}
			got.rewritePath(h, a.rewrite)
		}
	})
}

func action(m Match) Action {
	if m.Route == nil {
		return nil
	}
	return m.Action
}
