package router

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strconv"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/config/strict"
	"github.com/millrace/millrace/proxy/stream"
)

// Forward sends the request to a cluster.
type Forward struct {
	targets     []target
	total       uint64 // of the targets' weights
	notFound    int    // status where there is no cluster
	timeout     time.Duration
	idle        time.Duration // between pieces of the response; 0 is no bound of its own
	grpcMax     time.Duration // of grpc-timeout, where grpcSet; 0 is no bound
	grpcSet     bool
	grpcOffset  time.Duration
	maxDuration time.Duration // of the whole exchange; 0 is none
	retry       *cluster.RetryPolicy
	rewrite     string // replaces the matched path or prefix; "" is none
	forwarded   bool   // append_x_forwarded_host
	mirrors     []mirror
}

// target is a cluster that a route may choose.
type target struct {
	ref       *cluster.Ref
	header    string // names the cluster, where ref is nil
	lookup    func([]byte) *cluster.Cluster
	upTo      uint64 // running sum of weights
	ops       headerOps
	host      string // host_rewrite_literal; "" is none
	perFilter map[string]any
}

// mirror is where copies of requests go.
type mirror struct {
	ref      *cluster.Ref
	fraction Fraction
	suffix   string // of the host
}

// Direct is a fixed reply.
type Direct struct {
	Status int
	Body   string
	ops    headerOps
}

// Redirect sends the client elsewhere.
type Redirect struct {
	status     int
	https      bool
	scheme     string
	host       string
	port       uint32
	path       string // replaces the path
	prefix     string // replaces the matched prefix
	hasPrefix  bool
	stripQuery bool
}

// Local leaves the answer to another terminal than the forwarder (Envoy's non_forwarding_action): proxy/inference's.
type Local struct{}

func (*Local) isAction()    {}
func (*Forward) isAction()  {}
func (*Direct) isAction()   {}
func (*Redirect) isAction() {}

func (b *builder) forward(v *routev3.VirtualHost, r *routev3.Route, m *routev3.RouteAction) (*Forward, error) {
	if err := strict.Fields(m, "cluster", "cluster_header", "weighted_clusters", "cluster_not_found_response_code", "prefix_rewrite",
		"host_rewrite_literal", "append_x_forwarded_host", "timeout", "idle_timeout", "retry_policy", "request_mirror_policies",
		"max_grpc_timeout", "grpc_timeout_offset", "max_stream_duration", "priority"); err != nil {
		return nil, err
	}
	if m.GetPriority() != corev3.RoutingPriority_DEFAULT {
		return nil, &strict.Unsupported{Field: "priority " + m.GetPriority().String(), Why: "use DEFAULT"}
	}
	f := &Forward{notFound: 503, timeout: defaultTimeout, rewrite: m.GetPrefixRewrite(), forwarded: m.GetAppendXForwardedHost()}
	switch m.GetClusterNotFoundResponseCode() {
	case routev3.RouteAction_NOT_FOUND:
		f.notFound = 404
	case routev3.RouteAction_INTERNAL_SERVER_ERROR:
		f.notFound = 500
	}
	if err := f.times(m); err != nil {
		return nil, err
	}
	var err error
	policy := m.GetRetryPolicy()
	if policy == nil {
		policy = v.GetRetryPolicy()
	}
	if f.retry, err = cluster.NewRetryPolicy(policy); err != nil {
		return nil, strict.At("retry_policy", err)
	}
	mirrors := m.GetRequestMirrorPolicies()
	if len(mirrors) == 0 {
		mirrors = v.GetRequestMirrorPolicies()
	}
	if len(mirrors) == 0 {
		mirrors = b.table.GetRequestMirrorPolicies()
	}
	for i, mm := range mirrors {
		if err := f.mirror(b, mm); err != nil {
			return nil, strict.At(fmt.Sprintf("request_mirror_policies[%d]", i), err)
		}
	}
	return f, b.targets(f, v, r, m)
}

func (f *Forward) times(m *routev3.RouteAction) error {
	if err := strict.Duration("timeout", m.GetTimeout(), &f.timeout); err != nil {
		return err
	}
	if err := strict.Duration("idle_timeout", m.GetIdleTimeout(), &f.idle); err != nil {
		return err
	}
	f.grpcSet = m.GetMaxGrpcTimeout() != nil
	if err := strict.Duration("max_grpc_timeout", m.GetMaxGrpcTimeout(), &f.grpcMax); err != nil {
		return err
	}
	if err := strict.Duration("grpc_timeout_offset", m.GetGrpcTimeoutOffset(), &f.grpcOffset); err != nil {
		return err
	}
	d := m.GetMaxStreamDuration()
	if err := strict.At("max_stream_duration", strict.Fields(d, "max_stream_duration", "grpc_timeout_header_max", "grpc_timeout_header_offset")); err != nil {
		return err
	}
	if d.GetGrpcTimeoutHeaderMax() != nil {
		f.grpcSet, f.grpcMax = true, d.GetGrpcTimeoutHeaderMax().AsDuration()
		f.grpcOffset = d.GetGrpcTimeoutHeaderOffset().AsDuration()
	}
	return strict.Duration("max_stream_duration", d.GetMaxStreamDuration(), &f.maxDuration)
}

