package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/millrace/millrace/xds/client"
	"github.com/millrace/millrace/xds/server"
)

// selfSigned makes a certificate for 127.0.0.1, and its PEM.
func selfSigned(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestConnectionCanBeSecured(t *testing.T) {
	certificate, root := selfSigned(t)
	s, addr := startServer(t, "", server.WithServerOptions(grpc.Creds(credentials.NewServerTLSFromCert(&certificate))))
	set(t, s, "edge", server.State{server.ClusterType: clusters(map[string]int{"a": 1})})
	conn, err := client.DialService(t.Context(), &core.GrpcService{TargetSpecifier: &core.GrpcService_GoogleGrpc_{
		GoogleGrpc: &core.GrpcService_GoogleGrpc{
			TargetUri: addr,
			ChannelCredentials: &core.GrpcService_GoogleGrpc_ChannelCredentials{
				CredentialSpecifier: &core.GrpcService_GoogleGrpc_ChannelCredentials_SslCredentials{
					SslCredentials: &core.GrpcService_GoogleGrpc_SslCredentials{
						RootCerts: &core.DataSource{Specifier: &core.DataSource_InlineString{InlineString: root}},
					},
				},
			},
		},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	n := &node{held: make(map[string]map[string]client.Resource)}
	n.Client = client.New(conn, &core.Node{Id: "proxy-1", Cluster: "edge"}, n)
	defer n.Close()
	n.Subscribe(server.ClusterType, client.Wildcard)
	await(t, s, "edge")
	if got := n.names(server.ClusterType); !slices.Equal(got, []string{"a"}) {
		t.Errorf("holds %v", got)
	}

	plain := startNode(t, addr, "edge", nil)
	plain.Subscribe(server.ClusterType, client.Wildcard)
	until(t, "a client without TLS learns that it cannot", func() bool { return plain.Status().LastError != nil })
	if len(plain.seen()) != 0 {
		t.Error("a client without TLS was served")
	}
}
