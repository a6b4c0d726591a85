package cluster

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/millrace/millrace/proxy/config/strict"
)

// Outlier is Envoy's outlier_detection. Enforcing values are percentages; 0 is off.
type Outlier struct {
	Interval, Base, MaxTime, Jitter time.Duration
	MaxPercent                      uint32
	AlwaysOne                       bool
	SplitLocal                      bool // local failures are counted apart from statuses

	Consecutive5xx, ConsecutiveGateway, ConsecutiveLocal uint32
	Enforce5xx, EnforceGateway, EnforceLocal             uint32

	EnforceRate, RateHosts, RateVolume, RateStdev        uint32
	EnforcePercentage, Percentage, PercHosts, PercVolume uint32
}

func (s *Spec) outlier(m *clusterv3.Cluster) error {
	o := m.GetOutlierDetection()
	if o == nil {
		return nil
	}
	if err := strict.Fields(o, "consecutive_5xx", "interval", "base_ejection_time", "max_ejection_percent", "enforcing_consecutive_5xx",
		"enforcing_success_rate", "success_rate_minimum_hosts", "success_rate_request_volume", "success_rate_stdev_factor",
		"consecutive_gateway_failure", "enforcing_consecutive_gateway_failure", "split_external_local_origin_errors",
		"consecutive_local_origin_failure", "enforcing_consecutive_local_origin_failure", "failure_percentage_threshold",
		"enforcing_failure_percentage", "failure_percentage_minimum_hosts", "failure_percentage_request_volume",
		"max_ejection_time", "max_ejection_time_jitter", "always_eject_one_host"); err != nil {
		return strict.At("outlier_detection", err)
	}
	or := func(v *wrapperspb.UInt32Value, unset uint32) uint32 {
		if v == nil {
			return unset
		}
		return v.GetValue()
	}
	d := &Outlier{
		Interval: 10 * time.Second, Base: 30 * time.Second, MaxPercent: or(o.GetMaxEjectionPercent(), 10),
		AlwaysOne: o.GetAlwaysEjectOneHost() == nil || o.GetAlwaysEjectOneHost().GetValue(), SplitLocal: o.GetSplitExternalLocalOriginErrors(),
		Consecutive5xx: or(o.GetConsecutive_5Xx(), 5), Enforce5xx: or(o.GetEnforcingConsecutive_5Xx(), 100),
		ConsecutiveGateway: or(o.GetConsecutiveGatewayFailure(), 5), EnforceGateway: or(o.GetEnforcingConsecutiveGatewayFailure(), 0),
		ConsecutiveLocal: or(o.GetConsecutiveLocalOriginFailure(), 5), EnforceLocal: or(o.GetEnforcingConsecutiveLocalOriginFailure(), 100),
		EnforceRate: or(o.GetEnforcingSuccessRate(), 100), RateHosts: or(o.GetSuccessRateMinimumHosts(), 5),
		RateVolume: or(o.GetSuccessRateRequestVolume(), 100), RateStdev: or(o.GetSuccessRateStdevFactor(), 1900),
		EnforcePercentage: or(o.GetEnforcingFailurePercentage(), 0), Percentage: or(o.GetFailurePercentageThreshold(), 85),
		PercHosts: or(o.GetFailurePercentageMinimumHosts(), 5), PercVolume: or(o.GetFailurePercentageRequestVolume(), 50),
		Jitter: o.GetMaxEjectionTimeJitter().AsDuration(),
	}
	if err := positive("outlier_detection.interval", o.GetInterval(), &d.Interval); err != nil {
		return err
	}
	if err := positive("outlier_detection.base_ejection_time", o.GetBaseEjectionTime(), &d.Base); err != nil {
		return err
	}
	d.MaxTime = max(300*time.Second, d.Base)
	if err := positive("outlier_detection.max_ejection_time", o.GetMaxEjectionTime(), &d.MaxTime); err != nil {
		return err
	}
	for _, p := range []uint32{d.MaxPercent, d.Enforce5xx, d.EnforceGateway, d.EnforceLocal, d.EnforceRate, d.EnforcePercentage, d.Percentage} {
		if p > 100 {
			return fmt.Errorf("outlier_detection: %d is not a percentage", p)
		}
	}
	s.Outlier = d
	return nil
}

