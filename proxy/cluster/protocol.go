package cluster

import (
	"fmt"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"

	"github.com/millrace/millrace/proxy/config/strict"
	"github.com/millrace/millrace/proxy/stream"
)

const (
	idleHTTP1 = 4 * time.Second
	idleHTTP2 = time.Hour

	httpOptionsName = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
)

// Protocol is what is spoken on a cluster's connections. It is comparable and part of a pool's key.
type Protocol struct {
	Version     stream.Version // HTTP11 or HTTP2
	IdleTimeout time.Duration  // 0 is never
	MaxAge      time.Duration  // of a connection; 0 is for ever
	MaxRequests uint64         // on one connection; 0 is without bound
	MaxStreams  uint32         // at once on one HTTP/2 connection; 0 is what the server says

	PingInterval, PingTimeout time.Duration // HTTP/2's connection_keepalive; 0 is off
}

// ALPN returns the name that TLS negotiates for it.
func (p Protocol) ALPN() string {
	if p.Version == stream.HTTP2 {
		return "h2"
	}
	return "http/1.1"
}

func (s *Spec) protocol(m *clusterv3.Cluster) error {
	p := &s.Protocol
	p.Version, p.IdleTimeout = stream.HTTP11, -1
	if h2 := m.GetHttp2ProtocolOptions(); h2 != nil {
		if err := p.http2(h2); err != nil {
			return strict.At("http2_protocol_options", err)
		}
	}
	if err := strict.At("http_protocol_options", http1(m.GetHttpProtocolOptions())); err != nil {
		return err
	}
	if n := m.GetMaxRequestsPerConnection(); n != nil {
		p.MaxRequests = uint64(n.GetValue())
	}
	if err := strict.At("common_http_protocol_options", p.common(m.GetCommonHttpProtocolOptions())); err != nil {
		return err
	}
	for name, a := range m.GetTypedExtensionProtocolOptions() {
		if name != httpOptionsName {
			return &strict.Unsupported{Field: "typed_extension_protocol_options[" + name + "]"}
		}
		var o httpv3.HttpProtocolOptions
		if err := strict.Any(a, &o); err != nil {
			return fmt.Errorf("typed_extension_protocol_options: %w", err)
		}
		if err := p.options(&o); err != nil {
			return strict.At("typed_extension_protocol_options", err)
		}
	}
	if p.IdleTimeout < 0 {
		if p.IdleTimeout = idleHTTP1; p.Version == stream.HTTP2 {
			p.IdleTimeout = idleHTTP2
		}
	}
	return nil
}

func (p *Protocol) options(o *httpv3.HttpProtocolOptions) error {
	if err := strict.Fields(o, "common_http_protocol_options", "explicit_http_config"); err != nil {
		if u, ok := err.(*strict.Unsupported); ok && (u.Field == "use_downstream_protocol_config" || u.Field == "auto_config") {
			u.Why = "use explicit_http_config"
		}
		return err
	}
	if err := strict.At("common_http_protocol_options", p.common(o.GetCommonHttpProtocolOptions())); err != nil {
		return err
	}
	switch c := o.GetExplicitHttpConfig().GetProtocolConfig().(type) {
	case *httpv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions:
		p.Version = stream.HTTP11
		return strict.At("explicit_http_config.http_protocol_options", http1(c.HttpProtocolOptions))
	case *httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions:
		return strict.At("explicit_http_config.http2_protocol_options", p.http2(c.Http2ProtocolOptions))
	case *httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http3ProtocolOptions:
		return &strict.Unsupported{Field: "explicit_http_config.http3_protocol_options", Why: "use http_protocol_options or http2_protocol_options"}
	}
	return nil
}

func (p *Protocol) common(o *corev3.HttpProtocolOptions) error {
	if err := strict.Fields(o, "idle_timeout", "max_connection_duration", "max_requests_per_connection"); err != nil {
		return err
	}
	if d := o.GetIdleTimeout(); d != nil {
		p.IdleTimeout = d.AsDuration()
	}
	if n := o.GetMaxRequestsPerConnection(); n != nil {
		p.MaxRequests = uint64(n.GetValue())
	}
	if d := o.GetMaxConnectionDuration(); d != nil {
		p.MaxAge = d.AsDuration()
	}
	return nil
}

// http1 accepts what the HTTP/1.1 codec does always: trailers pass and names keep their case.
func http1(o *corev3.Http1ProtocolOptions) error {
	return strict.Fields(o, "enable_trailers", "allow_absolute_url", "use_balsa_parser", "allow_custom_methods")
}

// http2 accepts window sizes without effect: they tune and do not change what is exchanged.
func (p *Protocol) http2(o *corev3.Http2ProtocolOptions) error {
	p.Version = stream.HTTP2
	if err := strict.Fields(o, "max_concurrent_streams", "initial_stream_window_size", "initial_connection_window_size",
		"connection_keepalive", "hpack_table_size"); err != nil {
		return err
	}
	if n := o.GetMaxConcurrentStreams(); n != nil {
		p.MaxStreams = n.GetValue()
	}
	if k := o.GetConnectionKeepalive(); k != nil {
		if err := strict.At("connection_keepalive", strict.Fields(k, "interval", "timeout")); err != nil {
			return err
		}
		p.PingInterval, p.PingTimeout = k.GetInterval().AsDuration(), k.GetTimeout().AsDuration()
	}
	return nil
}
