package config

import (
	"fmt"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/proxy/config/strict"
	"github.com/millrace/millrace/proxy/filter"
	"github.com/millrace/millrace/proxy/router"
)

const routerType = "envoy.extensions.filters.http.router.v3.Router"

// Codec says which HTTP versions a listener speaks.
type Codec uint8

// The codecs.
const (
	Auto Codec = iota // told apart by the connection's first bytes
	HTTP1
	HTTP2
)

// HTTPOptions are a connection manager's bounds; 0 is none, or the codec's default where one is named there.
type HTTPOptions struct {
	Codec          Codec
	MaxHeaderBytes int
	MaxStreams     int           // of one HTTP/2 connection at once
	IdleTimeout    time.Duration // between requests
	StreamIdle     time.Duration // without a byte in either direction
	HeaderTimeout  time.Duration // of a request's head
}

// manager is a decoded connection manager.
type manager struct {
	stat   string // stat_prefix
	http   HTTPOptions
	config filter.Config
	rds    string // name of the route configuration; "" where it is inline
	wait   time.Duration
	inline *routev3.RouteConfiguration
	table  *router.Table // of inline
}

func (c *Config) newManager(f *listenerv3.Filter) (*manager, error) {
	if n := strict.TypeName(f.GetTypedConfig()); n != "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager" {
		return nil, &strict.Unsupported{Field: "network filter " + f.GetName() + " of type " + n, Why: "use an HttpConnectionManager"}
	}
	var m hcmv3.HttpConnectionManager
	if err := strict.Any(f.GetTypedConfig(), &m); err != nil {
		return nil, err
	}
	if err := strict.Fields(&m, "codec_type", "stat_prefix", "rds", "route_config", "http_filters", "use_remote_address",
		"skip_xff_append", "generate_request_id", "preserve_external_request_id", "stream_idle_timeout",
		"request_timeout", "request_headers_timeout", "max_request_headers_kb", "access_log",
		"common_http_protocol_options", "http_protocol_options", "http2_protocol_options", "drain_timeout",
		"delayed_close_timeout", "stream_error_on_invalid_http_message", "server_header_transformation"); err != nil {
		return nil, err
	}
	h := &manager{stat: m.GetStatPrefix(), http: HTTPOptions{MaxHeaderBytes: 60 << 10, IdleTimeout: time.Hour, StreamIdle: 5 * time.Minute}}
	h.config = filter.Config{UseRemoteAddress: m.GetUseRemoteAddress().GetValue(), SkipXFFAppend: m.GetSkipXffAppend(),
		NoRequestID:       m.GetGenerateRequestId() != nil && !m.GetGenerateRequestId().GetValue(),
		PreserveRequestID: m.GetPreserveExternalRequestId(), OnPanic: c.onPanic}
	if err := h.bounds(&m); err != nil {
		return nil, err
	}
	if err := c.chain(h, m.GetHttpFilters()); err != nil {
		return nil, err
	}
	if logs := m.GetAccessLog(); len(logs) > 0 {
		if c.o.AccessLog == nil {
			return nil, &strict.Unsupported{Field: "access_log"}
		}
		log, err := c.o.AccessLog(logs)
		if err != nil {
			return nil, err // it names its place
		}
		h.config.Log = log
	}
	return h, c.routeSource(h, &m)
}

func (c *Config) onPanic(value any, stack []byte) {
	c.o.Log.Error("internal error while serving a request", "panic", value, "stack", string(stack))
}

func (c *Config) routeSource(h *manager, m *hcmv3.HttpConnectionManager) error {
	switch s := m.GetRouteSpecifier().(type) {
	case *hcmv3.HttpConnectionManager_RouteConfig:
		h.inline = s.RouteConfig
		var err error
		h.table, err = c.compile(s.RouteConfig)
		return strict.At("route_config", err)
	case *hcmv3.HttpConnectionManager_Rds:
		src := s.Rds.GetConfigSource()
		switch src.GetConfigSourceSpecifier().(type) {
		case *corev3.ConfigSource_Ads, *corev3.ConfigSource_Self:
		default:
			return &strict.Unsupported{Field: "rds.config_source", Why: "set ads or self"}
		}
		if h.rds = s.Rds.GetRouteConfigName(); h.rds == "" {
			return fmt.Errorf("rds.route_config_name: empty")
		}
		h.wait = 15 * time.Second
		if d := src.GetInitialFetchTimeout(); d != nil {
			h.wait = d.AsDuration()
		}
		return nil
	}
	return fmt.Errorf("set rds or route_config")
}

