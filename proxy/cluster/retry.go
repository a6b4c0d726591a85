package cluster

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/millrace/millrace/proxy/config/strict"
	"github.com/millrace/millrace/proxy/stream"
)

// retryOn is a set of conditions of retry_on.
type retryOn uint32

const (
	on5xx retryOn = 1 << iota
	onGatewayError
	onReset
	onResetBeforeRequest
	onConnectFailure
	onRefusedStream
	onRetriable4xx
	onStatusCodes
	onCancelled
	onDeadlineExceeded
	onInternal
	onResourceExhausted
	onUnavailable
)

var retryOnNames = map[string]retryOn{
	"5xx": on5xx, "gateway-error": onGatewayError, "reset": onReset, "reset-before-request": onResetBeforeRequest,
	"connect-failure": onConnectFailure, "refused-stream": onRefusedStream, "retriable-4xx": onRetriable4xx,
	"retriable-status-codes": onStatusCodes, "cancelled": onCancelled, "deadline-exceeded": onDeadlineExceeded,
	"internal": onInternal, "resource-exhausted": onResourceExhausted, "unavailable": onUnavailable,
}

// RetryPolicy is Envoy's retry_policy. Where a route has one, it alone decides. It is immutable.
type RetryPolicy struct {
	on        retryOn
	statuses  []uint32
	num       uint32
	perTry    time.Duration
	base, max time.Duration
	previous  bool // envoy.retry_host_predicates.previous_hosts: avoid endpoints that failed
}

// NewRetryPolicy compiles a RetryPolicy; nil gives nil.
func NewRetryPolicy(m *routev3.RetryPolicy) (*RetryPolicy, error) {
	if m == nil {
		return nil, nil
	}
	if err := strict.Fields(m, "retry_on", "num_retries", "per_try_timeout", "retriable_status_codes", "retry_back_off",
		"retry_host_predicate", "host_selection_retry_max_attempts"); err != nil {
		return nil, err
	}
	p := &RetryPolicy{num: 1, perTry: m.GetPerTryTimeout().AsDuration(), statuses: m.GetRetriableStatusCodes(), base: 25 * time.Millisecond}
	if n := m.GetNumRetries(); n != nil {
		p.num = n.GetValue()
	}
	for word := range strings.SplitSeq(m.GetRetryOn(), ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		bit, ok := retryOnNames[word]
		if !ok {
			return nil, &strict.Unsupported{Field: "retry_on " + word}
		}
		p.on |= bit
	}
	for _, h := range m.GetRetryHostPredicate() {
		if h.GetName() != "envoy.retry_host_predicates.previous_hosts" {
			return nil, &strict.Unsupported{Field: "retry_host_predicate " + h.GetName(), Why: "use envoy.retry_host_predicates.previous_hosts"}
		}
		p.previous = true
	}
	if b := m.GetRetryBackOff(); b != nil {
		if b.GetBaseInterval().AsDuration() <= 0 {
			return nil, fmt.Errorf("retry_back_off.base_interval: must be above 0")
		}
		p.base, p.max = b.GetBaseInterval().AsDuration(), b.GetMaxInterval().AsDuration()
	}
	if p.max == 0 {
		p.max = 10 * p.base
	}
	if p.max < p.base {
		return nil, fmt.Errorf("retry_back_off.max_interval: less than base_interval")
	}
	return p, nil
}

// Retrier decides for one request whether it is sent again. It belongs to one goroutine. Begin starts it, End must be
// called when the request is over.
type Retrier struct {
	c          *Cluster
	policy     *RetryPolicy
	idempotent bool
	retries    uint32
	resends    uint32
	holding    bool // one of the cluster's retries under way
	limited    bool
}

// maxResends bounds how often a request is sent again that is proven to be unseen.
const maxResends = 5

// Begin starts the decisions for a request. With a policy, that alone decides. Without, an idempotent request is retried
// once after a reset before any byte of a response, and any is resent that the server is proven not to have seen.
func (r *Retrier) Begin(c *Cluster, policy *RetryPolicy, idempotent bool) {
	*r = Retrier{c: c, policy: policy, idempotent: idempotent}
}

// End gives the retry's place back and counts what came of it.
func (r *Retrier) End(good bool) {
	if r.holding {
		r.c.state.retries.Add(-1)
		r.holding = false
		if good {
			r.c.state.RetrySuccesses.Add(1)
		}
	}
}

