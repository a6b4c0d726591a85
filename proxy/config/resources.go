package config

import (
	"fmt"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/config/strict"
	"github.com/millrace/millrace/proxy/filter"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/xds/client"
)

func (c *Config) applyCluster(r client.Resource) error {
	m := &clusterv3.Cluster{}
	if err := decode(r.Body, m); err != nil {
		return err
	}
	return c.setCluster(m, r.Version, false)
}

func (c *Config) setCluster(m *clusterv3.Cluster, version string, static bool) error {
	spec, err := cluster.NewSpec(m)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.clusters[m.GetName()]
	if old != nil && old.static && !static {
		return fmt.Errorf("cluster %s: the bootstrap file has a static cluster of that name; rename one", m.GetName())
	}
	c.clusters[m.GetName()] = &resource{m, version, static, time.Now()}
	if old == nil || !proto.Equal(old.message, m) {
		c.o.Clusters.Set(spec)
	}
	return nil
}

func (c *Config) removeCluster(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.clusters[name]; r == nil || r.static {
		return
	}
	delete(c.clusters, name)
	c.o.Clusters.Remove(name)
}

func (c *Config) applyEndpoints(r client.Resource) error {
	m := &endpointv3.ClusterLoadAssignment{}
	if err := decode(r.Body, m); err != nil {
		return err
	}
	a, err := cluster.NewAssignment(m)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.endpoints[m.GetClusterName()] = &resource{message: m, version: r.Version, updated: time.Now()}
	c.mu.Unlock()
	c.o.Clusters.Assign(a)
	return nil
}

func (c *Config) removeEndpoints(name string) {
	c.mu.Lock()
	delete(c.endpoints, name)
	c.mu.Unlock()
	c.o.Clusters.Unassign(name)
}

// routes is a route configuration by name, which listeners share. It exists from when it is named or delivered.
type routes struct {
	holder filter.Routes
	last   *resource // nil until one was delivered
	users  int       // listeners that name it
}

func (c *Config) routesLocked(name string) *routes {
	r := c.routes[name]
	if r == nil {
		r = &routes{}
		c.routes[name] = r
	}
	return r
}

func (c *Config) applyRoutes(r client.Resource) error {
	m := &routev3.RouteConfiguration{}
	if err := decode(r.Body, m); err != nil {
		return err
	}
	if m.GetName() == "" {
		return fmt.Errorf("route_configuration: name: empty")
	}
	table, err := c.compile(m)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.routesLocked(m.GetName())
	e.holder.Store(table)
	e.last = &resource{message: m, version: r.Version, updated: time.Now()}
	for _, l := range c.listeners {
		if l.next != nil && l.next.rds == m.GetName() {
			c.warmLocked(l)
		}
	}
	return nil
}

// removeRoutes forgets a route configuration that no listener names. One that is named serves on: its removal by the
// control plane before the listener's is an order that must not cost requests.
func (c *Config) removeRoutes(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.routes[name]; e != nil && e.users == 0 {
		delete(c.routes, name)
	}
}

func (c *Config) compile(m *routev3.RouteConfiguration) (*router.Table, error) {
	return router.Compile(m, router.Compiler{Ref: c.o.Clusters.Ref, Lookup: c.o.Clusters.Lookup, PerFilter: c.perFilter})
}

// perFilter compiles an entry of typed_per_filter_config, by the type of its message.
func (c *Config) perFilter(_ string, a *anypb.Any) (any, error) {
	optional := false
	var wrap routev3.FilterConfig
	if strict.TypeName(a) == "envoy.config.route.v3.FilterConfig" {
		if err := strict.Any(a, &wrap); err != nil {
			return nil, err
		}
		if wrap.GetDisabled() {
			return filter.Disabled{}, nil
		}
		if wrap.GetConfig() == nil {
			return filter.Enabled{}, nil
		}
		a, optional = wrap.GetConfig(), wrap.GetIsOptional()
	}
	k := c.kinds[strict.TypeName(a)]
	if k == nil {
		k = c.kinds[perRouteOf[strict.TypeName(a)]]
	}
	if k == nil {
		if optional {
			return nil, nil
		}
		return nil, &strict.Unsupported{Field: strict.TypeName(a), Why: "no filter of that type is known; set is_optional, or remove it"}
	}
	v, err := k.PerRoute(a)
	if err != nil || wrap.GetConfig() == nil {
		return v, err
	}
	if v == (filter.Disabled{}) {
		return v, nil
	}
	return filter.Enabled{Config: v}, nil
}

// perRouteOf maps messages that stand only in routes to their filters' own.
var perRouteOf = map[string]string{
	"envoy.extensions.filters.http.rbac.v3.RBACPerRoute": "envoy.extensions.filters.http.rbac.v3.RBAC",
}
