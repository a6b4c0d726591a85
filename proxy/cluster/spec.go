package cluster

import (
	"fmt"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/millrace/millrace/proxy/config/strict"
)

// Discovery says where a cluster's endpoints come from.
type Discovery uint8

// The kinds of discovery.
const (
	Static    Discovery = iota + 1
	StrictDNS           // every address of every name is an endpoint
	EDS
)

// Policy says how an endpoint is chosen.
type Policy uint8

// The policies.
const (
	RoundRobin Policy = iota + 1
	LeastRequest
	Random
)

// Spec is a cluster's configuration, valid alone and immutable.
type Spec struct {
	Name        string
	Discovery   Discovery
	ServiceName string // of the ClusterLoadAssignment, for EDS
	// FetchTimeout is how long the cluster waits for its first endpoints before it becomes current without; 0 is for ever.
	FetchTimeout time.Duration
	Assignment   *Assignment // for Static and StrictDNS

	Policy           Policy
	Choices          int // of LeastRequest
	LocalityWeighted bool
	PanicThreshold   float64 // percent of usable hosts below which all are used; 0 is never

	ConnectTimeout time.Duration
	Limits         Limits
	Outlier        *Outlier // nil is off
	Checks         []Check
	Protocol       Protocol
	TLS            *TLS // nil is plain text
	DNS            DNS
}

// DNS is how STRICT_DNS resolves.
type DNS struct {
	Refresh time.Duration
	Network string // "ip", "ip4" or "ip6" as net.Resolver takes it
}

// Limits are Envoy's circuit_breakers thresholds of the default priority.
type Limits struct {
	Connections, Pending, Requests int64
	// Retries is the number at once; where 0, Budget counts.
	Retries int64
	Budget  Budget
}

// Budget bounds the retries under way by a share of the requests under way, but not below Min.
type Budget struct {
	Percent float64
	Min     int64
}

// defaultLimits are Envoy's, but for retries (see the package comment).
var defaultLimits = Limits{Connections: 1024, Pending: 1024, Requests: 1024, Budget: Budget{Percent: 20, Min: 100}}

// NewSpec decodes and checks a Cluster. What it sets and the proxy does not do is an error that names it.
func NewSpec(m *clusterv3.Cluster) (*Spec, error) {
	if m.GetName() == "" {
		return nil, fmt.Errorf("cluster: name: empty")
	}
	s, err := newSpec(m)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", m.GetName(), err)
	}
	return s, nil
}

func newSpec(m *clusterv3.Cluster) (*Spec, error) {
	if err := strict.Fields(m, "name", "alt_stat_name", "metadata", "type", "eds_cluster_config", "connect_timeout",
		"per_connection_buffer_limit_bytes", "lb_policy", "load_assignment", "health_checks", "max_requests_per_connection",
		"circuit_breakers", "common_http_protocol_options", "http_protocol_options", "http2_protocol_options",
		"typed_extension_protocol_options", "dns_refresh_rate", "dns_lookup_family", "outlier_detection",
		"common_lb_config", "transport_socket", "least_request_lb_config", "round_robin_lb_config",
		"ignore_health_on_host_removal", "cleanup_interval", "respect_dns_ttl"); err != nil {
		return nil, err
	}
	s := &Spec{Name: m.GetName(), ConnectTimeout: 5 * time.Second, Limits: defaultLimits, Choices: 2, PanicThreshold: 50,
		DNS: DNS{Refresh: 5 * time.Second, Network: "ip"}}
	if err := positive("connect_timeout", m.GetConnectTimeout(), &s.ConnectTimeout); err != nil {
		return nil, err
	}
	if err := positive("dns_refresh_rate", m.GetDnsRefreshRate(), &s.DNS.Refresh); err != nil {
		return nil, err
	}
	for _, step := range []func(*clusterv3.Cluster) error{
		s.discovery, s.balancing, s.breakers, s.protocol, s.health, s.outlier,
	} {
		if err := step(m); err != nil {
			return nil, err
		}
	}
	var err error
	if ts := m.GetTransportSocket(); ts != nil {
		if s.TLS, err = newTLS(ts, s.Protocol.ALPN()); err != nil {
			return nil, fmt.Errorf("transport_socket: %w", err)
		}
	}
	return s, nil
}

func (s *Spec) discovery(m *clusterv3.Cluster) error {
	if m.GetClusterType() != nil {
		return &strict.Unsupported{Field: "cluster_type", Why: "use type STATIC, STRICT_DNS or EDS"}
	}
	switch m.GetType() {
	case clusterv3.Cluster_STATIC:
		s.Discovery = Static
	case clusterv3.Cluster_STRICT_DNS:
		s.Discovery = StrictDNS
	case clusterv3.Cluster_EDS:
		s.Discovery = EDS
		return s.eds(m)
	default:
		return &strict.Unsupported{Field: "type " + m.GetType().String(), Why: "use STATIC, STRICT_DNS or EDS"}
	}
	if m.GetEdsClusterConfig() != nil {
		return fmt.Errorf("eds_cluster_config: set for a cluster of type %s", m.GetType())
	}
	if m.GetLoadAssignment() == nil {
		return fmt.Errorf("load_assignment: missing for a cluster of type %s", m.GetType())
	}
	switch m.GetDnsLookupFamily() {
	case clusterv3.Cluster_V4_ONLY:
		s.DNS.Network = "ip4"
	case clusterv3.Cluster_V6_ONLY:
		s.DNS.Network = "ip6"
	}
	var err error
	if s.Assignment, err = newAssignment(m.GetLoadAssignment(), s.Discovery == StrictDNS); err != nil {
		return fmt.Errorf("load_assignment: %w", err)
	}
	return nil
}

