package engine

import (
	"sync"

	"github.com/sony/gobreaker/v2"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/message"
)

// Breakers keeps the breakers of graphs, by graph and path: they outlive a recompilation that does not change the part's policy. It is
// safe for concurrent use; the zero value is ready.
type Breakers struct {
	parts sync.Map // Info.Key → *breaker
}

type breaker struct {
	policy ast.Breaker
	state  *gobreaker.TwoStepCircuitBreaker[struct{}]
}

// Keep forgets the breakers of parts for which keep is false: those of graphs that are gone.
func (b *Breakers) Keep(keep func(key string) bool) {
	b.parts.Range(func(key, _ any) bool {
		if !keep(key.(string)) {
			b.parts.Delete(key)
		}
		return true
	})
}

// Each calls f with the key and the state ("closed", "half-open", "open") of every breaker.
func (b *Breakers) Each(f func(key, state string)) {
	b.parts.Range(func(key, v any) bool {
		f(key.(string), v.(*breaker).state.State().String())
		return true
	})
}

func (b *Breakers) of(info *plan.Info) *breaker {
	if v, ok := b.parts.Load(info.Key); ok && v.(*breaker).policy == *info.Breaker {
		return v.(*breaker)
	}
	made := newBreaker(info.Key, *info.Breaker)
	for {
		v, there := b.parts.LoadOrStore(info.Key, made)
		if !there || v.(*breaker).policy == *info.Breaker {
			return v.(*breaker)
		}
		if b.parts.CompareAndSwap(info.Key, v, made) { // the policy was changed
			return made
		}
	}
}

func newBreaker(key string, p ast.Breaker) *breaker {
	return &breaker{policy: p, state: gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        key,
		MaxRequests: p.HalfOpenRequests,
		Interval:    p.Interval,
		Timeout:     p.OpenFor,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			switch {
			case p.ConsecutiveFailures > 0 && c.ConsecutiveFailures >= p.ConsecutiveFailures:
				return true
			case p.FailureRatio > 0 && c.Requests >= max(p.MinRequests, 1):
				return float64(c.TotalFailures) >= p.FailureRatio*float64(c.Requests)
			}
			return p.ConsecutiveFailures == 0 && p.FailureRatio == 0 && c.ConsecutiveFailures >= defaultConsecutive
		},
		IsSuccessful: func(err error) bool { return err == nil || !brokenBy(err) },
		IsExcluded:   func(err error) bool { return err == errGivenUp },
	})}
}

// defaultConsecutive is how many failures in a row open a breaker that says nothing else.
const defaultConsecutive = 5

// errGivenUp tells a breaker that a call says nothing about its server: it was canceled by us.
var errGivenUp = &message.Failure{Kind: message.Canceled, Detail: "given up"}

// brokenBy tells whether a failure counts: transport errors, timeouts, 502, 503 and 504, never a server's complaint about
// its input (DESIGN §6.6).
func brokenBy(err error) bool {
	f, ok := err.(*message.Failure)
	if !ok {
		return true
	}
	switch f.Kind {
	case message.Unavailable, message.DeadlineExceeded:
		return true
	case message.FailedUpstream:
		return plan.OnGatewayError.Matches(f)
	}
	return false
}

// admit asks the part's breaker whether it may be tried.
func (r *Run) admit(f *frame, info *plan.Info) *message.Failure {
	if info.Breaker == nil || r.engine.Breakers == nil {
		return nil
	}
	settle, err := r.engine.Breakers.of(info).state.Allow()
	if err != nil {
		fl := fail(info, CodeBreakerOpen, message.Unavailable, "the breaker is open after too many failures")
		fl.Flag = "UO"
		fl.Cause = err
		return fl
	}
	f.settle = settle
	return nil
}

// settled tells the breaker how the part ended.
func (f *frame) settled(fl *message.Failure) {
	if f.settle == nil {
		return
	}
	settle := f.settle
	f.settle = nil
	switch {
	case fl == nil:
		settle(nil)
	case fl.Kind == message.Canceled:
		settle(errGivenUp)
	default:
		settle(fl)
	}
}
