package cluster

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a set of servers by address, without sockets.
type world struct {
	mu      sync.Mutex
	servers map[string]*server
	dials   map[string]int
}

// server answers requests by its function; down refuses connections.
type server struct {
	down   bool
	hang   bool // connects never end
	answer func(u *fakeUpstream) error
}

func newWorld() *world { return &world{servers: map[string]*server{}, dials: map[string]int{}} }

func (w *world) set(address string, s *server) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.servers[address] = s
}

func (w *world) get(address string) *server {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.servers[address]
}

func (w *world) dialed(address string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dials[address]
}

type fakeNetConn struct {
	net.Conn
	address string
}

func (c fakeNetConn) Close() error { return nil }

func (w *world) dial(ctx context.Context, _, address string) (net.Conn, error) {
	w.mu.Lock()
	s := w.servers[address]
	w.dials[address]++
	w.mu.Unlock()
	if s == nil || s.down {
		return nil, errors.New("connection refused")
	}
	if s.hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return fakeNetConn{address: address}, nil
}

// registry starts a registry on the world; both codecs are fakes.
func (w *world) registry(t testing.TB) *Registry {
	t.Helper()
	r := NewRegistry(Options{
		Dial:         w.dial,
		HTTP1:        w.http1,
		RemovalGrace: time.Millisecond,
		HTTP2: func(c net.Conn, _ Protocol) (stream.ClientConn, error) {
			return &fakeConn{w: w, address: c.(fakeNetConn).address, max: 2, version: stream.HTTP2}, nil
		},
	})
	t.Cleanup(r.Close)
	return r
}

func (w *world) http1(c net.Conn) stream.ClientConn {
	return &fakeConn{w: w, address: c.(fakeNetConn).address, max: 1, version: stream.HTTP11}
}

type fakeConn struct {
	w       *world
	address string
	max     int
	version stream.Version

	mu     sync.Mutex
	active int
	closed bool
	idle   time.Time
	free   *fakeUpstream
}

func (c *fakeConn) Open() (stream.Upstream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, stream.ErrClosed
	}
	if c.active == c.max {
		return nil, stream.ErrNoRoom
	}
	c.active++
	u := c.free
	if c.free = nil; u == nil {
		u = &fakeUpstream{conn: c, done: make(chan struct{}, 1)}
	}
	return u, nil
}
func (c *fakeConn) Active() int             { c.mu.Lock(); defer c.mu.Unlock(); return c.active }
func (c *fakeConn) Max() int                { return c.max }
func (c *fakeConn) Closed() bool            { c.mu.Lock(); defer c.mu.Unlock(); return c.closed }
func (c *fakeConn) Drain()                  { c.mu.Lock(); defer c.mu.Unlock(); c.closed = true }
func (c *fakeConn) Close() error            { c.Drain(); return nil }
func (c *fakeConn) Version() stream.Version { return c.version }
func (c *fakeConn) IdleSince() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.active > 0 {
		return time.Time{}
	}
	return c.idle
}

// fakeUpstream is one exchange. answer may set the fields below it.
type fakeUpstream struct {
	conn     *fakeConn
	done     chan struct{}
	deadline time.Time
	path     string
	sent     []byte
	answered bool
	ended    bool

	status   int
	body     []string
	unseen   bool
	bodyErr  error
	head     stream.ResponseHead
	trailers *stream.Header
}

func (u *fakeUpstream) SendHead(h *stream.RequestHead, end bool) error {
	u.path = string(h.Path)
	u.ended = end
	return nil
}
func (u *fakeUpstream) Send(b *body.Body, end bool) error {
	u.sent = b.AppendTo(u.sent)
	b.Release()
	u.ended = u.ended || end
	return nil
}
func (u *fakeUpstream) SendTrailers(*stream.Header) error { u.ended = true; return nil }
func (u *fakeUpstream) SetDeadline(t time.Time) error     { u.deadline = t; return nil }
func (u *fakeUpstream) RecvHead() (*stream.ResponseHead, error) {
	u.status = 200
	u.answered = true
	s := u.conn.w.get(u.conn.address)
	if s.answer != nil {
		if err := s.answer(u); err != nil {
			u.conn.Drain()
			return nil, err
		}
	}
	u.head.Reset()
	u.head.Status, u.head.ContentLength = u.status, -1
	return &u.head, nil
}

// hang waits until the deadline or a cancel.
func (u *fakeUpstream) hang() error {
	var after <-chan time.Time
	if !u.deadline.IsZero() {
		t := time.NewTimer(time.Until(u.deadline))
		defer t.Stop()
		after = t.C
	}
	select {
	case <-after:
		return context.DeadlineExceeded
	case <-u.done:
		return context.Canceled
	}
}
func (u *fakeUpstream) Recv() (*body.Body, error) {
	if len(u.body) == 0 {
		if u.bodyErr != nil {
			return nil, u.bodyErr
		}
		return nil, io.EOF
	}
	b := body.Of([]byte(u.body[0]))
	u.body = u.body[1:]
	return b, nil
}
func (u *fakeUpstream) RecvTrailers() *stream.Header { return u.trailers }
func (u *fakeUpstream) Unprocessed() bool            { return u.unseen }
func (u *fakeUpstream) FD() int                      { return -1 }
func (u *fakeUpstream) Cancel() {
	u.conn.Drain()
	select {
	case u.done <- struct{}{}:
	default:
	}
}
func (u *fakeUpstream) Close() {
	c := u.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active--
	c.idle = time.Now()
	select {
	case <-u.done:
	default:
	}
	*u = fakeUpstream{conn: c, done: u.done, sent: u.sent[:0]}
	c.free = u
}

func address(hostPort string) *corev3.Address {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		panic(err)
	}
	n, _ := net.LookupPort("tcp", port)
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(n)}}}}
}

func assignment(name string, addresses ...string) *endpointv3.ClusterLoadAssignment {
	l := &endpointv3.LocalityLbEndpoints{}
	for _, a := range addresses {
		l.LbEndpoints = append(l.LbEndpoints, &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
			Endpoint: &endpointv3.Endpoint{Address: address(a)}}})
	}
	return &endpointv3.ClusterLoadAssignment{ClusterName: name, Endpoints: []*endpointv3.LocalityLbEndpoints{l}}
}

func static(name string, addresses ...string) *clusterv3.Cluster {
	return &clusterv3.Cluster{Name: name, ConnectTimeout: durationpb.New(time.Second),
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}, LoadAssignment: assignment(name, addresses...)}
}

// cluster makes m current and returns it.
func (w *world) cluster(t testing.TB, r *Registry, m *clusterv3.Cluster) *Cluster {
	t.Helper()
	spec, err := NewSpec(m)
	if err != nil {
		t.Fatal(err)
	}
	r.Set(spec)
	c := r.Ref(m.GetName()).Load()
	if c == nil || c.spec != spec {
		t.Fatalf("cluster %s is not current", m.GetName())
	}
	return c
}

func head(path string) *stream.RequestHead {
	return &stream.RequestHead{Method: []byte("POST"), Path: []byte(path), Authority: []byte("h")}
}
