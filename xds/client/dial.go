package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
)

// maxResponse bounds one response, in bytes. gRPC's own 4 MiB is less than the listeners of a large mesh.
const maxResponse = 256 << 20

// Target is where a control plane is reached.
type Target struct {
	// Address is a gRPC target: "127.0.0.1:18000", "dns:///istiod:15010", "unix:///run/xds.sock".
	Address string
	// Credentials secure the connection; nil is plain text.
	Credentials credentials.TransportCredentials
	// Authority replaces the :authority, and with TLS the name that is verified; empty leaves it to the address.
	Authority string
}

// Resolver finds the target of a cluster of the bootstrap. It is an error if there is no such cluster.
type Resolver func(ctx context.Context, cluster string) (Target, error)

// Dial makes the connection that an ApiConfigSource of a bootstrap asks for. The source must be for incremental xDS
// (DELTA_GRPC or AGGREGATED_DELTA_GRPC); of several services the first is taken. The connection is made in the
// background, so that a control plane that is down is no error. The caller closes it.
func Dial(ctx context.Context, source *core.ApiConfigSource, resolve Resolver, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	switch source.GetApiType() {
	case core.ApiConfigSource_DELTA_GRPC, core.ApiConfigSource_AGGREGATED_DELTA_GRPC:
	default:
		return nil, fmt.Errorf("dial the control plane: api_type %s is not spoken; set api_type: DELTA_GRPC", source.GetApiType())
	}
	if v := source.GetTransportApiVersion(); v != core.ApiVersion_V3 && v != core.ApiVersion_AUTO {
		return nil, fmt.Errorf("dial the control plane: transport_api_version %s is not spoken; set transport_api_version: V3", v)
	}
	if len(source.GetGrpcServices()) == 0 {
		return nil, errors.New("dial the control plane: grpc_services is empty; name a cluster in envoy_grpc, or a target_uri in google_grpc")
	}
	return DialService(ctx, source.GetGrpcServices()[0], resolve, opts...)
}

// DialService makes the connection to one GrpcService, as [Dial] does.
func DialService(ctx context.Context, service *core.GrpcService, resolve Resolver, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	var target Target
	var err error
	switch specifier := service.GetTargetSpecifier().(type) {
	case *core.GrpcService_EnvoyGrpc_:
		name := specifier.EnvoyGrpc.GetClusterName()
		if target, err = resolve(ctx, name); err != nil {
			return nil, fmt.Errorf("dial the control plane: cluster %q: %w", name, err)
		}
		if authority := specifier.EnvoyGrpc.GetAuthority(); authority != "" {
			target.Authority = authority
		}
	case *core.GrpcService_GoogleGrpc_:
		if target, err = googleTarget(specifier.GoogleGrpc); err != nil {
			return nil, fmt.Errorf("dial the control plane %s: %w", specifier.GoogleGrpc.GetTargetUri(), err)
		}
	default:
		return nil, errors.New("dial the control plane: the grpc_service has neither envoy_grpc nor google_grpc; set one")
	}
	if headers := service.GetInitialMetadata(); len(headers) > 0 {
		opts = append([]grpc.DialOption{grpc.WithChainStreamInterceptor(withHeaders(headers))}, opts...)
	}
	return DialTarget(target, opts...)
}

// DialTarget makes the connection to a target: with keepalive, room for large responses, and quick attempts to come
// back. The caller closes it.
func DialTarget(target Target, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	if target.Credentials == nil {
		target.Credentials = insecure.NewCredentials()
	}
	all := []grpc.DialOption{
		grpc.WithTransportCredentials(target.Credentials),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxResponse)),
		// Servers answer pings that come more often than every 30 s by hanging up.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 10 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithDisableServiceConfig(),
	}
	if target.Authority != "" {
		all = append(all, grpc.WithAuthority(target.Authority))
	}
	conn, err := grpc.NewClient(target.Address, append(all, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("dial the control plane %s: %w", target.Address, err)
	}
	return conn, nil
}

// googleTarget reads a google_grpc service. What it cannot do is refused, as leaving it out would be less secure.
func googleTarget(g *core.GrpcService_GoogleGrpc) (Target, error) {
	target := Target{Address: g.GetTargetUri()}
	if target.Address == "" {
		return Target{}, errors.New("target_uri is empty")
	}
	if len(g.GetCallCredentials()) > 0 {
		return Target{}, errors.New("call_credentials are not supported; use initial_metadata, or TLS in channel_credentials")
	}
	switch c := g.GetChannelCredentials().GetCredentialSpecifier().(type) {
	case nil, *core.GrpcService_GoogleGrpc_ChannelCredentials_LocalCredentials:
		return target, nil
	case *core.GrpcService_GoogleGrpc_ChannelCredentials_SslCredentials:
		config, err := tlsConfig(c.SslCredentials)
		if err != nil {
			return Target{}, fmt.Errorf("ssl_credentials: %w", err)
		}
		target.Credentials = credentials.NewTLS(config)
		return target, nil
	default:
		return Target{}, errors.New("these channel_credentials are not supported; use ssl_credentials or local_credentials")
	}
}

func tlsConfig(c *core.GrpcService_GoogleGrpc_SslCredentials) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.GetRootCerts() != nil {
		pem, err := read(c.GetRootCerts())
		if err != nil {
			return nil, fmt.Errorf("root_certs: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("root_certs: no PEM certificate in it")
		}
	}
	if c.GetCertChain() != nil || c.GetPrivateKey() != nil {
		chain, err := read(c.GetCertChain())
		if err != nil {
			return nil, fmt.Errorf("cert_chain: %w", err)
		}
		key, err := read(c.GetPrivateKey())
		if err != nil {
			return nil, fmt.Errorf("private_key: %w", err)
		}
		pair, err := tls.X509KeyPair(chain, key)
		if err != nil {
			return nil, fmt.Errorf("cert_chain and private_key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// read returns what a data source of the bootstrap holds.
func read(source *core.DataSource) ([]byte, error) {
	switch s := source.GetSpecifier().(type) {
	case *core.DataSource_Filename:
		return os.ReadFile(s.Filename)
	case *core.DataSource_InlineBytes:
		return s.InlineBytes, nil
	case *core.DataSource_InlineString:
		return []byte(s.InlineString), nil
	case *core.DataSource_EnvironmentVariable:
		if value, ok := os.LookupEnv(s.EnvironmentVariable); ok {
			return []byte(value), nil
		}
		return nil, fmt.Errorf("environment variable %s is not set", s.EnvironmentVariable)
	}
	return nil, errors.New("no source given; set filename, inline_string, inline_bytes or environment_variable")
}

// withHeaders sends the initial_metadata of a service with each stream.
func withHeaders(headers []*core.HeaderValue) grpc.StreamClientInterceptor {
	pairs := make([]string, 0, 2*len(headers))
	for _, h := range headers {
		value := h.GetValue()
		if len(h.GetRawValue()) > 0 {
			value = string(h.GetRawValue())
		}
		pairs = append(pairs, h.GetKey(), value)
	}
	return func(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, next grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		return next(metadata.AppendToOutgoingContext(ctx, pairs...), desc, conn, method, opts...)
	}
}
