package fault

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	faultv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/proxy/config/strict"
	"github.com/millrace/millrace/proxy/filter"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/router/match"
	"github.com/millrace/millrace/proxy/stream"
)

// TypeName is the message that configures the filter.
const TypeName = "envoy.extensions.filters.http.fault.v3.HTTPFault"

// Kind compiles the filter's configurations.
type Kind struct{}

var _ filter.Kind = Kind{}

// Compile implements filter.Kind.
func (Kind) Compile(a *anypb.Any) (filter.Instance, error) {
	r, err := compile(a)
	if err != nil {
		return filter.Instance{}, err
	}
	return filter.Instance{Filter: &Filter{rule: r}}, nil
}

// PerRoute implements filter.Kind: a route's HTTPFault takes the place of the filter's own.
func (Kind) PerRoute(a *anypb.Any) (any, error) { return compile(a) }

// rule is one compiled HTTPFault.
type rule struct {
	headers []match.Header
	cluster string

	delay         time.Duration
	delayFraction router.Fraction

	abort         bool
	status        int
	grpc          int // status of gRPC, where isGRPC
	isGRPC        bool
	abortFraction router.Fraction

	max    int64 // faults at once; 0 is no bound
	active atomic.Int64
}

func compile(a *anypb.Any) (*rule, error) {
	var m faultv3.HTTPFault
	if err := strict.Any(a, &m); err != nil {
		return nil, err
	}
	if err := strict.Fields(&m, "delay", "abort", "upstream_cluster", "headers", "max_active_faults", "disable_downstream_cluster_stats"); err != nil {
		return nil, err
	}
	r := &rule{cluster: m.GetUpstreamCluster()}
	var err error
	if r.headers, err = match.NewHeaders(m.GetHeaders()); err != nil {
		return nil, err
	}
	if n := m.GetMaxActiveFaults(); n != nil {
		if r.max = int64(n.GetValue()); r.max == 0 {
			r.max = -1 // none at all
		}
	}
	if d := m.GetDelay(); d != nil {
		if err := strict.At("delay", strict.Fields(d, "fixed_delay", "percentage")); err != nil {
			return nil, err
		}
		if r.delay = d.GetFixedDelay().AsDuration(); r.delay <= 0 {
			return nil, fmt.Errorf("delay.fixed_delay: must be above 0")
		}
		if r.delayFraction, err = router.NewFraction(d.GetPercentage()); err != nil {
			return nil, fmt.Errorf("delay.percentage: %w", err)
		}
	}
	if ab := m.GetAbort(); ab != nil {
		if err := strict.At("abort", strict.Fields(ab, "http_status", "grpc_status", "percentage")); err != nil {
			return nil, err
		}
		r.abort = true
		switch t := ab.GetErrorType().(type) {
		case *faultv3.FaultAbort_HttpStatus:
			if r.status = int(t.HttpStatus); r.status < 200 || r.status > 599 {
				return nil, fmt.Errorf("abort.http_status: %d is not from 200 to 599", r.status)
			}
		case *faultv3.FaultAbort_GrpcStatus:
			r.grpc, r.isGRPC = int(t.GrpcStatus), true
		default:
			return nil, fmt.Errorf("abort: set http_status or grpc_status")
		}
		if r.abortFraction, err = router.NewFraction(ab.GetPercentage()); err != nil {
			return nil, fmt.Errorf("abort.percentage: %w", err)
		}
	}
	return r, nil
}

// Filter delays and aborts.
type Filter struct{ rule *rule }

// Request implements filter.Filter.
func (f *Filter) Request(x *filter.Exchange, perRoute any) filter.Verdict {
	r := f.rule
	if own, ok := perRoute.(*rule); ok {
		r = own
	}
	if r.delay == 0 && !r.abort || !match.All(r.headers, x.Down.Head()) || r.cluster != "" && !x.Match.Targets(r.cluster) {
		return filter.Continue
	}
	if r.delay > 0 && r.delayFraction.Hit() && r.begin() {
		done := r.sleep(x)
		r.active.Add(-1)
		if !done {
			return filter.Stop
		}
	}
	if r.abort && r.abortFraction.Hit() && r.begin() {
		r.reply(x)
		r.active.Add(-1)
		return filter.Stop
	}
	return filter.Continue
}

func (r *rule) begin() bool {
	if n := r.active.Add(1); r.max != 0 && n > r.max {
		r.active.Add(-1)
		return false
	}
	return true
}

// sleep waits and tells whether the client is still there.
func (r *rule) sleep(x *filter.Exchange) bool {
	x.Info.Flags |= router.DelayInjected
	t := time.NewTimer(r.delay)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-x.Down.Context().Done():
		x.Info.Flags |= router.DownstreamTermination
		x.Info.Detail = "downstream_remote_disconnect"
		x.Down.Reset()
		return false
	}
}

func (r *rule) reply(x *filter.Exchange) {
	if !r.isGRPC {
		x.Reply(r.status, "fault filter abort", router.FaultInjected, "fault_filter_abort")
		return
	}
	x.Info.Flags |= router.FaultInjected
	x.Info.Detail = "fault_filter_abort"
	x.Info.Status = 200
	h := stream.ResponseHead{Status: 200}
	h.Header.Add("content-type", "application/grpc")
	h.Header.Add("grpc-status", strconv.Itoa(r.grpc))
	h.Header.Add("grpc-message", "fault filter abort")
	_ = x.Down.SendHead(&h, true) // a client that is gone needs no answer
}
