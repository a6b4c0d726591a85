package cluster

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/millrace/millrace/proxy/stream"
)

// spread opens n requests one after another and counts the endpoints.
func spread(t *testing.T, c *Cluster, n int) map[string]int {
	t.Helper()
	got := map[string]int{}
	for range n {
		o, err := c.Open(&Attempt{})
		if err != nil {
			t.Fatal(err)
		}
		got[o.Host.Address]++
		o.Finish(200)
	}
	return got
}

func eds(name string) *clusterv3.Cluster {
	return &clusterv3.Cluster{Name: name, ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
		EdsClusterConfig: &clusterv3.Cluster_EdsClusterConfig{EdsConfig: &corev3.ConfigSource{ConfigSourceSpecifier: &corev3.ConfigSource_Ads{}}}}
}

func mustSpec(t *testing.T, m *clusterv3.Cluster) *Spec {
	t.Helper()
	s, err := NewSpec(m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustAssign(t *testing.T, m *endpointv3.ClusterLoadAssignment) *Assignment {
	t.Helper()
	a, err := NewAssignment(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func up(addresses ...string) *world {
	w := newWorld()
	for _, a := range addresses {
		w.set(a, &server{})
	}
	return w
}

func TestRoundRobinIsEvenAndFollowsWeights(t *testing.T) {
	w := up(a1, a2)
	r := w.registry(t)
	if got := spread(t, w.cluster(t, r, static("even", a1, a2)), 10); got[a1] != 5 || got[a2] != 5 {
		t.Errorf("even: %v", got)
	}
	m := static("weighted", a1, a2)
	m.LoadAssignment.Endpoints[0].LbEndpoints[0].LoadBalancingWeight = wrapperspb.UInt32(3)
	if got := spread(t, w.cluster(t, r, m), 400); got[a1] < 295 || got[a1] > 305 {
		t.Errorf("3 to 1: %v", got)
	}
}

func TestLocalityWeightsShareTheLoad(t *testing.T) {
	w := up(a1, a2, a3)
	m := static("c", a1, a2, a3)
	m.CommonLbConfig = &clusterv3.Cluster_CommonLbConfig{LocalityConfigSpecifier: &clusterv3.Cluster_CommonLbConfig_LocalityWeightedLbConfig_{LocalityWeightedLbConfig: &clusterv3.Cluster_CommonLbConfig_LocalityWeightedLbConfig{}}}
	all := m.LoadAssignment.Endpoints[0].LbEndpoints
	m.LoadAssignment.Endpoints = []*endpointv3.LocalityLbEndpoints{
		{Locality: &corev3.Locality{Zone: "a"}, LoadBalancingWeight: wrapperspb.UInt32(1), LbEndpoints: all[:1]},
		{Locality: &corev3.Locality{Zone: "b"}, LoadBalancingWeight: wrapperspb.UInt32(1), LbEndpoints: all[1:]},
	}
	if got := spread(t, w.cluster(t, w.registry(t), m), 400); got[a1] < 195 || got[a1] > 205 || got[a2] < 95 || got[a2] > 105 {
		t.Errorf("got %v", got)
	}
}

func TestLeastRequestAvoidsTheBusyEndpoint(t *testing.T) {
	w := up(a1, a2)
	m := static("c", a1, a2)
	m.LbPolicy = clusterv3.Cluster_LEAST_REQUEST
	m.LbConfig = &clusterv3.Cluster_LeastRequestLbConfig_{LeastRequestLbConfig: &clusterv3.Cluster_LeastRequestLbConfig{ChoiceCount: wrapperspb.UInt32(8)}}
	c := w.cluster(t, w.registry(t), m)
	var open []Opened
	for range 20 {
		o, err := c.Open(&Attempt{})
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, o)
	}
	per := map[string]int{}
	for i := range open {
		per[open[i].Host.Address]++
		open[i].Finish(200)
	}
	if per[a1] < 8 || per[a1] > 12 {
		t.Errorf("got %v", per)
	}
}

func TestALowerPriorityServesWhenTheFirstHasNoEndpoint(t *testing.T) {
	w := up(a1, a2)
	m := static("c", a1)
	m.LoadAssignment.Endpoints = append(m.LoadAssignment.Endpoints, assignment("", a2).Endpoints[0])
	m.LoadAssignment.Endpoints[1].Priority = 1
	r := w.registry(t)
	if got := spread(t, w.cluster(t, r, m), 4); got[a1] != 4 {
		t.Errorf("got %v", got)
	}
	m.LoadAssignment.Endpoints[0].LbEndpoints[0].HealthStatus = corev3.HealthStatus_UNHEALTHY
	if got := spread(t, w.cluster(t, r, m), 4); got[a2] != 4 {
		t.Errorf("got %v", got)
	}
}

func TestAnEDSClusterWarmsBeforeItServes(t *testing.T) {
	w := up(a1, a2)
	r := w.registry(t)
	r.Set(mustSpec(t, eds("c")))
	ref := r.Ref("c")
	if ref.Load() != nil || !slices.Equal(r.Warming(), []string{"c"}) || !slices.Equal(r.Services(), []string{"c"}) {
		t.Fatal("it is current without endpoints")
	}
	r.Assign(mustAssign(t, assignment("c", a1)))
	first := ref.Load()
	if first == nil || len(r.Warming()) != 0 {
		t.Fatal("it is not current with endpoints")
	}
	spread(t, first, 1)
	m := eds("c")
	m.ConnectTimeout = durationpb.New(time.Second)
	r.Set(mustSpec(t, m)) // known endpoints warm it at once
	second := ref.Load()
	if second == first {
		t.Fatal("the new version is not current")
	}
	r.Assign(mustAssign(t, assignment("c", a1, a2)))
	spread(t, second, 4)
	if w.dialed(a1) != 1 {
		t.Errorf("%d connections to an endpoint that stayed over two updates", w.dialed(a1))
	}
}

func TestEndpointsThatNeverComeHoldAClusterUpForATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().registry(t)
		defer r.Close()
		start := time.Now()
		warmed := make(chan string, 1)
		r.o.Warmed = func(name string) { warmed <- name }
		r.Set(mustSpec(t, eds("c")))
		<-warmed
		if time.Since(start) != 15*time.Second || r.Ref("c").Load() == nil {
			t.Errorf("after %v", time.Since(start))
		}
	})
}

func TestARemovedClusterServesUntilItsGraceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := up(a1)
		r := w.registry(t)
		defer r.Close()
		w.cluster(t, r, static("c", a1))
		ref := r.Ref("c")
		r.Remove("c")
		if ref.Load() == nil {
			t.Error("gone at once")
		}
		r.Set(mustSpec(t, static("c", a1))) // it comes back in time
		time.Sleep(time.Second)
		if ref.Load() == nil {
			t.Error("removed although it came back")
		}
		r.Remove("c")
		time.Sleep(time.Second)
		if ref.Load() != nil || r.Lookup([]byte("c")) != nil {
			t.Error("still there")
		}
	})
}

func TestLimitsOverflow(t *testing.T) {
	limit := func(th *clusterv3.CircuitBreakers_Thresholds) *clusterv3.Cluster {
		m := static("c", a1)
		m.CircuitBreakers = &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{th}}
		return m
	}
	overflow := func(t *testing.T, err error) {
		t.Helper()
		var e *Error
		if !errors.As(err, &e) || e.Reason != Overflow || e.Flags() != "UO" {
			t.Errorf("got %v", err)
		}
	}
	t.Run("max_requests", func(t *testing.T) {
		w := up(a1)
		c := w.cluster(t, w.registry(t), limit(&clusterv3.CircuitBreakers_Thresholds{MaxRequests: wrapperspb.UInt32(1)}))
		o, err := c.Open(&Attempt{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Open(&Attempt{})
		overflow(t, err)
		o.Finish(200)
		spread(t, c, 2)
	})
	t.Run("a request waits for one of max_connections", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := up(a1)
			r := w.registry(t)
			defer r.Close()
			c := w.cluster(t, r, limit(&clusterv3.CircuitBreakers_Thresholds{MaxConnections: wrapperspb.UInt32(1), MaxPendingRequests: wrapperspb.UInt32(1)}))
			o, err := c.Open(&Attempt{})
			if err != nil {
				t.Fatal(err)
			}
			got := make(chan error)
			go func() {
				o, err := c.Open(&Attempt{})
				if err == nil {
					o.Finish(200)
				}
				got <- err
			}()
			synctest.Wait()
			_, err = c.Open(&Attempt{})
			overflow(t, err) // the pending queue is full
			o.Finish(200)
			if err := <-got; err != nil {
				t.Error(err)
			}
			if n := w.dialed(a1); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	})
	t.Run("a waiting request has its deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := up(a1)
			r := w.registry(t)
			defer r.Close()
			c := w.cluster(t, r, limit(&clusterv3.CircuitBreakers_Thresholds{MaxConnections: wrapperspb.UInt32(1)}))
			o, err := c.Open(&Attempt{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Open(&Attempt{Deadline: time.Now().Add(time.Second)})
			var e *Error
			if !errors.As(err, &e) || e.Reason != Timeout {
				t.Errorf("got %v", err)
			}
			o.Finish(OutcomeReset)
			spread(t, c, 1)
		})
	})
}

