package cluster

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"github.com/millrace/millrace/proxy/config/strict"
	"github.com/millrace/millrace/proxy/stream"
)

// Check is one active health check. A TCP check (no Path) passes where a connection is made.
type Check struct {
	Timeout, Interval  time.Duration
	Healthy, Unhealthy uint32 // consecutive results that change an endpoint's health
	Path, Host         string // HTTP
	Protocol           Protocol
	Statuses           []*typev3.Int64Range
}

func (s *Spec) health(m *clusterv3.Cluster) error {
	for i, hc := range m.GetHealthChecks() {
		c, err := newCheck(hc, s)
		if err != nil {
			return strict.At(fmt.Sprintf("health_checks[%d]", i), err)
		}
		s.Checks = append(s.Checks, c)
	}
	if len(s.Checks) > 1 {
		return fmt.Errorf("health_checks: only one is supported")
	}
	return nil
}

func newCheck(hc *corev3.HealthCheck, s *Spec) (Check, error) {
	c := Check{Healthy: hc.GetHealthyThreshold().GetValue(), Unhealthy: hc.GetUnhealthyThreshold().GetValue(), Host: s.Name, Protocol: s.Protocol}
	if err := strict.Fields(hc, "timeout", "interval", "unhealthy_threshold", "healthy_threshold", "http_health_check",
		"tcp_health_check", "reuse_connection", "no_traffic_interval", "interval_jitter", "initial_jitter",
		"interval_jitter_percent", "always_log_health_check_failures", "always_log_health_check_success", "event_log_path"); err != nil {
		return c, err
	}
	if hc.GetTimeout() == nil || hc.GetInterval() == nil || hc.GetHealthyThreshold() == nil || hc.GetUnhealthyThreshold() == nil {
		return c, fmt.Errorf("timeout, interval, healthy_threshold and unhealthy_threshold must be set")
	}
	if err := positive("timeout", hc.GetTimeout(), &c.Timeout); err != nil {
		return c, err
	}
	if err := positive("interval", hc.GetInterval(), &c.Interval); err != nil {
		return c, err
	}
	switch k := hc.GetHealthChecker().(type) {
	case *corev3.HealthCheck_TcpHealthCheck_:
		return c, strict.At("tcp_health_check", strict.Fields(k.TcpHealthCheck))
	case *corev3.HealthCheck_HttpHealthCheck_:
		h := k.HttpHealthCheck
		if err := strict.At("http_health_check", strict.Fields(h, "host", "path", "expected_statuses", "codec_client_type")); err != nil {
			return c, err
		}
		if c.Path = h.GetPath(); c.Path == "" {
			return c, fmt.Errorf("http_health_check.path: empty")
		}
		if h.GetHost() != "" {
			c.Host = h.GetHost()
		}
		c.Statuses = h.GetExpectedStatuses()
		c.Protocol.Version = stream.HTTP11
		if h.GetCodecClientType() == typev3.CodecClientType_HTTP2 {
			c.Protocol.Version = stream.HTTP2
		}
		return c, nil
	}
	return c, fmt.Errorf("http_health_check or tcp_health_check must be set")
}

// checker checks one host until it is stopped.
type checker struct {
	c       *Cluster
	e       *endpoint
	cancel  context.CancelFunc
	started bool // the first result is in; guarded by state.mu
}

// checkLocked starts and stops checkers so that each host of set has one; state.mu is held.
func (c *Cluster) checkLocked(set *endpointSet) {
	if len(c.spec.Checks) == 0 {
		return
	}
	in := map[string]bool{}
	for _, e := range set.all {
		in[e.Address] = true
		if c.checkers[e.Address] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(c.ctx)
		k := &checker{c: c, e: e, cancel: cancel}
		c.checkers[e.Address] = k
		c.unready++
		c.work.Go(func() { k.run(ctx) })
	}
	for addr, k := range c.checkers {
		if !in[addr] {
			k.cancel()
			c.readyLocked(k)
			delete(c.checkers, addr)
		}
	}
}

func (c *Cluster) readyLocked(k *checker) {
	if !k.started {
		k.started = true
		c.unready--
	}
}

func (k *checker) run(ctx context.Context) {
	check := &k.c.spec.Checks[0]
	timer := time.NewTimer(0)
	defer timer.Stop()
	var good, bad uint32
	for first := true; ; first = false {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := k.check(ctx, check)
		if ctx.Err() != nil {
			return
		}
		was := k.e.host.failed.Load()
		now := was
		if err == nil {
			k.c.state.ChecksPassed.Add(1)
			good, bad = good+1, 0
			if first || good >= check.Healthy { // the first result counts at once, as in Envoy
				now = false
			}
		} else {
			k.c.state.ChecksFailed.Add(1)
			good, bad = 0, bad+1
			if first || bad >= check.Unhealthy {
				now = true
			}
		}
		k.e.host.failed.Store(now)
		if now != was {
			k.c.refresh()
			k.c.state.refresh()
		}
		if first {
			k.c.state.mu.Lock()
			k.c.readyLocked(k)
			k.c.state.mu.Unlock()
			k.c.warmUp()
		}
		timer.Reset(check.Interval)
	}
}

func (k *checker) check(ctx context.Context, check *Check) error {
	ctx, cancel := context.WithTimeout(ctx, check.Timeout)
	defer cancel()
	address := k.e.Address
	if host, _, err := net.SplitHostPort(address); err == nil && k.e.CheckPort != 0 {
		address = net.JoinHostPort(host, strconv.Itoa(int(k.e.CheckPort)))
	}
	d := &k.c.state.owner.dialer
	nc, err := d.open(ctx, address, k.c.spec.TLS)
	if err != nil {
		return err
	}
	if check.Path == "" {
		return nc.Close()
	}
	cc, err := d.speak(nc, check.Protocol)
	if err != nil {
		return err
	}
	defer cc.Close()
	return ask(ctx, cc, check)
}

// ask makes the request of an HTTP check.
func ask(ctx context.Context, cc stream.ClientConn, check *Check) error {
	up, err := cc.Open()
	if err != nil {
		return err
	}
	defer up.Close()
	defer context.AfterFunc(ctx, up.Cancel)()
	deadline, _ := ctx.Deadline()
	if err := up.SetDeadline(deadline); err != nil {
		return err
	}
	h := stream.RequestHead{Method: []byte("GET"), Scheme: []byte("http"), Authority: []byte(check.Host), Path: []byte(check.Path)}
	h.Header.Add("user-agent", "Millrace/HC")
	if err := up.SendHead(&h, true); err != nil {
		return err
	}
	for {
		r, err := up.RecvHead()
		if err != nil {
			return err
		}
		if r.Status < 200 {
			continue
		}
		if len(check.Statuses) == 0 && r.Status == 200 {
			return nil
		}
		for _, s := range check.Statuses {
			if int64(r.Status) >= s.GetStart() && int64(r.Status) < s.GetEnd() {
				return nil
			}
		}
		return fmt.Errorf("health check %s: status %d", check.Path, r.Status)
	}
}