// Possible tells whether a later decision can be yes, so that the request must be kept.
func (r *Retrier) Possible() bool {
	if r.policy != nil {
		return r.retries < r.policy.num && r.policy.on != 0
	}
	return r.resends < maxResends
}

// PerTry returns the bound of one try; 0 is none.
func (r *Retrier) PerTry() time.Duration {
	if r.policy == nil {
		return 0
	}
	return r.policy.perTry
}

// AfterError decides after a try that failed: of Open or of the exchange ([Opened.Fail]). unseen is the proof that the
// server saw nothing; responded tells that some byte of a response came.
func (r *Retrier) AfterError(e *Error, unseen, responded bool) bool {
	var hit retryOn
	switch e.Reason {
	case ConnectFailed, ConnectTimeout:
		hit = on5xx | onGatewayError | onConnectFailure | onReset | onResetBeforeRequest
	case PerTryTimeout:
		hit = on5xx | onGatewayError
	case Reset, RemoteReset:
		if hit = on5xx | onGatewayError | onReset; unseen {
			hit |= onRefusedStream | onResetBeforeRequest
		}
	default:
		return false
	}
	switch {
	case responded:
		return false
	case r.policy != nil:
		return r.take(hit)
	case e.Reason != Reset && e.Reason != RemoteReset:
		return false // Open has tried every endpoint, and nothing is retried after a timeout
	case unseen:
		r.resends++
		return r.resends <= maxResends
	}
	return r.idempotent && r.retries == 0 && isReset(e.Cause) && r.claim()
}

// Limited tells that a retry was wanted and the policy's number was used up (URX).
func (r *Retrier) Limited() bool { return r.limited }

// AfterHead decides after a response's head, of which nothing was passed on.
func (r *Retrier) AfterHead(h *stream.ResponseHead) bool {
	p := r.policy
	if p == nil {
		return false
	}
	var hit retryOn
	switch s := h.Status; {
	case s >= 502 && s <= 504:
		hit = on5xx | onGatewayError
	case s >= 500:
		hit = on5xx
	case s == 409:
		hit = onRetriable4xx
	}
	if p.on&onStatusCodes != 0 && slices.Contains(p.statuses, uint32(h.Status)) {
		hit |= onStatusCodes
	}
	if v := h.Header.Get("grpc-status"); v != nil {
		switch string(v) {
		case "1":
			hit |= onCancelled
		case "4":
			hit |= onDeadlineExceeded
		case "8":
			hit |= onResourceExhausted
		case "13":
			hit |= onInternal
		case "14":
			hit |= onUnavailable
		}
	}
	return hit != 0 && r.take(hit)
}

// take decides by policy.
func (r *Retrier) take(hit retryOn) bool {
	if r.policy.on&hit == 0 {
		return false
	}
	if r.retries >= r.policy.num {
		r.limited = r.policy.num > 0
		return false
	}
	return r.claim()
}

// claim takes a place among the cluster's retries.
func (r *Retrier) claim() bool {
	s, l := r.c.state, &r.c.spec.Limits
	if !r.holding {
		most := l.Retries
		if most == 0 {
			most = max(l.Budget.Min, int64(l.Budget.Percent*float64(s.active.Load())/100))
		}
		if s.retries.Add(1) > most {
			s.retries.Add(-1)
			s.RetryOverflows.Add(1)
			return false
		}
		r.holding = true
	}
	r.retries++
	s.Retries.Add(1)
	return true
}

// BackOff returns how long to wait before the next try: without a policy not at all, with one as Envoy, a random time
// below a bound that doubles.
func (r *Retrier) BackOff() time.Duration {
	if r.policy == nil || r.retries == 0 {
		return 0
	}
	bound := min(r.policy.base<<min(r.retries-1, 16), r.policy.max)
	return rand.N(bound + 1)
}

// Next prepares an attempt for another try after one on an endpoint: another endpoint, or a new connection.
func (r *Retrier) Next(a *Attempt) {
	a.fresh = true
	if a.last != nil && (r.policy == nil || r.policy.previous) && !slices.Contains(a.failed, a.last) {
		a.failed = append(a.failed, a.last)
	}
	a.refused = a.refused[:0]
}
