package config

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/config/strict"
	"github.com/millrace/millrace/proxy/filter"
	"github.com/millrace/millrace/proxy/filter/fault"
	"github.com/millrace/millrace/proxy/filter/rbac"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
	"github.com/millrace/millrace/xds/client"
)

// Type URLs of the resources that this package takes.
const (
	ListenerType = "type.googleapis.com/envoy.config.listener.v3.Listener"
	RouteType    = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
	ClusterType  = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	EndpointType = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
)

// Codes of refusals.
const (
	CodeUndecodable = "MR330" // the bytes are not a message of that type
	CodeCluster     = "MR331"
	CodeEndpoints   = "MR332"
	CodeRoutes      = "MR333"
	CodeListener    = "MR334"
	CodeUnknownType = "MR335"
)

// Options are what a [Config] works with.
type Options struct {
	Clusters  *cluster.Registry
	Forwarder *router.Forwarder
	// Start binds and serves a listener; [Sockets] makes one that uses real sockets.
	Start Starter
	// Kinds are further HTTP filters by the full name of the message that configures them.
	Kinds map[string]filter.Kind
	// Sinks take resources of further types, by type URL.
	Sinks map[string]client.Handler
	// AccessLog makes the log of a connection manager; nil refuses access_log.
	AccessLog func([]*accesslogv3.AccessLog) (filter.AccessLog, error)
	// Handler makes the handler of a connection manager's requests; nil: filter.NewManager.
	Handler func(statPrefix string, c filter.Config) stream.Handler
	// DrainTime is how long the connections of a listener that goes may finish; 0 is 30 s.
	DrainTime time.Duration
	Log       *slog.Logger // nil is none
}

// Subscriber is where resources are asked for by name; *client.Client is one.
type Subscriber interface {
	Subscribe(typeURL string, names ...string)
	Unsubscribe(typeURL string, names ...string)
}

// Config holds all resources. It is safe for concurrent use.
type Config struct {
	o     Options
	kinds map[string]filter.Kind
	work  sync.WaitGroup  // drains
	ctx   context.Context // done when Close is called
	stop  context.CancelFunc

	mu         sync.Mutex // guards what follows
	closed     bool
	clusters   map[string]*resource
	endpoints  map[string]*resource
	routes     map[string]*routes
	listeners  map[string]*listening
	subscriber Subscriber
	asked      map[string][]string // by type URL
	versions   map[string]string   // of the last response, by type URL
	refused    map[string]map[string]client.ResourceError
}

// resource is the last good message of one name.
type resource struct {
	message proto.Message
	version string
	static  bool
	updated time.Time
}

