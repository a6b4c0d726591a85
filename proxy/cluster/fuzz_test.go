package cluster

import (
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/millrace/millrace/proxy/stream"
)

func FuzzNewSpec(f *testing.F) {
	m := static("c", a1)
	m.OutlierDetection = &clusterv3.OutlierDetection{}
	raw, err := proto.Marshal(m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(_ *testing.T, raw []byte) {
		m := &clusterv3.Cluster{}
		if proto.Unmarshal(raw, m) == nil {
			_, _ = NewSpec(m)
		}
	})
}

func FuzzNewAssignment(f *testing.F) {
	raw, err := proto.Marshal(assignment("c", a1, a2))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := &endpointv3.ClusterLoadAssignment{}
		if proto.Unmarshal(raw, m) != nil {
			return
		}
		a, err := NewAssignment(m)
		if err != nil {
			return
		}
		set := &endpointSet{}
		for _, e := range a.Endpoints {
			set.all = append(set.all, &endpoint{Endpoint: e, host: &Host{Address: e.Address}})
		}
		c := &Cluster{spec: &Spec{Policy: LeastRequest, Choices: 2, LocalityWeighted: true, PanicThreshold: 50}, state: &state{}}
		set.refresh(c.spec)
		c.set.Store(set)
		if v := set.view.Load(); len(v.endpoints) > 0 && c.pick(&Attempt{}) == nil {
			t.Error("nothing was picked from endpoints that there are")
		}
	})
}

func TestProtocolOptionsSayWhatIsSpoken(t *testing.T) {
	typed := func(o *httpv3.HttpProtocolOptions) *clusterv3.Cluster {
		a, err := anypb.New(o)
		if err != nil {
			t.Fatal(err)
		}
		m := static("c", a1)
		m.TypedExtensionProtocolOptions = map[string]*anypb.Any{httpOptionsName: a}
		return m
	}
	explicit := func(h2 *corev3.Http2ProtocolOptions, common *corev3.HttpProtocolOptions) *clusterv3.Cluster {
		e := &httpv3.HttpProtocolOptions_ExplicitHttpConfig{ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{}}
		if h2 != nil {
			e.ProtocolConfig = &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{Http2ProtocolOptions: h2}
		}
		return typed(&httpv3.HttpProtocolOptions{CommonHttpProtocolOptions: common,
			UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: e}})
	}
	cases := []struct {
		name string
		m    *clusterv3.Cluster
		want Protocol
	}{
		{"unset is HTTP/1.1", static("c", a1), Protocol{Version: stream.HTTP11, IdleTimeout: idleHTTP1}},
		{"explicit HTTP/1.1", explicit(nil, nil), Protocol{Version: stream.HTTP11, IdleTimeout: idleHTTP1}},
		{"explicit HTTP/2", explicit(&corev3.Http2ProtocolOptions{MaxConcurrentStreams: wrapperspb.UInt32(7)}, nil), Protocol{Version: stream.HTTP2, IdleTimeout: idleHTTP2, MaxStreams: 7}},
		{"common options", explicit(nil, &corev3.HttpProtocolOptions{IdleTimeout: durationpb.New(9e9), MaxRequestsPerConnection: wrapperspb.UInt32(3)}), Protocol{Version: stream.HTTP11, IdleTimeout: 9e9, MaxRequests: 3}},
		{"an idle timeout of zero is none", explicit(nil, &corev3.HttpProtocolOptions{IdleTimeout: durationpb.New(0)}), Protocol{Version: stream.HTTP11}},
	}
	for _, c := range cases {
		if s, err := NewSpec(c.m); err != nil || s.Protocol != c.want {
			t.Errorf("%s: got %+v, %v", c.name, s, err)
		}
	}
	if _, err := NewSpec(typed(&httpv3.HttpProtocolOptions{UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_AutoConfig{AutoConfig: &httpv3.HttpProtocolOptions_AutoHttpConfig{}}})); err == nil {
		t.Error("auto_config was accepted")
	}
}

func TestSuccessRatesEjectTheOddOneOut(t *testing.T) {
	addresses := []string{a1, a2, a3, "10.0.0.4:80", "10.0.0.5:80"}
	w := up(addresses...)
	m := static("c", addresses...)
	m.OutlierDetection = &clusterv3.OutlierDetection{SuccessRateStdevFactor: wrapperspb.UInt32(1000), EnforcingConsecutive_5Xx: wrapperspb.UInt32(0), MaxEjectionPercent: wrapperspb.UInt32(100)}
	c := w.cluster(t, w.registry(t), m)
	for i := range 1000 {
		o, err := c.Open(&Attempt{})
		if err != nil {
			t.Fatal(err)
		}
		if o.Host.Address == a3 && i%2 == 0 {
			o.Finish(500)
		} else {
			o.Finish(200)
		}
	}
	c.judge()
	c.Endpoints(func(h *Host, _ *Endpoint) bool {
		if h.Ejected() != (h.Address == a3) {
			t.Errorf("%s: ejected %v", h.Address, h.Ejected())
		}
		return true
	})
}
