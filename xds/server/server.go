package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/config"
	"github.com/envoyproxy/go-control-plane/pkg/server/delta/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/sotw/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// maxRequest bounds one request, in bytes: a node that comes back names the version of each resource that it has.
const maxRequest = 64 << 20

// Server is a control plane. Its methods may be called from any goroutine.
type Server struct {
	// Read-only after construction.
	observer    func(Event)
	instance    string
	grpcOptions []grpc.ServerOption
	ctx         context.Context
	cancel      context.CancelFunc
	grpc        *grpc.Server

	mu sync.Mutex
	// Guarded by mu. users counts, for each group, the streams and waiters that keep it although nothing was set.
	groups map[string]*group
	users  map[*group]int
}

// Option changes a default of [New].
type Option func(*Server)

// WithObserver sets a function that is told what the nodes do. It is called by the goroutine of the node's stream, which
// waits for it; it may call the server, but for Await and Stop.
func WithObserver(observe func(Event)) Option {
	return func(s *Server) { s.observer = observe }
}

// WithInstance sets how versions start, "7-" making the third one "7-3". Two runs of a control plane must differ in it,
// so that a node that comes back from the other one is told everything. The default is made of the time.
func WithInstance(prefix string) Option {
	return func(s *Server) { s.instance = prefix }
}

// WithServerOptions adds options to the gRPC server, such as credentials. The default is plain text.
func WithServerOptions(opts ...grpc.ServerOption) Option {
	return func(s *Server) { s.grpcOptions = append(s.grpcOptions, opts...) }
}

// New makes a control plane that holds nothing yet. [Server.Serve] lets nodes in, before or after the first
// [Server.Set].
func New(opts ...Option) *Server {
	s := &Server{
		observer: func(Event) {},
		instance: strconv.FormatInt(time.Now().UnixMilli(), 36) + "-",
		groups:   make(map[string]*group),
		users:    make(map[*group]int),
	}
	for _, opt := range opts {
		opt(s)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.grpc = grpc.NewServer(append([]grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxRequest),
		grpc.WaitForHandlers(true),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	}, s.grpcOptions...)...)
	s.Register(s.grpc)
	return s
}

// Set makes state what the nodes of group have, and says what changed against what they had. Only that is sent. If a
// resource is bad, nothing changes and the error names it. It does not wait for the nodes: [Server.Await] does.
func (s *Server) Set(group string, state State) (Change, error) {
	g := s.hold(group)
	defer s.release(g)
	return g.replace(state)
}

// Patch changes a part of what the nodes of group have, and is otherwise like Set. Its cost is that of the part alone,
// however much there is: it is for one endpoint among many.
func (s *Server) Patch(group string, patch Patch) (Change, error) {
	g := s.hold(group)
	defer s.release(g)
	return g.patch(patch)
}

// Version returns the version of a group: that of the last Set or Patch that changed anything, 0 if none did.
func (s *Server) Version(group string) uint64 {
	g := s.hold(group)
	defer s.release(g)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.version
}

// Register adds the control plane's service to another gRPC server, which must be stopped after [Server.Stop].
func (s *Server) Register(r grpc.ServiceRegistrar) {
	discovery.RegisterAggregatedDiscoveryServiceServer(r, &ads{server: s})
}

// Serve lets nodes in through lis, until Stop, after which it returns nil. It closes lis.
func (s *Server) Serve(lis net.Listener) error {
	if err := s.grpc.Serve(lis); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve xds on %s: %w", lis.Addr(), err)
	}
	return nil
}

// Stop ends all streams and connections, and waits until the observer is no longer called.
func (s *Server) Stop() {
	s.cancel()
	s.grpc.Stop()
}

// ads is the gRPC service.
type ads struct {
	discovery.UnimplementedAggregatedDiscoveryServiceServer
	server *Server
}

// StreamAggregatedResources serves the state of the world.
func (a *ads) StreamAggregatedResources(str discovery.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	p := &peer{server: a.server, since: time.Now()}
	return sotw.NewServer(a.server.ctx, p, p, sotw.WithOrderedADS(), config.DeactivateLegacyWildcardForTypes(namedOnly)).
		StreamHandler(str, resource.AnyType)
}

// DeltaAggregatedResources serves incremental changes.
func (a *ads) DeltaAggregatedResources(str discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	p := &peer{server: a.server, since: time.Now(), incremental: true}
	return delta.NewServer(a.server.ctx, p, p, config.DeactivateLegacyWildcardForTypes(namedOnly)).
		DeltaStreamHandler(str, resource.AnyType)
}

// observe tells the observer.
func (s *Server) observe(e Event) { s.observer(e) }

// hold returns a group, which is created if it is new, and keeps it until release.
func (s *Server) hold(name string) *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[name]
	if g == nil {
		g = newGroup(name, s.instance)
		s.groups[name] = g
	}
	s.users[g]++
	return g
}

// release gives a group back. A group that nobody uses and nothing was set for is forgotten: its name may be anything
// that a node made up.
func (s *Server) release(g *group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[g]--
	if s.users[g] > 0 {
		return
	}
	delete(s.users, g)
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.set {
		delete(s.groups, g.name)
	}
}

// join adds a peer to the group of its node, which the node's cluster names.
func (s *Server) join(p *peer) {
	p.group = s.hold(p.node.GetCluster())
	p.group.mu.Lock()
	defer p.group.mu.Unlock()
	p.group.peers[p] = struct{}{}
}

// leave takes a peer out of its group.
func (s *Server) leave(p *peer) {
	p.group.mu.Lock()
	delete(p.group.peers, p)
	p.group.changedLocked()
	p.group.mu.Unlock()
	s.release(p.group)
}
