package plan

import (
	"strings"

	"github.com/millrace/millrace/protocol/message"
)

// RetryOn is the set of failures after which a part is tried again.
type RetryOn uint8

// The conditions, named as Envoy names them.
const (
	OnConnectFailure RetryOn = 1 << iota
	OnReset
	On5xx
	OnGatewayError
	OnUnavailable
	OnDeadlineExceeded
	OnResourceExhausted
)

// defaultRetryOn is what a policy without conditions repeats: what a server that is up would have answered.
const defaultRetryOn = OnConnectFailure | OnReset | OnGatewayError | OnUnavailable

var retryNames = []struct {
	name string
	on   RetryOn
}{
	{"connect-failure", OnConnectFailure},
	{"reset", OnReset},
	{"5xx", On5xx},
	{"gateway-error", OnGatewayError},
	{"unavailable", OnUnavailable},
	{"deadline-exceeded", OnDeadlineExceeded},
	{"resource-exhausted", OnResourceExhausted},
}

// parseRetryOn reads Envoy's tokens; bad is the first that is not known.
func parseRetryOn(tokens []string) (on RetryOn, bad string) {
	if len(tokens) == 0 {
		return defaultRetryOn, ""
	}
next:
	for _, t := range tokens {
		for _, n := range retryNames {
			if strings.TrimSpace(t) == n.name {
				on |= n.on
				continue next
			}
		}
		return 0, t
	}
	return on, ""
}

// Matches tells whether f is one of the failures of the set.
func (on RetryOn) Matches(f *message.Failure) bool {
	status := f.Kind.HTTP()
	if f.Kind == message.FailedUpstream && f.Reply != nil {
		if w := f.Reply.Wire(); w != nil && !w.Dialect.GRPC() {
			status = w.Status
		}
	}
	switch {
	case f.Kind == message.Canceled:
		return false
	case on&On5xx != 0 && status >= 500,
		on&OnGatewayError != 0 && (status == 502 || status == 503 || status == 504),
		on&OnUnavailable != 0 && f.Kind == message.Unavailable,
		on&OnDeadlineExceeded != 0 && f.Kind == message.DeadlineExceeded,
		on&OnResourceExhausted != 0 && f.Kind == message.ResourceExhausted,
		on&OnConnectFailure != 0 && f.Flag == "UF",
		on&OnReset != 0 && f.Flag == "UC":
		return true
	}
	return false
}