func (h *manager) bounds(m *hcmv3.HttpConnectionManager) error {
	if m.GetRequestTimeout().AsDuration() != 0 {
		return &strict.Unsupported{Field: "request_timeout", Why: "use stream_idle_timeout and the routes' timeout"}
	}
	if err := strict.Duration("stream_idle_timeout", m.GetStreamIdleTimeout(), &h.http.StreamIdle); err != nil {
		return err
	}
	if err := strict.Duration("request_headers_timeout", m.GetRequestHeadersTimeout(), &h.http.HeaderTimeout); err != nil {
		return err
	}
	o := m.GetCommonHttpProtocolOptions()
	if err := strict.At("common_http_protocol_options", strict.Fields(o, "idle_timeout")); err != nil {
		return err
	}
	if err := strict.Duration("common_http_protocol_options.idle_timeout", o.GetIdleTimeout(), &h.http.IdleTimeout); err != nil {
		return err
	}
	if kb := m.GetMaxRequestHeadersKb(); kb != nil {
		if kb.GetValue() == 0 || kb.GetValue() > 8192 {
			return fmt.Errorf("max_request_headers_kb: %d is not from 1 to 8192", kb.GetValue())
		}
		h.http.MaxHeaderBytes = int(kb.GetValue()) << 10
	}
	if err := strict.At("http_protocol_options", strict.Fields(m.GetHttpProtocolOptions(), "enable_trailers", "allow_absolute_url",
		"accept_http_10", "use_balsa_parser", "allow_custom_methods")); err != nil {
		return err
	}
	h2 := m.GetHttp2ProtocolOptions()
	if err := strict.At("http2_protocol_options", strict.Fields(h2, "max_concurrent_streams", "initial_stream_window_size",
		"initial_connection_window_size", "hpack_table_size")); err != nil {
		return err
	}
	h.http.MaxStreams = int(min(h2.GetMaxConcurrentStreams().GetValue(), 1<<20))
	switch m.GetServerHeaderTransformation() {
	case hcmv3.HttpConnectionManager_OVERWRITE: // unset; responses pass as they are
	case hcmv3.HttpConnectionManager_PASS_THROUGH:
	default:
		return &strict.Unsupported{Field: "server_header_transformation " + m.GetServerHeaderTransformation().String(), Why: "use PASS_THROUGH"}
	}
	switch m.GetCodecType() {
	case hcmv3.HttpConnectionManager_AUTO:
	case hcmv3.HttpConnectionManager_HTTP1:
		h.http.Codec = HTTP1
	case hcmv3.HttpConnectionManager_HTTP2:
		h.http.Codec = HTTP2
	default:
		return &strict.Unsupported{Field: "codec_type " + m.GetCodecType().String(), Why: "use AUTO, HTTP1 or HTTP2"}
	}
	return nil
}

// chain compiles the HTTP filters. An unknown one is refused unless it is optional.
func (c *Config) chain(h *manager, fs []*hcmv3.HttpFilter) error {
	for i, f := range fs {
		at := fmt.Sprintf("http_filters[%d] %s", i, f.GetName())
		if err := strict.At(at, strict.Fields(f, "name", "typed_config", "is_optional", "disabled")); err != nil {
			return err
		}
		k := c.kinds[strict.TypeName(f.GetTypedConfig())]
		if k == nil {
			if f.GetIsOptional() {
				continue
			}
			return fmt.Errorf("%s: no filter of type %q is known; set is_optional, or remove it", at, strict.TypeName(f.GetTypedConfig()))
		}
		in, err := k.Compile(f.GetTypedConfig())
		if err != nil {
			return strict.At(at, err)
		}
		if i < len(fs)-1 {
			if in.Filter == nil {
				return fmt.Errorf("%s: it answers every request and must be the last", at)
			}
			h.config.Filters = append(h.config.Filters, filter.Entry{Name: f.GetName(), Filter: in.Filter, Disabled: f.GetDisabled()})
			continue
		}
		h.config.Terminal = in.Terminal
	}
	if h.config.Terminal == nil {
		return fmt.Errorf("http_filters: the last must be a terminal one, as %s", routerType)
	}
	return nil
}

// terminalKind is the router as a filter.
type terminalKind struct{ forwarder *router.Forwarder }

// Compile implements filter.Kind. What it accepts concerns statistics, tracing, and headers that are not added anyway.
func (k terminalKind) Compile(a *anypb.Any) (filter.Instance, error) {
	var m routerv3.Router
	if err := strict.Any(a, &m); err != nil {
		return filter.Instance{}, err
	}
	if err := strict.Fields(&m, "dynamic_stats", "start_child_span", "suppress_envoy_headers"); err != nil {
		return filter.Instance{}, err
	}
	return filter.Instance{Terminal: k.forwarder}, nil
}

// PerRoute implements filter.Kind; the router has no configuration of that kind.
func (terminalKind) PerRoute(*anypb.Any) (any, error) {
	return nil, &strict.Unsupported{Field: routerType}
}