// New returns an empty configuration. Close ends it.
func New(o Options) *Config {
	if o.DrainTime == 0 {
		o.DrainTime = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Handler == nil {
		o.Handler = func(_ string, c filter.Config) stream.Handler { return filter.NewManager(c) }
	}
	c := &Config{o: o, clusters: map[string]*resource{}, endpoints: map[string]*resource{},
		routes: map[string]*routes{}, listeners: map[string]*listening{}, asked: map[string][]string{}, versions: map[string]string{}, refused: map[string]map[string]client.ResourceError{}}
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.kinds = map[string]filter.Kind{fault.TypeName: fault.Kind{}, rbac.TypeName: rbac.Kind{},
		routerType: terminalKind{o.Forwarder}}
	for name, k := range o.Kinds {
		c.kinds[name] = k
	}
	return c
}

var _ client.Handler = (*Config)(nil)

// Static takes the resources of a bootstrap file. They stay whatever a control plane says.
func (c *Config) Static(clusters []*clusterv3.Cluster, listeners []*listenerv3.Listener) error {
	for _, m := range clusters {
		if err := c.setCluster(m, "", true); err != nil {
			return err
		}
	}
	for _, m := range listeners {
		if err := c.setListener(m, "", true); err != nil {
			return err
		}
	}
	c.ask()
	return nil
}

// Attach says where resources are asked for by name, from now on.
func (c *Config) Attach(s Subscriber) {
	c.mu.Lock()
	c.subscriber = s
	c.mu.Unlock()
	c.ask()
}

// Apply implements client.Handler. It returns at once: what waits for other resources warms afterwards.
func (c *Config) Apply(u client.Update) []client.ResourceError {
	errs := c.apply(u)
	c.mu.Lock()
	c.versions[u.TypeURL] = u.Version
	bad := c.refused[u.TypeURL]
	if bad == nil {
		bad = map[string]client.ResourceError{}
		c.refused[u.TypeURL] = bad
	}
	for _, r := range u.Resources {
		delete(bad, r.Name)
	}
	for _, name := range u.Removed {
		delete(bad, name)
	}
	for _, e := range errs {
		bad[e.Name] = e
	}
	c.mu.Unlock()
	c.ask()
	return errs
}

func (c *Config) apply(u client.Update) []client.ResourceError {
	var one func(client.Resource) error
	var remove func(string)
	code := ""
	switch u.TypeURL {
	case ClusterType:
		one, remove, code = c.applyCluster, c.removeCluster, CodeCluster
	case EndpointType:
		one, remove, code = c.applyEndpoints, c.removeEndpoints, CodeEndpoints
	case RouteType:
		one, remove, code = c.applyRoutes, c.removeRoutes, CodeRoutes
	case ListenerType:
		one, remove, code = c.applyListener, c.removeListener, CodeListener
	default:
		if sink := c.o.Sinks[u.TypeURL]; sink != nil {
			return sink.Apply(u)
		}
		var errs []client.ResourceError
		for _, r := range u.Resources {
			errs = append(errs, client.ResourceError{Name: r.Name, Code: CodeUnknownType, Message: fmt.Sprintf("resources of type %s are not known here", u.TypeURL)})
		}
		return errs
	}
	var errs []client.ResourceError
	for _, r := range u.Resources {
		if err := one(r); err != nil {
			e := client.ResourceError{Name: r.Name, Code: code, Message: err.Error()}
			if _, ok := err.(undecodable); ok {
				e.Code = CodeUndecodable
			}
			errs = append(errs, e)
			c.o.Log.Warn("resource refused", "type", strict.TypeName(r.Body), "name", r.Name, "code", e.Code, "reason", e.Message)
		}
	}
	for _, name := range u.Removed {
		remove(name)
	}
	return errs
}

// undecodable is the error for bytes that are no message of their type.
type undecodable struct{ error }

// decode decodes a resource's body into m.
func decode(body *anypb.Any, m proto.Message) error {
	if err := strict.Any(body, m); err != nil {
		return undecodable{err}
	}
	return nil
}

// ask subscribes to the endpoints and routes that are named, and to no others.
func (c *Config) ask() {
	services := c.o.Clusters.Services()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subscriber == nil {
		return
	}
	var tables []string
	for name, r := range c.routes {
		if r.users > 0 {
			tables = append(tables, name)
		}
	}
	slices.Sort(tables)
	c.askLocked(EndpointType, services)
	c.askLocked(RouteType, tables)
}

func (c *Config) askLocked(typeURL string, want []string) {
	have := c.asked[typeURL]
	c.asked[typeURL] = want
	if more := without(want, have); len(more) > 0 {
		c.subscriber.Subscribe(typeURL, more...)
	}
	if less := without(have, want); len(less) > 0 {
		c.subscriber.Unsubscribe(typeURL, less...)
	}
}

// without returns what is in a and not in b; both are sorted.
func without(a, b []string) []string {
	var out []string
	for _, s := range a {
		if _, ok := slices.BinarySearch(b, s); !ok {
			out = append(out, s)
		}
	}
	return out
}

// Close stops all listeners at once and waits for the goroutines of this package. The registry of clusters is its owner's
// to close, afterwards.
func (c *Config) Close() {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	c.stop()
	for _, l := range c.listeners {
		l.closeLocked()
	}
	c.mu.Unlock()
	c.work.Wait()
}