func (b *builder) targets(f *Forward, v *routev3.VirtualHost, r *routev3.Route, m *routev3.RouteAction) error {
	ops, err := newHeaderOps(b.levels(nil, v, r)...)
	if err != nil {
		return err
	}
	host, err := checkHost(m.GetHostRewriteLiteral())
	if err != nil {
		return err
	}
	switch c := m.GetClusterSpecifier().(type) {
	case *routev3.RouteAction_Cluster:
		if c.Cluster == "" {
			return fmt.Errorf("cluster: empty")
		}
		f.targets, f.total = []target{{ref: b.c.Ref(c.Cluster), ops: ops, host: host, upTo: 1}}, 1
		return nil
	case *routev3.RouteAction_ClusterHeader:
		if c.ClusterHeader == "" {
			return fmt.Errorf("cluster_header: empty")
		}
		f.targets, f.total = []target{{header: c.ClusterHeader, lookup: b.c.Lookup, ops: ops, host: host, upTo: 1}}, 1
		return nil
	case *routev3.RouteAction_WeightedClusters:
		return strict.At("weighted_clusters", b.weighted(f, v, r, c.WeightedClusters, host))
	}
	return fmt.Errorf("set cluster, cluster_header or weighted_clusters")
}

func (b *builder) weighted(f *Forward, v *routev3.VirtualHost, r *routev3.Route, m *routev3.WeightedCluster, host string) error {
	if err := strict.Fields(m, "clusters", "total_weight", "runtime_key_prefix"); err != nil {
		return err
	}
	for i, w := range m.GetClusters() {
		at := fmt.Sprintf("clusters[%d]", i)
		if err := strict.At(at, strict.Fields(w, "name", "weight", "request_headers_to_add", "request_headers_to_remove",
			"response_headers_to_add", "response_headers_to_remove", "typed_per_filter_config", "host_rewrite_literal")); err != nil {
			return err
		}
		if w.GetName() == "" {
			return fmt.Errorf("%s.name: empty", at)
		}
		ops, err := newHeaderOps(b.levels(w, v, r)...)
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		own, err := checkHost(w.GetHostRewriteLiteral())
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if own == "" {
			own = host
		}
		perFilter, err := b.perFilter(w.GetTypedPerFilterConfig())
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		f.total += uint64(w.GetWeight().GetValue())
		f.targets = append(f.targets, target{ref: b.c.Ref(w.GetName()), upTo: f.total, ops: ops, host: own, perFilter: perFilter})
	}
	if f.total == 0 || f.total > 1<<32-1 {
		return fmt.Errorf("clusters: the weights sum to %d; they must sum to at least 1 and less than 2^32", f.total)
	}
	if t := m.GetTotalWeight(); t != nil && uint64(t.GetValue()) != f.total {
		return fmt.Errorf("total_weight: %d, but the weights sum to %d", t.GetValue(), f.total)
	}
	return nil
}

func checkHost(h string) (string, error) {
	for _, c := range []byte(h) {
		if c <= ' ' || c >= 0x7f {
			return "", fmt.Errorf("host_rewrite_literal %q: not a host", h)
		}
	}
	return h, nil
}

func (f *Forward) mirror(b *builder, m *routev3.RouteAction_RequestMirrorPolicy) error {
	if err := strict.Fields(m, "cluster", "runtime_fraction", "disable_shadow_host_suffix_append", "trace_sampled"); err != nil {
		return err
	}
	if m.GetCluster() == "" {
		return fmt.Errorf("cluster: empty")
	}
	mr := mirror{ref: b.c.Ref(m.GetCluster()), fraction: Always, suffix: "-shadow"}
	if m.GetDisableShadowHostSuffixAppend() {
		mr.suffix = ""
	}
	if rf := m.GetRuntimeFraction(); rf != nil {
		var err error
		if mr.fraction, err = NewFraction(rf.GetDefaultValue()); err != nil {
			return fmt.Errorf("runtime_fraction: %w", err)
		}
	}
	f.mirrors = append(f.mirrors, mr)
	return nil
}

