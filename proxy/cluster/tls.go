package cluster

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"

	"github.com/millrace/millrace/proxy/config/strict"
	"github.com/millrace/millrace/proxy/router/match"
)

// TLS is a compiled UpstreamTlsContext.
type TLS struct {
	config *tls.Config
	// fingerprint of all that it was compiled from, files' contents included; part of a pool's key.
	fingerprint string
}

// san is one of match_typed_subject_alt_names.
type san struct {
	kind  tlsv3.SubjectAltNameMatcher_SanType
	value match.String
}

// newTLS compiles a transport socket; nil without error is plain text (raw_buffer).
func newTLS(ts *corev3.TransportSocket, alpn string) (*TLS, error) {
	if n := strict.TypeName(ts.GetTypedConfig()); n == "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer" {
		return nil, nil
	} else if n != "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext" {
		return nil, &strict.Unsupported{Field: ts.GetName() + " of type " + n, Why: "use an UpstreamTlsContext"}
	}
	var up tlsv3.UpstreamTlsContext
	if err := strict.Any(ts.GetTypedConfig(), &up); err != nil {
		return nil, err
	}
	if err := strict.Fields(&up, "common_tls_context", "sni", "max_session_keys"); err != nil {
		return nil, err
	}
	c := up.GetCommonTlsContext()
	if err := strict.At("common_tls_context", strict.Fields(c, "tls_params", "tls_certificates", "validation_context", "alpn_protocols")); err != nil {
		return nil, err
	}
	sum := sha256.New()
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(&up)
	if err != nil {
		return nil, err
	}
	sum.Write(raw)
	cfg := &tls.Config{ServerName: up.GetSni(), NextProtos: c.GetAlpnProtocols(), MinVersion: tls.VersionTLS12}
	if len(cfg.NextProtos) == 0 {
		cfg.NextProtos = []string{alpn}
	}
	if err := versions(cfg, c.GetTlsParams()); err != nil {
		return nil, strict.At("common_tls_context.tls_params", err)
	}
	for i, tc := range c.GetTlsCertificates() {
		if err := strict.Fields(tc, "certificate_chain", "private_key"); err != nil {
			return nil, strict.At("common_tls_context.tls_certificates", err)
		}
		chain, err := readSource(tc.GetCertificateChain())
		if err != nil {
			return nil, fmt.Errorf("tls_certificates[%d].certificate_chain: %w", i, err)
		}
		key, err := readSource(tc.GetPrivateKey())
		if err != nil {
			return nil, fmt.Errorf("tls_certificates[%d].private_key: %w", i, err)
		}
		pair, err := tls.X509KeyPair(chain, key)
		if err != nil {
			return nil, fmt.Errorf("tls_certificates[%d]: %w", i, err)
		}
		sum.Write(chain)
		sum.Write(key)
		cfg.Certificates = append(cfg.Certificates, pair)
	}
	ca, err := verification(cfg, c.GetValidationContext())
	if err != nil {
		return nil, strict.At("common_tls_context.validation_context", err)
	}
	sum.Write(ca)
	return &TLS{config: cfg, fingerprint: hex.EncodeToString(sum.Sum(nil))}, nil
}

func versions(cfg *tls.Config, p *tlsv3.TlsParameters) error {
	if err := strict.Fields(p, "tls_minimum_protocol_version", "tls_maximum_protocol_version"); err != nil {
		return err
	}
	of := map[tlsv3.TlsParameters_TlsProtocol]uint16{
		tlsv3.TlsParameters_TLSv1_0: tls.VersionTLS10, tlsv3.TlsParameters_TLSv1_1: tls.VersionTLS11,
		tlsv3.TlsParameters_TLSv1_2: tls.VersionTLS12, tlsv3.TlsParameters_TLSv1_3: tls.VersionTLS13,
	}
	if v, ok := of[p.GetTlsMinimumProtocolVersion()]; ok {
		cfg.MinVersion = v
	}
	cfg.MaxVersion = of[p.GetTlsMaximumProtocolVersion()]
	return nil
}

