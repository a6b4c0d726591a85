package router

import (
	"strings"
	"time"

	"github.com/millrace/millrace/proxy/stream"
)

// Deadline returns how long the client gives its request, by x-envoy-upstream-rq-timeout-ms or, for gRPC, grpc-timeout,
// and whether it says so.
func Deadline(h *stream.RequestHead) (time.Duration, bool) {
	if IsGRPC(h) {
		if d, ok := grpcTimeout(h.Header.Get("grpc-timeout")); ok {
			return d, true
		}
	}
	ms, ok := digits(h.Header.Get("x-envoy-upstream-rq-timeout-ms"))
	return time.Duration(ms) * time.Millisecond, ok && ms > 0
}

// ParseFlags is the inverse of [Flags.String].
func ParseFlags(letters string) Flags {
	var f Flags
	for len(letters) > 0 {
		var one string
		one, letters, _ = strings.Cut(letters, ",")
		for i, name := range flagNames {
			if name == one {
				f |= 1 << i
			}
		}
	}
	return f
}
