package rbac_test

import (
	"net"
	"strings"
	"testing"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/proxy/filter"
	"github.com/millrace/millrace/proxy/filter/filtertest"
	"github.com/millrace/millrace/proxy/filter/rbac"
	"github.com/millrace/millrace/proxy/router"
)

func encode(t *testing.T, m proto.Message, text string) *anypb.Any {
	t.Helper()
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	a, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func policy(action, permission, principal string) string {
	return `{"rules": {"action": "` + action + `", "policies": {"p": {"permissions": [` + permission + `], "principals": [` + principal + `]}}}}`
}

func allowed(t *testing.T, text string, d *filtertest.Downstream, perRoute any) bool {
	t.Helper()
	i, err := rbac.Kind{}.Compile(encode(t, &rbacv3.RBAC{}, text))
	if err != nil {
		t.Fatal(err)
	}
	x := &filter.Exchange{Down: d, Info: &router.Info{}}
	v := i.Filter.Request(x, perRoute)
	if (v == filter.Stop) != (d.Response.Status == 403) {
		t.Errorf("verdict %v with status %d", v, d.Response.Status)
	}
	return v == filter.Continue
}

func TestRulesJudgeRequests(t *testing.T) {
	const all = `{"any": true}`
	header := `{"header": {"name": "x-user", "string_match": {"exact": "ann"}}}`
	cases := []struct {
		name, permission, principal string
		want                        bool
	}{
		{"anyone, anything", all, all, true},
		{"a header", header, all, true},
		{"not a header", `{"not_rule": ` + header + `}`, all, false},
		{"all of", `{"and_rules": {"rules": [` + header + `, {"destination_port": 81}]}}`, all, false},
		{"one of", `{"or_rules": {"rules": [` + header + `, {"destination_port": 81}]}}`, all, true},
		{"a port", `{"destination_port": 8080}`, all, true},
		{"a port range is open at its end", `{"destination_port_range": {"start": 8000, "end": 8080}}`, all, false},
		{"the path without its query", `{"url_path": {"path": {"exact": "/v2/a"}}}`, all, true},
		{"another path", `{"url_path": {"path": {"prefix": "/v1"}}}`, all, false},
		{"the peer's network", all, `{"direct_remote_ip": {"address_prefix": "192.0.2.0", "prefix_len": 24}}`, true},
		{"another network", all, `{"source_ip": {"address_prefix": "10.0.0.0", "prefix_len": 8}}`, false},
		{"a principal by header", all, header, true},
		{"not a principal", all, `{"not_id": ` + header + `}`, false},
		{"a certificate where there is no TLS", all, `{"authenticated": {}}`, false},
		{"a server name where there is no TLS", `{"requested_server_name": {"exact": "a"}}`, all, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			request := func() *filtertest.Downstream { return filtertest.New("GET", "/v2/a?b", "x-user", "ann") }
			if got := allowed(t, policy("ALLOW", c.permission, c.principal), request(), nil); got != c.want {
				t.Errorf("ALLOW: got %v", got)
			}
			if got := allowed(t, policy("DENY", c.permission, c.principal), request(), nil); got == c.want {
				t.Errorf("DENY: got %v", got)
			}
		})
	}
}

func TestAFilterWithoutPoliciesAllowsNobody(t *testing.T) {
	if allowed(t, `{"rules": {}}`, filtertest.New("GET", "/"), nil) {
		t.Error("ALLOW without policies let a request pass")
	}
	if !allowed(t, `{}`, filtertest.New("GET", "/"), nil) {
		t.Error("a filter without rules refused a request")
	}
}

func TestARouteHasItsOwnRules(t *testing.T) {
	deny := policy("DENY", `{"any": true}`, `{"any": true}`)
	own, err := rbac.Kind{}.PerRoute(encode(t, &rbacv3.RBACPerRoute{}, `{"rbac": `+policy("ALLOW", `{"any": true}`, `{"any": true}`)+`}`))
	if err != nil {
		t.Fatal(err)
	}
	if !allowed(t, deny, filtertest.New("GET", "/"), own) {
		t.Error("the filter's own rules were used")
	}
	if off, err := (rbac.Kind{}).PerRoute(encode(t, &rbacv3.RBACPerRoute{}, `{}`)); err != nil || off != (filter.Disabled{}) {
		t.Errorf("got %v, %v", off, err)
	}
}

func TestARuleThatCannotBeJudgedIsRefused(t *testing.T) {
	const all = `{"any": true}`
	cases := []struct{ config, want string }{
		{policy("ALLOW", `{"metadata": {"filter": "f", "path": [{"key": "k"}], "value": {"present_match": true}}}`, all), "metadata"},
		{policy("ALLOW", all, `{"remote_ip": {"address_prefix": "10.0.0.0"}}`), "remote_ip"},
		{policy("ALLOW", all, `{"filter_state": {"key": "k", "string_match": {"exact": "x"}}}`), "filter_state"},
		{policy("ALLOW", `{"not_rule": {"metadata": {"filter": "f", "path": [{"key": "k"}], "value": {"present_match": true}}}}`, all), "not_rule"},
		{policy("ALLOW", `{}`, all), "an empty rule"},
		{policy("LOG", all, all), "rules.action LOG"},
		{`{"rules": {"policies": {"p": {"permissions": [{"any": true}]}}}}`, "principals"},
		{`{"rules": {"policies": {"p": {"permissions": [{"any": true}], "principals": [{"any": true}], "condition": {"id": "1"}}}}}`, "condition"},
		{`{"shadow_rules": {}}`, "shadow_rules"},
	}
	for _, c := range cases {
		if _, err := (rbac.Kind{}).Compile(encode(t, &rbacv3.RBAC{}, c.config)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", c.config, err)
		}
	}
}

func TestAPeerWithoutAnAddressIsInNoNetwork(t *testing.T) {
	d := filtertest.New("GET", "/")
	d.Info.Remote = &net.UnixAddr{Name: "s"}
	if allowed(t, policy("ALLOW", `{"any": true}`, `{"source_ip": {"address_prefix": "0.0.0.0", "prefix_len": 0}}`), d, nil) {
		t.Error("a Unix socket's peer is in 0.0.0.0/0")
	}
}