func TestHTTP2SharesConnections(t *testing.T) {
	w := up(a1)
	m := static("c", a1)
	m.Http2ProtocolOptions = &corev3.Http2ProtocolOptions{}
	c := w.cluster(t, w.registry(t), m)
	var open []Opened
	for range 4 { // two fit on one of the fake's connections
		o, err := c.Open(&Attempt{})
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, o)
	}
	if n := w.dialed(a1); n != 2 {
		t.Errorf("%d connections for 4 streams", n)
	}
	for i := range open {
		open[i].Finish(200)
	}
	var all sync.WaitGroup
	var failed atomic.Int32
	for range 50 {
		all.Go(func() {
			o, err := c.Open(&Attempt{})
			if err != nil {
				failed.Add(1)
				return
			}
			o.Finish(200)
		})
	}
	if all.Wait(); failed.Load() > 0 {
		t.Errorf("%d failed", failed.Load())
	}
}

func TestIdleConnectionsAreClosedBeforeTheServerDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := up(a1)
		r := w.registry(t)
		defer r.Close()
		c := w.cluster(t, r, static("c", a1))
		spread(t, c, 1)
		time.Sleep(3 * time.Second)
		spread(t, c, 1)
		if n := w.dialed(a1); n != 1 {
			t.Errorf("%d connections", n)
		}
		time.Sleep(4500 * time.Millisecond)
		spread(t, c, 1)
		if n := w.dialed(a1); n != 2 {
			t.Errorf("%d connections", n)
		}
		time.Sleep(6 * time.Second)
		if _, _, conns, _ := c.Load(); conns != 0 {
			t.Errorf("%d connections are open", conns)
		}
	})
}

func TestAConnectionServesMaxRequests(t *testing.T) {
	w := up(a1)
	m := static("c", a1)
	m.MaxRequestsPerConnection = wrapperspb.UInt32(2)
	spread(t, w.cluster(t, w.registry(t), m), 6)
	if n := w.dialed(a1); n != 3 {
		t.Errorf("%d connections for 6 requests", n)
	}
}

