package router

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/config/strict"
	"github.com/millrace/millrace/proxy/stream"
)

// Compiler is what compiling a table needs from outside.
type Compiler struct {
	// Ref resolves a cluster's name; the cluster need not exist yet.
	Ref func(name string) *cluster.Ref
	// Lookup finds a cluster by a name that a request brings, for cluster_header.
	Lookup func(name []byte) *cluster.Cluster
	// PerFilter compiles one entry of typed_per_filter_config; the result is kept for [Match.PerFilter].
	PerFilter func(filter string, config *anypb.Any) (any, error)
}

// Table is a compiled RouteConfiguration. It is immutable and safe for concurrent use.
type Table struct {
	name       string
	clusters   []string // named by routes, sorted
	exact      map[string]*virtualHost
	suffixes   []domain // "*.example.com", longest first
	prefixes   []domain // "example.*", longest first
	any        *virtualHost
	ignorePort bool
}

type domain struct {
	text string
	host *virtualHost
}

type virtualHost struct {
	name     string
	routes   []*Route
	needsTLS bool // answered by a redirect to https
}

// Name returns the configuration's name.
func (t *Table) Name() string { return t.name }

// Clusters returns the names of the clusters that routes name, sorted.
func (t *Table) Clusters() []string { return t.clusters }

// Compile decodes and checks a RouteConfiguration. What it sets and the proxy does not do is an error that names it.
func Compile(m *routev3.RouteConfiguration, c Compiler) (*Table, error) {
	t, err := compile(m, &c)
	if err != nil {
		return nil, fmt.Errorf("route_configuration %s: %w", m.GetName(), err)
	}
	return t, nil
}

func compile(m *routev3.RouteConfiguration, c *Compiler) (*Table, error) {
	if err := strict.Fields(m, "name", "virtual_hosts", "request_headers_to_add", "request_headers_to_remove",
		"response_headers_to_add", "response_headers_to_remove", "most_specific_header_mutations_wins", "validate_clusters",
		"ignore_port_in_host_matching", "typed_per_filter_config", "request_mirror_policies", "metadata",
		"max_direct_response_body_size_bytes"); err != nil {
		return nil, err
	}
	t := &Table{name: m.GetName(), exact: map[string]*virtualHost{}, ignorePort: m.GetIgnorePortInHostMatching()}
	used := map[string]bool{}
	ref := c.Ref
	b := &builder{table: m, c: &Compiler{Lookup: c.Lookup, PerFilter: c.PerFilter, Ref: func(name string) *cluster.Ref {
		used[name] = true
		return ref(name)
	}}}
	for i, vm := range m.GetVirtualHosts() {
		v, err := b.virtualHost(vm)
		if err != nil {
			return nil, strict.At(fmt.Sprintf("virtual_hosts[%d] %s", i, vm.GetName()), err)
		}
		if err := t.add(v, vm.GetDomains()); err != nil {
			return nil, fmt.Errorf("virtual_hosts[%d] %s: %w", i, vm.GetName(), err)
		}
	}
	longest := func(a, b domain) int { return cmp.Compare(len(b.text), len(a.text)) }
	slices.SortStableFunc(t.suffixes, longest)
	slices.SortStableFunc(t.prefixes, longest)
	for name := range used {
		t.clusters = append(t.clusters, name)
	}
	slices.Sort(t.clusters)
	return t, nil
}

func (t *Table) add(v *virtualHost, domains []string) error {
	if len(domains) == 0 {
		return fmt.Errorf("domains: empty")
	}
	for _, d := range domains {
		text := strings.ToLower(d)
		var taken bool
		switch {
		case text == "":
			return fmt.Errorf("domains: an empty domain")
		case text == "*":
			taken = t.any != nil
			t.any = v
		case strings.HasPrefix(text, "*"):
			taken = has(t.suffixes, text[1:])
			t.suffixes = append(t.suffixes, domain{text[1:], v})
		case strings.HasSuffix(text, "*"):
			taken = has(t.prefixes, text[:len(text)-1])
			t.prefixes = append(t.prefixes, domain{text[:len(text)-1], v})
		default:
			taken = t.exact[text] != nil
			t.exact[text] = v
		}
		if taken {
			return fmt.Errorf("domains: %q belongs to another virtual host too", d)
		}
	}
	return nil
}

func has(ds []domain, text string) bool {
	return slices.ContainsFunc(ds, func(d domain) bool { return d.text == text })
}

// Match is a request's route, fixed for its life.
type Match struct {
	*Route
	target *target
}

// PerFilter returns what typed_per_filter_config of the most specific level says for a filter, or nil.
func (m *Match) PerFilter(filter string) any {
	if m.Route == nil {
		return nil
	}
	if m.target != nil {
		if c, ok := m.target.perFilter[filter]; ok {
			return c
		}
	}
	return m.perFilter[filter]
}

// Targets tells whether the request goes to a cluster of that name by its route.
func (m *Match) Targets(name string) bool {
	return m.target != nil && m.target.ref != nil && m.target.ref.Name() == name
}

// Match finds the first route that a request matches; without one the Match has no Route (NR). secure tells that the
// client's connection is TLS.
func (t *Table) Match(r *stream.RequestHead, secure bool) Match {
	v := t.host(r.Authority)
	if v == nil {
		return Match{}
	}
	if v.needsTLS && !secure {
		return Match{Route: httpsRoute}
	}
	path, query := r.SplitPath()
	for _, rt := range v.routes {
		if rt.matches(r, path, query) {
			return Match{rt, rt.choose()}
		}
	}
	return Match{}
}

func (t *Table) host(authority []byte) *virtualHost {
	if len(t.exact) == 0 && len(t.suffixes) == 0 && len(t.prefixes) == 0 {
		return t.any
	}
	var buf [256]byte
	name := appendLower(buf[:0], authority)
	if t.ignorePort {
		name = withoutPort(name)
	}
	if v := t.exact[string(name)]; v != nil {
		return v
	}
	for i := range t.suffixes {
		if s := t.suffixes[i].text; len(name) > len(s) && string(name[len(name)-len(s):]) == s {
			return t.suffixes[i].host
		}
	}
	for i := range t.prefixes {
		if p := t.prefixes[i].text; len(name) > len(p) && string(name[:len(p)]) == p {
			return t.prefixes[i].host
		}
	}
	return t.any
}

func appendLower(dst, s []byte) []byte {
	for _, c := range s {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

func withoutPort(name []byte) []byte {
	for i := len(name) - 1; i >= 0; i-- {
		switch c := name[i]; {
		case c == ':':
			return name[:i]
		case c < '0' || c > '9':
			return name
		}
	}
	return name
}