// choose picks a route's target, or nil where it has none.
func (r *Route) choose() *target {
	f, ok := r.Action.(*Forward)
	if !ok {
		return nil
	}
	if len(f.targets) == 1 {
		return &f.targets[0]
	}
	x := rand.Uint64N(f.total)
	for i := range f.targets {
		if x < f.targets[i].upTo {
			return &f.targets[i]
		}
	}
	return nil
}

// cluster returns the target's current cluster, or nil, and its name.
func (t *target) cluster(h *stream.RequestHead) (*cluster.Cluster, string) {
	if t.ref != nil {
		return t.ref.Load(), t.ref.Name()
	}
	c := t.lookup(h.Header.Get(t.header))
	if c == nil {
		return nil, ""
	}
	return c, c.Name()
}

func newDirect(m *routev3.DirectResponseAction, levels []mutation) (*Direct, error) {
	if err := strict.Fields(m, "status", "body"); err != nil {
		return nil, err
	}
	d := &Direct{Status: int(m.GetStatus())}
	if d.Status < 200 || d.Status > 599 {
		return nil, fmt.Errorf("status: %d is not from 200 to 599", d.Status)
	}
	switch s := m.GetBody().GetSpecifier().(type) {
	case *corev3.DataSource_Filename:
		p, err := os.ReadFile(s.Filename)
		if err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
		d.Body = string(p)
	case *corev3.DataSource_InlineBytes:
		d.Body = string(s.InlineBytes)
	case *corev3.DataSource_InlineString:
		d.Body = s.InlineString
	case nil:
	default:
		return nil, &strict.Unsupported{Field: "body", Why: "use filename, inline_bytes or inline_string"}
	}
	var err error
	d.ops, err = newHeaderOps(levels...)
	return d, err
}

func newRedirect(m *routev3.RedirectAction, r *routev3.Route) (*Redirect, error) {
	if err := strict.Fields(m, "https_redirect", "scheme_redirect", "host_redirect", "port_redirect", "path_redirect",
		"prefix_rewrite", "response_code", "strip_query"); err != nil {
		return nil, err
	}
	d := &Redirect{https: m.GetHttpsRedirect(), scheme: m.GetSchemeRedirect(), host: m.GetHostRedirect(), port: m.GetPortRedirect(),
		path: m.GetPathRedirect(), prefix: m.GetPrefixRewrite(), stripQuery: m.GetStripQuery()}
	_, d.hasPrefix = m.GetPathRewriteSpecifier().(*routev3.RedirectAction_PrefixRewrite)
	for _, s := range []string{d.scheme, d.host, d.path, d.prefix} {
		if _, err := url.Parse(s); err != nil {
			return nil, err
		}
	}
	if d.hasPrefix && r.GetMatch().GetSafeRegex() != nil {
		return nil, fmt.Errorf("prefix_rewrite: a route that matches by safe_regex has no prefix")
	}
	codes := map[routev3.RedirectAction_RedirectResponseCode]int{
		routev3.RedirectAction_MOVED_PERMANENTLY: 301, routev3.RedirectAction_FOUND: 302, routev3.RedirectAction_SEE_OTHER: 303,
		routev3.RedirectAction_TEMPORARY_REDIRECT: 307, routev3.RedirectAction_PERMANENT_REDIRECT: 308,
	}
	var ok bool
	if d.status, ok = codes[m.GetResponseCode()]; !ok {
		return nil, fmt.Errorf("response_code %d: unknown", m.GetResponseCode())
	}
	return d, nil
}

// httpsRoute answers for virtual hosts that ask for TLS.
var httpsRoute = &Route{Name: "require_tls", Action: &Redirect{status: 301, https: true}}

// location returns where a request is sent to.
func (d *Redirect) location(r *Route, h *stream.RequestHead, secure bool) string {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	host := string(h.Authority)
	switch {
	case d.https && scheme != "https":
		scheme, host = "https", string(withoutPort(h.Authority))
	case d.scheme != "":
		scheme = d.scheme
	}
	if d.host != "" {
		host = d.host
	}
	if d.port != 0 {
		host = string(withoutPort([]byte(host))) + ":" + strconv.Itoa(int(d.port))
	}
	p, q := h.SplitPath()
	path, query := string(p), string(q)
	switch {
	case d.path != "":
		path = d.path
	case d.hasPrefix:
		path = d.prefix + path[min(len(r.path), len(path)):]
	}
	if query != "" && !d.stripQuery {
		path += "?" + query
	}
	return scheme + "://" + host + path
}
