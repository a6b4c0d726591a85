package config

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"os"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"

	"github.com/millrace/millrace/proxy/config/strict"
)

// downstreamTLS compiles a listener's transport socket, and an identity of all that it was compiled from.
func downstreamTLS(ts *corev3.TransportSocket, codec Codec) (*tls.Config, string, error) {
	switch n := strict.TypeName(ts.GetTypedConfig()); {
	case ts == nil || n == "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer":
		return nil, "", nil
	case n != "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext":
		return nil, "", &strict.Unsupported{Field: ts.GetName() + " of type " + n, Why: "use a DownstreamTlsContext"}
	}
	var m tlsv3.DownstreamTlsContext
	if err := strict.Any(ts.GetTypedConfig(), &m); err != nil {
		return nil, "", err
	}
	if err := strict.Fields(&m, "common_tls_context", "require_client_certificate"); err != nil {
		return nil, "", err
	}
	ct := m.GetCommonTlsContext()
	if err := strict.At("common_tls_context", strict.Fields(ct, "tls_certificates", "validation_context", "alpn_protocols")); err != nil {
		return nil, "", err
	}
	sum := sha256.New()
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(&m)
	if err != nil {
		return nil, "", err
	}
	sum.Write(raw)
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: ct.GetAlpnProtocols()}
	if len(cfg.NextProtos) == 0 {
		cfg.NextProtos = [...][]string{Auto: {"h2", "http/1.1"}, HTTP1: {"http/1.1"}, HTTP2: {"h2"}}[codec]
	}
	if len(ct.GetTlsCertificates()) == 0 {
		return nil, "", fmt.Errorf("common_tls_context.tls_certificates: empty")
	}
	for i, tc := range ct.GetTlsCertificates() {
		if err := strict.At("common_tls_context.tls_certificates", strict.Fields(tc, "certificate_chain", "private_key")); err != nil {
			return nil, "", err
		}
		chain, err := readSource(tc.GetCertificateChain())
		if err != nil {
			return nil, "", fmt.Errorf("tls_certificates[%d].certificate_chain: %w", i, err)
		}
		key, err := readSource(tc.GetPrivateKey())
		if err != nil {
			return nil, "", fmt.Errorf("tls_certificates[%d].private_key: %w", i, err)
		}
		pair, err := tls.X509KeyPair(chain, key)
		if err != nil {
			return nil, "", fmt.Errorf("tls_certificates[%d]: %w", i, err)
		}
		sum.Write(chain)
		sum.Write(key)
		cfg.Certificates = append(cfg.Certificates, pair)
	}
	if v := ct.GetValidationContext(); v != nil {
		if err := strict.At("common_tls_context.validation_context", strict.Fields(v, "trusted_ca")); err != nil {
			return nil, "", err
		}
		pem, err := readSource(v.GetTrustedCa())
		if err != nil {
			return nil, "", fmt.Errorf("validation_context.trusted_ca: %w", err)
		}
		sum.Write(pem)
		if cfg.ClientCAs = x509.NewCertPool(); !cfg.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, "", fmt.Errorf("validation_context.trusted_ca: no certificate in it")
		}
		cfg.ClientAuth = tls.VerifyClientCertIfGiven
	}
	if m.GetRequireClientCertificate().GetValue() {
		if cfg.ClientCAs == nil {
			return nil, "", fmt.Errorf("require_client_certificate: set without validation_context.trusted_ca")
		}
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return cfg, hex.EncodeToString(sum.Sum(nil)), nil
}

func readSource(d *corev3.DataSource) ([]byte, error) {
	switch s := d.GetSpecifier().(type) {
	case *corev3.DataSource_Filename:
		return os.ReadFile(s.Filename)
	case *corev3.DataSource_InlineBytes:
		return s.InlineBytes, nil
	case *corev3.DataSource_InlineString:
		return []byte(s.InlineString), nil
	}
	return nil, fmt.Errorf("set filename, inline_bytes or inline_string")
}
