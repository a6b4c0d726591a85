package cluster

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"

	"github.com/millrace/millrace/proxy/config/strict"
)

// Assignment is a list of endpoints, valid alone, sorted and immutable.
type Assignment struct {
	Name      string
	Endpoints []Endpoint
}

// Endpoint is one address of a cluster.
type Endpoint struct {
	Address  string // "ip:port", "[ip6]:port", "unix:path", or "name:port" where names are resolved
	Hostname string
	Resolve  bool // Address has a name
	Usable   bool // the control plane does not say that it is unhealthy or draining
	Priority int
	Locality string // "region/zone/sub_zone"

	Weight         uint32 // at least 1
	LocalityWeight uint32 // 0 takes no load where localities are weighted
	CheckPort      uint16 // of health checks; 0 is the address's
}

// NewAssignment decodes and checks a ClusterLoadAssignment of EDS.
func NewAssignment(m *endpointv3.ClusterLoadAssignment) (*Assignment, error) {
	if m.GetClusterName() == "" {
		return nil, fmt.Errorf("cluster_load_assignment: cluster_name: empty")
	}
	a, err := newAssignment(m, false)
	if err != nil {
		return nil, fmt.Errorf("cluster_load_assignment %s: %w", m.GetClusterName(), err)
	}
	return a, nil
}

func newAssignment(m *endpointv3.ClusterLoadAssignment, names bool) (*Assignment, error) {
	if err := strict.Fields(m, "cluster_name", "endpoints", "policy"); err != nil {
		return nil, err
	}
	if err := strict.At("policy", strict.Fields(m.GetPolicy(), "overprovisioning_factor")); err != nil {
		return nil, err
	}
	a := &Assignment{Name: m.GetClusterName()}
	for i, l := range m.GetEndpoints() {
		if err := strict.Fields(l, "locality", "lb_endpoints", "load_balancing_weight", "priority", "metadata", "proximity"); err != nil {
			return nil, strict.At(fmt.Sprintf("endpoints[%d]", i), err)
		}
		if l.GetPriority() > 128 {
			return nil, fmt.Errorf("endpoints[%d].priority: %d is above 128", i, l.GetPriority())
		}
		loc := l.GetLocality()
		for j, lb := range l.GetLbEndpoints() {
			e, err := newEndpoint(lb, names)
			if err != nil {
				return nil, fmt.Errorf("endpoints[%d].lb_endpoints[%d]: %w", i, j, err)
			}
			e.Priority, e.LocalityWeight = int(l.GetPriority()), l.GetLoadBalancingWeight().GetValue()
			e.Locality = loc.GetRegion() + "/" + loc.GetZone() + "/" + loc.GetSubZone()
			a.Endpoints = append(a.Endpoints, e)
		}
	}
	slices.SortStableFunc(a.Endpoints, func(x, y Endpoint) int {
		return cmp.Or(cmp.Compare(x.Priority, y.Priority), cmp.Compare(x.Locality, y.Locality), cmp.Compare(x.Address, y.Address))
	})
	a.Endpoints = slices.CompactFunc(a.Endpoints, func(x, y Endpoint) bool { return x.Address == y.Address && x.Priority == y.Priority })
	return a, nil
}

func newEndpoint(lb *endpointv3.LbEndpoint, names bool) (Endpoint, error) {
	e := Endpoint{Weight: 1, Usable: true}
	if err := strict.Fields(lb, "endpoint", "health_status", "metadata", "load_balancing_weight"); err != nil {
		return e, err
	}
	if err := strict.At("endpoint", strict.Fields(lb.GetEndpoint(), "address", "hostname", "health_check_config")); err != nil {
		return e, err
	}
	if w := lb.GetLoadBalancingWeight(); w != nil {
		if e.Weight = w.GetValue(); e.Weight == 0 {
			return e, fmt.Errorf("load_balancing_weight: 0; remove the endpoint instead")
		}
	}
	switch lb.GetHealthStatus() {
	case corev3.HealthStatus_UNHEALTHY, corev3.HealthStatus_DRAINING, corev3.HealthStatus_TIMEOUT:
		e.Usable = false
	}
	e.Hostname = lb.GetEndpoint().GetHostname()
	hc := lb.GetEndpoint().GetHealthCheckConfig()
	if err := strict.At("endpoint.health_check_config", strict.Fields(hc, "port_value")); err != nil {
		return e, err
	}
	e.CheckPort = uint16(hc.GetPortValue())
	var err error
	e.Address, e.Resolve, err = parseAddress(lb.GetEndpoint().GetAddress(), names)
	return e, err
}

// parseAddress returns an address in the form of [Endpoint], and whether it has a name to resolve.
func parseAddress(a *corev3.Address, names bool) (string, bool, error) {
	if p := a.GetPipe(); p != nil {
		if p.GetPath() == "" {
			return "", false, fmt.Errorf("address.pipe.path: empty")
		}
		return "unix:" + p.GetPath(), false, nil
	}
	sa := a.GetSocketAddress()
	if sa == nil {
		return "", false, &strict.Unsupported{Field: "endpoint.address", Why: "set socket_address or pipe"}
	}
	if sa.GetProtocol() != corev3.SocketAddress_TCP {
		return "", false, &strict.Unsupported{Field: "address.socket_address.protocol " + sa.GetProtocol().String(), Why: "use TCP"}
	}
	port := sa.GetPortValue()
	if _, ok := sa.GetPortSpecifier().(*corev3.SocketAddress_PortValue); !ok || port == 0 || port > 65535 {
		return "", false, fmt.Errorf("address.socket_address: port_value must be from 1 to 65535")
	}
	if ip, err := netip.ParseAddr(sa.GetAddress()); err == nil {
		return netip.AddrPortFrom(ip.Unmap(), uint16(port)).String(), false, nil
	}
	if !names || sa.GetAddress() == "" {
		return "", false, fmt.Errorf("address.socket_address.address: %q is not an IP address; names need a cluster of type STRICT_DNS", sa.GetAddress())
	}
	return sa.GetAddress() + ":" + strconv.Itoa(int(port)), true, nil
}