func TestOutlierDetectionEjectsAndReadmits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := up(a1, a2)
		r := w.registry(t)
		defer r.Close()
		m := static("c", a1, a2)
		m.OutlierDetection = &clusterv3.OutlierDetection{Consecutive_5Xx: wrapperspb.UInt32(2), MaxEjectionPercent: wrapperspb.UInt32(50)}
		c := w.cluster(t, r, m)
		fail := func() {
			for range 8 {
				o, err := c.Open(&Attempt{})
				if err != nil {
					t.Fatal(err)
				}
				if o.Host.Address == a1 {
					o.Finish(503)
				} else {
					o.Finish(200)
				}
			}
		}
		fail()
		if got := spread(t, c, 6); got[a1] != 0 {
			t.Errorf("an ejected endpoint got requests: %v", got)
		}
		time.Sleep(31 * time.Second)
		if got := spread(t, c, 6); got[a1] != 3 {
			t.Errorf("it did not come back: %v", got)
		}
		if n := c.Stats().Ejections.Load(); n != 1 {
			t.Errorf("%d ejections", n)
		}
	})
}

func TestNotMoreAreEjectedThanAllowed(t *testing.T) {
	w := up(a1, a2)
	m := static("c", a1, a2)
	m.OutlierDetection = &clusterv3.OutlierDetection{Consecutive_5Xx: wrapperspb.UInt32(1)}
	c := w.cluster(t, w.registry(t), m)
	for range 6 {
		o, err := c.Open(&Attempt{})
		if err != nil {
			t.Fatal(err)
		}
		o.Finish(500)
	}
	ejected := 0
	c.Endpoints(func(h *Host, _ *Endpoint) bool {
		if h.Ejected() {
			ejected++
		}
		return true
	})
	if ejected != 1 {
		t.Errorf("%d of 2 endpoints are ejected", ejected)
	}
}

func TestHealthChecksTakeEndpointsOutAndBackIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := up(a1, a2, a3)
		var sick atomic.Bool
		sick.Store(true)
		w.set(a2, &server{answer: func(u *fakeUpstream) error {
			if u.path == "/health" && sick.Load() {
				u.status = 503
			}
			return nil
		}})
		r := w.registry(t)
		defer r.Close()
		m := static("c", a1, a2, a3)
		m.HealthChecks = []*corev3.HealthCheck{{
			Timeout: durationpb.New(time.Second), Interval: durationpb.New(time.Second), HealthyThreshold: wrapperspb.UInt32(2), UnhealthyThreshold: wrapperspb.UInt32(2),
			HealthChecker: &corev3.HealthCheck_HttpHealthCheck_{HttpHealthCheck: &corev3.HealthCheck_HttpHealthCheck{Path: "/health"}},
		}}
		r.Set(mustSpec(t, m))
		if r.Ref("c").Load() != nil {
			t.Error("current before its first checks")
		}
		synctest.Wait()
		c := r.Ref("c").Load()
		if c == nil {
			t.Fatal("not current after its first checks")
		}
		if got := spread(t, c, 6); got[a2] != 0 || got[a1] != 3 {
			t.Errorf("got %v", got)
		}
		sick.Store(false)
		time.Sleep(2500 * time.Millisecond)
		if got := spread(t, c, 6); got[a2] != 2 {
			t.Errorf("got %v", got)
		}
		r.Set(mustSpec(t, static("c", a1, a2, a3)))
		spread(t, r.Ref("c").Load(), 3)
	})
}

func TestPanicUsesAllEndpoints(t *testing.T) {
	w := up(a1, a2, a3)
	m := static("c", a1, a2, a3)
	c := w.cluster(t, w.registry(t), m)
	set := c.set.Load()
	set.all[0].host.failed.Store(true)
	c.refresh()
	if got := spread(t, c, 6); got[a1] != 0 {
		t.Errorf("2 of 3: %v", got)
	}
	set.all[1].host.failed.Store(true)
	c.refresh()
	if got := spread(t, c, 6); got[a1] != 2 {
		t.Errorf("1 of 3 is below the panic threshold: %v", got)
	}
}

func TestNamesBecomeEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := up(a1, a2)
		r := w.registry(t)
		defer r.Close()
		var answer atomic.Value
		answer.Store("10.0.0.1")
		r.o.Lookup = func(_ context.Context, network, name string) ([]netip.Addr, error) {
			if a := answer.Load().(string); a != "" && name == "models" && network == "ip4" {
				return []netip.Addr{netip.MustParseAddr(a)}, nil
			}
			return nil, errors.New("no such host")
		}
		m := static("c", "models:80")
		m.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STRICT_DNS}
		m.DnsLookupFamily = clusterv3.Cluster_V4_ONLY
		r.Set(mustSpec(t, m))
		synctest.Wait()
		for i, want := range []string{a1, a2, a2} {
			if got := spread(t, r.Ref("c").Load(), 2); got[want] != 2 {
				t.Errorf("step %d: %v", i, got)
			}
			answer.Store([]string{"10.0.0.2", "", ""}[i]) // a name that is gone keeps its last address
			time.Sleep(6 * time.Second)
		}
	})
}

func TestWhatAClusterCannotDoIsRefusedByName(t *testing.T) {
	cases := []struct {
		name   string
		change func(m *clusterv3.Cluster)
		want   string
	}{
		{"ring hash", func(m *clusterv3.Cluster) { m.LbPolicy = clusterv3.Cluster_RING_HASH }, "lb_policy RING_HASH: not supported; use ROUND_ROBIN"},
		{"logical DNS", func(m *clusterv3.Cluster) {
			m.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_LOGICAL_DNS}
		}, "type LOGICAL_DNS"},
		{"subsets", func(m *clusterv3.Cluster) { m.LbSubsetConfig = &clusterv3.Cluster_LbSubsetConfig{} }, "lb_subset_config"},
		{"a newer balancing policy", func(m *clusterv3.Cluster) { m.LoadBalancingPolicy = &clusterv3.LoadBalancingPolicy{} }, "load_balancing_policy"},
		{"a name in a static cluster", func(m *clusterv3.Cluster) { m.LoadAssignment = assignment("c", "models:80") }, `"models" is not an IP address`},
		{"slow start", func(m *clusterv3.Cluster) {
			m.LbConfig = &clusterv3.Cluster_RoundRobinLbConfig_{RoundRobinLbConfig: &clusterv3.Cluster_RoundRobinLbConfig{SlowStartConfig: &clusterv3.Cluster_SlowStartConfig{}}}
		}, "round_robin_lb_config.slow_start_config"},
		{"a negative timeout", func(m *clusterv3.Cluster) { m.ConnectTimeout = durationpb.New(-1) }, "connect_timeout: must be above 0"},
		{"gRPC health checks", func(m *clusterv3.Cluster) {
			m.HealthChecks = []*corev3.HealthCheck{{HealthChecker: &corev3.HealthCheck_GrpcHealthCheck_{}}}
		}, "health_checks[0].grpc_health_check"},
		{"an unknown transport", func(m *clusterv3.Cluster) { m.TransportSocket = &corev3.TransportSocket{Name: "quic"} }, "transport_socket"},
		{"an impossible panic threshold", func(m *clusterv3.Cluster) {
			m.CommonLbConfig = &clusterv3.Cluster_CommonLbConfig{HealthyPanicThreshold: &typev3.Percent{Value: 101}}
		}, "healthy_panic_threshold"},
		{"no endpoints field", func(m *clusterv3.Cluster) { m.LoadAssignment = nil }, "load_assignment: missing"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			m := static("c", a1)
			tc.change(m)
			_, err := NewSpec(m)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "cluster c: ") {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := NewSpec(&clusterv3.Cluster{}); err == nil {
		t.Error("a cluster without a name was accepted")
	}
}

func TestAnOpenRequestIsCountedOnItsHost(t *testing.T) {
	w := up(a1)
	c := w.cluster(t, w.registry(t), static("c", a1))
	o, err := c.Open(&Attempt{})
	if err != nil || o.Version() != stream.HTTP11 {
		t.Fatal(err)
	}
	if o.Host.Active() != 1 {
		t.Error("the request is not counted on its host")
	}
	o.Finish(200)
}
