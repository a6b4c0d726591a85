package contender

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime"
)

const (
	roleVariable     = "MILLRACE_BENCH_ROLE"
	roleReverseProxy = "reverse-proxy"
	roleRelay        = "relay"
)

// self is a contender that is this program again, in a role.
type self struct{ name, role string }

func (s self) Name() string                            { return s.name }
func (s self) Does(d Duty) bool                        { return passes(d) }
func (s self) Version(context.Context) (string, error) { return runtime.Version(), nil }

func (s self) Start(ctx context.Context, j Job) (*Process, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	upstream := j.Upstream.HTTP
	if j.Duty == PassGRPC {
		upstream = j.Upstream.GRPC
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	p, err := run(j, []string{roleVariable + "=" + s.role}, binary, address, upstream)
	if err != nil {
		return nil, err
	}
	p.Address = address
	return p.listening(ctx)
}

// RunRole runs the role that the environment names, until the process is stopped, and reports whether there was one.
func RunRole() bool {
	role := os.Getenv(roleVariable)
	if role == "" {
		return false
	}
	err := errors.New("it is given an address and an upstream")
	if len(os.Args) == 3 {
		switch role {
		case roleReverseProxy:
			err = reverseProxy(os.Args[1], os.Args[2])
		case roleRelay:
			err = relay(os.Args[1], os.Args[2])
		default:
			err = errors.New("there is no such role")
		}
	}
	fmt.Fprintf(os.Stderr, "run %s: %v\n", role, err)
	return true
}

const copySize = 64 << 10

// buffers lends buffers to ReverseProxy.
type buffers chan []byte

func (b buffers) Get() []byte {
	select {
	case p := <-b:
		return p
	default:
		return make([]byte, copySize)
	}
}

func (b buffers) Put(p []byte) {
	select {
	case b <- p:
	default:
	}
}

// reverseProxy is net/http's, with what its users set: connections kept, buffers reused, HTTP/2 without TLS for gRPC.
func reverseProxy(address, upstream string) error {
	var protocols, grpc http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	grpc.SetUnencryptedHTTP2(true)
	plain := &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true}
	multiplexed := &http.Transport{Protocols: &grpc, DisableCompression: true}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: upstream})
			r.Out.Host = r.In.Host
		},
		Transport: transport(func(r *http.Request) (*http.Response, error) {
			if r.ProtoMajor == 2 {
				return multiplexed.RoundTrip(r)
			}
			return plain.RoundTrip(r)
		}),
		BufferPool: make(buffers, 256),
	}
	server := &http.Server{Addr: address, Protocols: &protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 {
			// Else the server closes the request's body as the response begins, at times before the transport has seen that
			// body's end, and the transport then closes the upstream's connection in the middle of the response.
			_ = http.NewResponseController(w).EnableFullDuplex()
		}
		proxy.ServeHTTP(w, r)
	})}
	return server.ListenAndServe()
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// relay copies bytes both ways, one connection to the upstream for each of a client: what a proxy costs that reads nothing.
func relay(address, upstream string) error {
	lis, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	for {
		client, err := lis.Accept()
		if err != nil {
			return err
		}
		go func() {
			server, err := net.Dial("tcp", upstream)
			if err != nil {
				_ = client.Close()
				return
			}
			go pour(server, client)
			pour(client, server)
		}()
	}
}

// pour copies until one side ends, and then ends both. Plain reads and writes: splice costs more for what is small.
func pour(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	_, _ = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, copySize))
}
