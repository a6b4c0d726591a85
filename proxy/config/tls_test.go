package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// certificate returns a self-signed certificate for 127.0.0.1 and models.test, and its key, as PEM.
func certificate(t *testing.T) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"models.test"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	kd, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kd})
}

func quoted(p []byte) string {
	q, _ := json.Marshal(string(p))
	return string(q)
}

func TestTLSOnBothSides(t *testing.T) {
	cert, key := certificate(t)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	back := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { _, _ = io.WriteString(w, q.TLS.ServerName) }))
	back.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	back.Config.ErrorLog = nil
	back.StartTLS()
	t.Cleanup(back.Close)
	h := start(t)
	cluster := func(name, san string) string {
		return fmt.Sprintf(`{"name": %q, "type": "EDS", "eds_cluster_config": {"service_name": "a", "eds_config": {"ads": {}}}, "transport_socket": {"name": "tls", "typed_config": {
			"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", "sni": "models.test", "common_tls_context": {"validation_context": {
			"trusted_ca": {"inline_string": %s}, "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": %q}}]}}}}}`, name, quoted(cert), san)
	}
	h.good(t, ClusterType, cluster("good", "models.test"), cluster("bad", "other.test"))
	h.good(t, EndpointType, endpoints("a", back.Listener.Addr().String()))
	l := listenerJSON("l", 0, `"route_config": {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [{"match": {"prefix": "/bad"}, "route": {"cluster": "bad"}}, {"match": {"prefix": "/"}, "route": {"cluster": "good"}}]}]}, "http_filters": [`+routerFilter+`]`)
	l = strings.Replace(l, `"filter_chains": [{`, fmt.Sprintf(`"filter_chains": [{"transport_socket": {"name": "tls", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
		"common_tls_context": {"tls_certificates": [{"certificate_chain": {"inline_string": %s}, "private_key": {"inline_string": %s}}]}}}, `, quoted(cert), quoted(key)), 1)
	h.good(t, ListenerType, l)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	for _, http2 := range []bool{false, true} {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: http2}
		c := &http.Client{Transport: tr}
		ask := func(path string) (*http.Response, string) {
			resp, err := c.Get("https://" + h.address(t, "l") + path)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, _ := io.ReadAll(resp.Body)
			return resp, string(text)
		}
		if resp, text := ask("/"); resp.StatusCode != 200 || text != "models.test" || (resp.ProtoMajor == 2) != http2 {
			t.Errorf("got %d %q over %s", resp.StatusCode, text, resp.Proto)
		}
		if resp, _ := ask("/bad"); resp.StatusCode != 503 {
			t.Errorf("a server with another name: got %d", resp.StatusCode)
		}
		tr.CloseIdleConnections()
	}
}