// observe learns from one request's outcome.
func (c *Cluster) observe(h *Host, out Outcome) {
	if out == OutcomeUnknown {
		return
	}
	if out > 0 {
		c.state.Responses[min(uint(out)/100, 5)].Add(1)
	}
	if out.failed() {
		h.failures.Add(1)
	}
	d := c.spec.Outlier
	if d == nil {
		return
	}
	h.windowAll.Add(1)
	if !out.failed() {
		h.windowOK.Add(1)
		// Stores only where something changes: the counters of a good host stay in every core's cache.
		zero(&h.consecutive5xx)
		zero(&h.consecutiveGateway)
		zero(&h.consecutiveLocal)
		return
	}
	if out < 0 && d.SplitLocal {
		c.count(h, &h.consecutiveLocal, d.ConsecutiveLocal, d.EnforceLocal)
		return
	}
	c.count(h, &h.consecutive5xx, d.Consecutive5xx, d.Enforce5xx)
	if out < 0 || out >= 502 && out <= 504 {
		c.count(h, &h.consecutiveGateway, d.ConsecutiveGateway, d.EnforceGateway)
	} else {
		zero(&h.consecutiveGateway)
	}
}

func zero(n *atomic.Uint32) {
	if n.Load() != 0 {
		n.Store(0)
	}
}

func (c *Cluster) count(h *Host, n *atomic.Uint32, limit, enforce uint32) {
	if limit == 0 || n.Add(1) < limit {
		return
	}
	n.Store(0)
	if rand.Uint32N(100) < enforce {
		c.eject(h)
	}
}

// eject keeps requests from h for a while, where the cluster may spare it.
func (c *Cluster) eject(h *Host) {
	d, s := c.spec.Outlier, c.state
	s.mu.Lock()
	all := len(s.hosts)
	if s.hosts[h.Address] != h || h.ejected.Load() ||
		!(100*(s.ejected+1) <= int(d.MaxPercent)*all || d.AlwaysOne && s.ejected == 0 && d.MaxPercent > 0) {
		s.mu.Unlock()
		return
	}
	s.ejected++
	h.mu.Lock()
	h.ejections++
	out := min(time.Duration(h.ejections)*d.Base, d.MaxTime)
	if d.Jitter > 0 {
		out += rand.N(d.Jitter)
	}
	h.ejected.Store(true)
	h.timer = time.AfterFunc(out, func() { s.readmit(h) })
	h.mu.Unlock()
	s.mu.Unlock()
	s.Ejections.Add(1)
	s.refresh()
}

func (s *state) readmit(h *Host) {
	s.mu.Lock()
	back := h.uneject()
	if back {
		s.ejected--
	}
	s.mu.Unlock()
	if back {
		s.refresh()
	}
}

// uneject ends an ejection and tells whether there was one.
func (h *Host) uneject() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.timer != nil {
		h.timer.Stop()
		h.timer = nil
	}
	return h.ejected.Swap(false)
}

// watch runs the checks by interval until the cluster is closed: success rate, failure percentage, and the decay of the
// ejection time of hosts that behave.
func (c *Cluster) watch() {
	t := time.NewTicker(c.spec.Outlier.Interval)
	defer t.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-t.C:
			c.judge()
		}
	}
}

func (c *Cluster) judge() {
	d := c.spec.Outlier
	type rated struct {
		h    *Host
		rate float64
	}
	var byRate, byPercentage []rated
	c.state.mu.Lock()
	for _, h := range c.state.hosts {
		all, ok := h.windowAll.Swap(0), h.windowOK.Swap(0)
		h.mu.Lock()
		if !h.ejected.Load() && h.ejections > 0 {
			h.ejections--
		}
		h.mu.Unlock()
		if h.ejected.Load() || all == 0 {
			continue
		}
		r := rated{h, 100 * float64(ok) / float64(all)}
		if all >= int64(d.RateVolume) {
			byRate = append(byRate, r)
		}
		if all >= int64(d.PercVolume) {
			byPercentage = append(byPercentage, r)
		}
	}
	c.state.mu.Unlock()
	var bad []*Host
	if len(byRate) >= int(d.RateHosts) && len(byRate) > 0 {
		mean, dev := 0.0, 0.0
		for _, r := range byRate {
			mean += r.rate / float64(len(byRate))
		}
		for _, r := range byRate {
			dev += (r.rate - mean) * (r.rate - mean) / float64(len(byRate))
		}
		low := mean - math.Sqrt(dev)*float64(d.RateStdev)/1000
		for _, r := range byRate {
			if r.rate < low && rand.Uint32N(100) < d.EnforceRate {
				bad = append(bad, r.h)
			}
		}
	}
	if len(byPercentage) >= int(d.PercHosts) {
		for _, r := range byPercentage {
			if 100-r.rate >= float64(d.Percentage) && rand.Uint32N(100) < d.EnforcePercentage {
				bad = append(bad, r.h)
			}
		}
	}
	for _, h := range bad {
		c.eject(h)
	}
}