func (s *Spec) eds(m *clusterv3.Cluster) error {
	if m.GetLoadAssignment() != nil {
		return fmt.Errorf("load_assignment: set for a cluster of type EDS")
	}
	src := m.GetEdsClusterConfig().GetEdsConfig()
	switch src.GetConfigSourceSpecifier().(type) {
	case *corev3.ConfigSource_Ads, *corev3.ConfigSource_Self:
	default:
		return &strict.Unsupported{Field: "eds_cluster_config.eds_config", Why: "set ads or self"}
	}
	s.FetchTimeout = 15 * time.Second
	if d := src.GetInitialFetchTimeout(); d != nil {
		s.FetchTimeout = d.AsDuration()
	}
	if s.ServiceName = m.GetEdsClusterConfig().GetServiceName(); s.ServiceName == "" {
		s.ServiceName = s.Name
	}
	return nil
}

func (s *Spec) balancing(m *clusterv3.Cluster) error {
	switch m.GetLbPolicy() {
	case clusterv3.Cluster_ROUND_ROBIN:
		s.Policy = RoundRobin
		if err := strict.At("round_robin_lb_config", strict.Fields(m.GetRoundRobinLbConfig())); err != nil {
			return err
		}
	case clusterv3.Cluster_LEAST_REQUEST:
		s.Policy = LeastRequest
		lr := m.GetLeastRequestLbConfig()
		if err := strict.At("least_request_lb_config", strict.Fields(lr, "choice_count")); err != nil {
			return err
		}
		if n := lr.GetChoiceCount(); n != nil {
			if s.Choices = int(n.GetValue()); s.Choices < 2 {
				return fmt.Errorf("least_request_lb_config.choice_count: %d is less than 2", s.Choices)
			}
		}
	case clusterv3.Cluster_RANDOM:
		s.Policy = Random
	default:
		return &strict.Unsupported{Field: "lb_policy " + m.GetLbPolicy().String(), Why: "use ROUND_ROBIN, LEAST_REQUEST or RANDOM"}
	}
	lb := m.GetCommonLbConfig()
	if err := strict.At("common_lb_config", strict.Fields(lb, "healthy_panic_threshold", "locality_weighted_lb_config",
		"update_merge_window")); err != nil {
		return err
	}
	s.LocalityWeighted = lb.GetLocalityWeightedLbConfig() != nil
	if p := lb.GetHealthyPanicThreshold(); p != nil {
		if s.PanicThreshold = p.GetValue(); s.PanicThreshold < 0 || s.PanicThreshold > 100 {
			return fmt.Errorf("common_lb_config.healthy_panic_threshold: %v is not a percentage", s.PanicThreshold)
		}
	}
	return nil
}

func (s *Spec) breakers(m *clusterv3.Cluster) error {
	cb := m.GetCircuitBreakers()
	if err := strict.At("circuit_breakers", strict.Fields(cb, "thresholds")); err != nil {
		return err
	}
	for _, t := range cb.GetThresholds() {
		if err := strict.At("circuit_breakers.thresholds", strict.Fields(t, "priority", "max_connections",
			"max_pending_requests", "max_requests", "max_retries", "retry_budget", "track_remaining")); err != nil {
			return err
		}
		if t.GetPriority() != corev3.RoutingPriority_DEFAULT {
			continue // no route of another priority is accepted, so it counts nothing
		}
		set := func(dst *int64, v interface{ GetValue() uint32 }, has bool) {
			if has {
				*dst = int64(v.GetValue())
			}
		}
		l := &s.Limits
		set(&l.Connections, t.GetMaxConnections(), t.GetMaxConnections() != nil)
		set(&l.Pending, t.GetMaxPendingRequests(), t.GetMaxPendingRequests() != nil)
		set(&l.Requests, t.GetMaxRequests(), t.GetMaxRequests() != nil)
		set(&l.Retries, t.GetMaxRetries(), t.GetMaxRetries() != nil)
		if t.GetMaxRetries() != nil && l.Retries == 0 {
			l.Budget = Budget{} // an explicit zero forbids retries
		}
		if rb := t.GetRetryBudget(); rb != nil {
			if err := strict.At("circuit_breakers.thresholds.retry_budget", strict.Fields(rb, "budget_percent", "min_retry_concurrency")); err != nil {
				return err
			}
			l.Retries, l.Budget = 0, Budget{Percent: 20, Min: 3}
			if p := rb.GetBudgetPercent(); p != nil {
				l.Budget.Percent = p.GetValue()
			}
			set(&l.Budget.Min, rb.GetMinRetryConcurrency(), rb.GetMinRetryConcurrency() != nil)
		}
	}
	return nil
}

// positive sets *dst from d where d is set, and refuses what is not above zero.
func positive(field string, d *durationpb.Duration, dst *time.Duration) error {
	if d == nil {
		return nil
	}
	if err := d.CheckValid(); err != nil || d.AsDuration() <= 0 {
		return fmt.Errorf("%s: must be above 0", field)
	}
	*dst = d.AsDuration()
	return nil
}