// verification makes cfg check the server's certificate as Envoy does: the chain against trusted_ca, and the names only
// where matchers are given; without trusted_ca nothing is checked. It returns the bytes of the authorities.
func verification(cfg *tls.Config, v *tlsv3.CertificateValidationContext) ([]byte, error) {
	cfg.InsecureSkipVerify = true // replaced by VerifyConnection below
	if v == nil {
		return nil, nil
	}
	if err := strict.Fields(v, "trusted_ca", "match_typed_subject_alt_names", "system_root_certs"); err != nil {
		return nil, err
	}
	var pool *x509.CertPool
	var pem []byte
	switch {
	case v.GetTrustedCa() != nil:
		var err error
		if pem, err = readSource(v.GetTrustedCa()); err != nil {
			return nil, fmt.Errorf("trusted_ca: %w", err)
		}
		if pool = x509.NewCertPool(); !pool.AppendCertsFromPEM(pem) {
			return nil, errors.New("trusted_ca: no certificate in it")
		}
	case v.GetSystemRootCerts() != nil:
		var err error
		if pool, err = x509.SystemCertPool(); err != nil {
			return nil, fmt.Errorf("system_root_certs: %w", err)
		}
	}
	var sans []san
	for i, m := range v.GetMatchTypedSubjectAltNames() {
		s, err := match.NewString(m.GetMatcher())
		if err != nil {
			return nil, fmt.Errorf("match_typed_subject_alt_names[%d]: %w", i, err)
		}
		switch m.GetSanType() {
		case tlsv3.SubjectAltNameMatcher_DNS, tlsv3.SubjectAltNameMatcher_URI, tlsv3.SubjectAltNameMatcher_IP_ADDRESS, tlsv3.SubjectAltNameMatcher_EMAIL:
		default:
			return nil, &strict.Unsupported{Field: "match_typed_subject_alt_names.san_type " + m.GetSanType().String(), Why: "use DNS, URI, EMAIL or IP_ADDRESS"}
		}
		sans = append(sans, san{m.GetSanType(), s})
	}
	if pool == nil {
		if len(sans) > 0 {
			return nil, errors.New("match_typed_subject_alt_names: names mean nothing without trusted_ca")
		}
		return nil, nil
	}
	cfg.VerifyConnection = func(cs tls.ConnectionState) error { return verify(cs, pool, sans) }
	return pem, nil
}

func verify(cs tls.ConnectionState, pool *x509.CertPool, sans []san) error {
	if len(cs.PeerCertificates) == 0 {
		return errors.New("tls: the server sent no certificate")
	}
	leaf := cs.PeerCertificates[0]
	o := x509.VerifyOptions{Roots: pool, Intermediates: x509.NewCertPool()}
	for _, c := range cs.PeerCertificates[1:] {
		o.Intermediates.AddCert(c)
	}
	if _, err := leaf.Verify(o); err != nil {
		return err
	}
	for i := range sans {
		if sans[i].matches(leaf) {
			return nil
		}
	}
	if len(sans) > 0 {
		return errors.New("tls: no subject alternative name of the server's certificate matches match_typed_subject_alt_names")
	}
	return nil
}

func (s *san) matches(c *x509.Certificate) bool {
	var names []string
	switch s.kind {
	case tlsv3.SubjectAltNameMatcher_DNS:
		names = c.DNSNames
	case tlsv3.SubjectAltNameMatcher_EMAIL:
		names = c.EmailAddresses
	case tlsv3.SubjectAltNameMatcher_URI:
		for _, u := range c.URIs {
			names = append(names, u.String())
		}
	case tlsv3.SubjectAltNameMatcher_IP_ADDRESS:
		for _, ip := range c.IPAddresses {
			names = append(names, ip.String())
		}
	}
	for _, n := range names {
		if s.value.MatchString(n) {
			return true
		}
	}
	return false
}

// readSource returns a DataSource's bytes.
func readSource(d *corev3.DataSource) ([]byte, error) {
	switch s := d.GetSpecifier().(type) {
	case *corev3.DataSource_Filename:
		return os.ReadFile(s.Filename)
	case *corev3.DataSource_InlineBytes:
		return s.InlineBytes, nil
	case *corev3.DataSource_InlineString:
		return []byte(s.InlineString), nil
	case *corev3.DataSource_EnvironmentVariable:
		v, ok := os.LookupEnv(s.EnvironmentVariable)
		if !ok {
			return nil, fmt.Errorf("environment variable %s is not set", s.EnvironmentVariable)
		}
		return []byte(v), nil
	}
	return nil, errors.New("not set")
}

// Config returns a copy of the compiled configuration.
func (t *TLS) Config() *tls.Config { return t.config.Clone() }
