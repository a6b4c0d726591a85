package router

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/proxy/config/strict"
	"github.com/millrace/millrace/proxy/router/match"
	"github.com/millrace/millrace/proxy/stream"
)

// pathKind is how a route matches paths.
type pathKind uint8

const (
	byPrefix pathKind = iota
	byPath
	byRegex
	bySeparatedPrefix
)

// Route is one compiled route. It is immutable.
type Route struct {
	Name   string
	Action Action

	kind     pathKind
	path     string
	fold     bool
	regex    match.String
	headers  []match.Header
	queries  []match.Query
	grpcOnly bool
	fraction Fraction

	perFilter map[string]any
	bufferMax int64 // bytes kept for retries and mirrors; 0 is the default
}

// Action is what a route does: [*Forward], [*Direct], [*Redirect] or [*Local].
type Action interface{ isAction() }

// builder compiles one table.
type builder struct {
	table *routev3.RouteConfiguration
	c     *Compiler
}

func (b *builder) virtualHost(m *routev3.VirtualHost) (*virtualHost, error) {
	if err := strict.Fields(m, "name", "domains", "routes", "request_headers_to_add", "request_headers_to_remove",
		"response_headers_to_add", "response_headers_to_remove", "typed_per_filter_config", "retry_policy",
		"request_mirror_policies", "require_tls", "metadata", "per_request_buffer_limit_bytes", "request_body_buffer_limit",
		"virtual_clusters"); err != nil {
		return nil, err
	}
	v := &virtualHost{name: m.GetName()}
	switch m.GetRequireTls() {
	case routev3.VirtualHost_NONE:
	case routev3.VirtualHost_ALL:
		v.needsTLS = true
	default:
		return nil, &strict.Unsupported{Field: "require_tls " + m.GetRequireTls().String(), Why: "use NONE or ALL"}
	}
	for i, rm := range m.GetRoutes() {
		r, err := b.route(m, rm)
		if err != nil {
			return nil, strict.At(strings.TrimSuffix(fmt.Sprintf("routes[%d] %s", i, rm.GetName()), " "), err)
		}
		v.routes = append(v.routes, r)
	}
	return v, nil
}

func (b *builder) route(v *routev3.VirtualHost, m *routev3.Route) (*Route, error) {
	if err := strict.Fields(m, "name", "match", "route", "redirect", "direct_response", "non_forwarding_action", "metadata", "decorator",
		"typed_per_filter_config", "request_headers_to_add", "request_headers_to_remove", "response_headers_to_add",
		"response_headers_to_remove", "per_request_buffer_limit_bytes", "request_body_buffer_limit", "stat_prefix", "tracing"); err != nil {
		return nil, err
	}
	r := &Route{Name: m.GetName()}
	for _, n := range []int64{
		int64(v.GetPerRequestBufferLimitBytes().GetValue()), int64(min(v.GetRequestBodyBufferLimit().GetValue(), 1<<40)),
		int64(m.GetPerRequestBufferLimitBytes().GetValue()), int64(min(m.GetRequestBodyBufferLimit().GetValue(), 1<<40)),
	} {
		if n > 0 {
			r.bufferMax = n
		}
	}
	if err := r.conditions(m.GetMatch()); err != nil {
		return nil, strict.At("match", err)
	}
	var err error
	if r.perFilter, err = b.perFilter(b.table.GetTypedPerFilterConfig(), v.GetTypedPerFilterConfig(), m.GetTypedPerFilterConfig()); err != nil {
		return nil, err
	}
	switch a := m.GetAction().(type) {
	case *routev3.Route_Route:
		r.Action, err = b.forward(v, m, a.Route)
		err = strict.At("route", err)
	case *routev3.Route_Redirect:
		r.Action, err = newRedirect(a.Redirect, m)
		err = strict.At("redirect", err)
	case *routev3.Route_DirectResponse:
		r.Action, err = newDirect(a.DirectResponse, b.levels(nil, v, m))
		err = strict.At("direct_response", err)
	case *routev3.Route_NonForwardingAction:
		r.Action = &Local{}
	default:
		err = fmt.Errorf("action: set route, redirect, direct_response or non_forwarding_action")
	}
	return r, err
}

// levels orders the header changes: the most specific first, so that wider ones come last and win, or the reverse where
// the configuration says so (Envoy's most_specific_header_mutations_wins).
func (b *builder) levels(cluster mutation, v *routev3.VirtualHost, r *routev3.Route) []mutation {
	ls := []mutation{r, v, b.table}
	if cluster != nil {
		ls = append([]mutation{cluster}, ls...)
	}
	if b.table.GetMostSpecificHeaderMutationsWins() {
		for i, j := 0, len(ls)-1; i < j; i, j = i+1, j-1 {
			ls[i], ls[j] = ls[j], ls[i]
		}
	}
	return ls
}

