package inference

import (
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/proxy/filter"
	"github.com/millrace/millrace/proxy/inference/catalog"
	pb "github.com/millrace/millrace/xds/api/graphv1"
)

// TypeURL is the type of the filter's configuration.
const TypeURL = "type.googleapis.com/millrace.graph.v1.Inference"

// Kind compiles the filter for connection managers. All share one catalog and one engine.
type Kind struct {
	Filter *Filter
	// Subscribe is told where Models and InferenceGraphs come from, each time that a configuration names it.
	Subscribe func(typeURL string, from *corev3.ConfigSource) error
}

var _ filter.Kind = (*Kind)(nil)

// Compile implements filter.Kind.
func (k *Kind) Compile(config *anypb.Any) (filter.Instance, error) {
	c := new(pb.Inference)
	if err := config.UnmarshalTo(c); err != nil {
		return filter.Instance{}, fmt.Errorf("inference: %w", err)
	}
	if len(c.ProtoReflect().GetUnknown()) > 0 {
		return filter.Instance{}, fmt.Errorf("inference: the configuration has a field that this proxy does not know")
	}
	for _, s := range []struct {
		typeURL string
		from    *corev3.ConfigSource
	}{{catalog.ModelType, c.GetModels()}, {catalog.GraphType, c.GetGraphs()}} {
		if s.from == nil {
			continue
		}
		if s.from.GetAds() == nil {
			return filter.Instance{}, fmt.Errorf("inference: only the config source ads is supported")
		}
		if err := k.Subscribe(s.typeURL, s.from); err != nil {
			return filter.Instance{}, fmt.Errorf("inference: %w", err)
		}
	}
	e := c.GetExpressions()
	k.Filter.Catalog.SetLimits(catalog.Limits{Disabled: e.GetDisabled(), MaxCalls: int(e.GetMaxCalls()), MaxBytes: int(e.GetMaxBytes()), MaxPlan: int(e.GetMaxPlans())})
	f := k.Filter
	if n := c.GetMaxBodyBytes(); n > 0 && int64(n) != f.MaxBody {
		bounded := *f
		bounded.MaxBody = int64(n)
		bounded.engine.Servers = servers{&bounded}
		f = &bounded
	}
	return filter.Instance{Filter: f}, nil
}

// PerRoute implements filter.Kind: there is nothing to say per route.
func (k *Kind) PerRoute(*anypb.Any) (any, error) {
	return nil, fmt.Errorf("inference: typed_per_filter_config is not supported")
}

// Request implements filter.Filter.
func (f *Filter) Request(x *filter.Exchange, _ any) filter.Verdict {
	if f.Serve(x.Down, x.Info) {
		return filter.Stop
	}
	return filter.Continue
}