// perFilter compiles and joins levels, wide to specific.
func (b *builder) perFilter(levels ...map[string]*anypb.Any) (map[string]any, error) {
	var out map[string]any
	for _, l := range levels {
		for name, a := range l {
			c, err := b.c.PerFilter(name, a)
			if err != nil {
				return nil, fmt.Errorf("typed_per_filter_config[%s]: %w", name, err)
			}
			if out == nil {
				out = map[string]any{}
			}
			out[name] = c
		}
	}
	return out, nil
}

func (r *Route) conditions(m *routev3.RouteMatch) error {
	if err := strict.Fields(m, "prefix", "path", "safe_regex", "path_separated_prefix", "case_sensitive", "runtime_fraction",
		"headers", "query_parameters", "grpc"); err != nil {
		return err
	}
	r.fold = m.GetCaseSensitive() != nil && !m.GetCaseSensitive().GetValue()
	var err error
	switch p := m.GetPathSpecifier().(type) {
	case *routev3.RouteMatch_Prefix:
		r.kind, r.path = byPrefix, p.Prefix
	case *routev3.RouteMatch_Path:
		r.kind, r.path = byPath, p.Path
	case *routev3.RouteMatch_PathSeparatedPrefix:
		r.kind, r.path = bySeparatedPrefix, p.PathSeparatedPrefix
		if strings.HasSuffix(r.path, "/") || !strings.HasPrefix(r.path, "/") {
			return fmt.Errorf("path_separated_prefix %q: must start with / and not end with it", r.path)
		}
	case *routev3.RouteMatch_SafeRegex:
		r.kind = byRegex
		r.regex, err = match.NewRegex(p.SafeRegex)
	default:
		return fmt.Errorf("set prefix, path, safe_regex or path_separated_prefix")
	}
	if err != nil {
		return err
	}
	if r.headers, err = match.NewHeaders(m.GetHeaders()); err != nil {
		return err
	}
	if r.queries, err = match.NewQueries(m.GetQueryParameters()); err != nil {
		return err
	}
	r.grpcOnly = m.GetGrpc() != nil
	r.fraction = Always
	if f := m.GetRuntimeFraction(); f != nil {
		if r.fraction, err = NewFraction(f.GetDefaultValue()); err != nil {
			return fmt.Errorf("runtime_fraction: %w", err)
		}
	}
	return nil
}

func (r *Route) matches(h *stream.RequestHead, path, query []byte) bool {
	switch r.kind {
	case byPrefix:
		if !r.hasPrefix(path) {
			return false
		}
	case byPath:
		if len(path) != len(r.path) || !r.hasPrefix(path) {
			return false
		}
	case bySeparatedPrefix:
		if !r.hasPrefix(path) || len(path) > len(r.path) && path[len(r.path)] != '/' {
			return false
		}
	case byRegex:
		if !r.regex.Match(path) {
			return false
		}
	}
	return (!r.grpcOnly || IsGRPC(h)) && match.All(r.headers, h) && match.AllQueries(r.queries, query) && r.fraction.Hit()
}

func (r *Route) hasPrefix(path []byte) bool {
	if len(path) < len(r.path) {
		return false
	}
	if r.fold {
		return stream.EqualFold(path[:len(r.path)], r.path)
	}
	return string(path[:len(r.path)]) == r.path
}

// IsGRPC tells whether a request is gRPC's.
func IsGRPC(h *stream.RequestHead) bool {
	ct := h.Header.Get("content-type")
	return bytes.HasPrefix(ct, []byte("application/grpc")) && (len(ct) == 16 || ct[16] == '+' || ct[16] == ';')
}

// Fraction is a share of requests. The zero Fraction is none.
type Fraction struct{ numerator, denominator uint32 }

// Always is all of the requests.
var Always = Fraction{1, 1}

// NewFraction compiles a FractionalPercent.
func NewFraction(m *typev3.FractionalPercent) (Fraction, error) {
	f := Fraction{numerator: m.GetNumerator()}
	switch m.GetDenominator() {
	case typev3.FractionalPercent_HUNDRED:
		f.denominator = 100
	case typev3.FractionalPercent_TEN_THOUSAND:
		f.denominator = 10_000
	case typev3.FractionalPercent_MILLION:
		f.denominator = 1_000_000
	default:
		return f, fmt.Errorf("denominator %d: unknown", m.GetDenominator())
	}
	return f, nil
}

// Hit decides for one request.
func (f Fraction) Hit() bool {
	return f.numerator >= f.denominator && f.denominator > 0 || f.numerator > 0 && rand.Uint32N(f.denominator) < f.numerator
}

const defaultTimeout = 15 * time.Second
