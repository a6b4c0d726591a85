package router

import (
	"time"

	"github.com/millrace/millrace/proxy/stream"
)

// bounds are a request's times.
type bounds struct {
	timeout time.Duration // from the end of the request to the end of the response; 0 is none
	until   time.Time     // of the whole exchange; zero is none
}

// limits returns how long a request may take: the route's timeout or what x-envoy-upstream-rq-timeout-ms says instead,
// grpc-timeout for gRPC, and max_stream_duration for all of it.
func (f *Forward) limits(h *stream.RequestHead, start time.Time) bounds {
	b := bounds{timeout: f.timeout}
	if f.maxDuration > 0 {
		b.until = start.Add(f.maxDuration)
	}
	if ms, ok := digits(h.Header.Get("x-envoy-upstream-rq-timeout-ms")); ok {
		b.timeout = time.Duration(ms) * time.Millisecond
	}
	d, ok := grpcTimeout(h.Header.Get("grpc-timeout"))
	if !ok || !IsGRPC(h) {
		return b
	}
	if f.grpcOffset > 0 && d > f.grpcOffset {
		d -= f.grpcOffset
	}
	if f.grpcSet { // the client's wish, within the maximum, takes the place of the route's
		b.timeout = 0
		if f.grpcMax > 0 {
			d = min(d, f.grpcMax)
		}
	}
	if until := start.Add(d); b.until.IsZero() || until.Before(b.until) {
		b.until = until
	}
	return b
}

// deadline returns the absolute bound for a request that is complete now.
func (b *bounds) deadline() time.Time {
	if b.timeout <= 0 {
		return b.until
	}
	t := time.Now().Add(b.timeout)
	if !b.until.IsZero() && b.until.Before(t) {
		return b.until
	}
	return t
}

// digits parses a number of at most nine digits.
func digits(s []byte) (n int64, ok bool) {
	if len(s) == 0 || len(s) > 9 {
		return 0, false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// grpcTimeout parses grpc-timeout: at most eight digits and a unit.
func grpcTimeout(s []byte) (time.Duration, bool) {
	if len(s) < 2 || len(s) > 9 {
		return 0, false
	}
	n, ok := digits(s[:len(s)-1])
	if !ok {
		return 0, false
	}
	var unit time.Duration
	switch s[len(s)-1] {
	case 'H':
		unit = time.Hour
	case 'M':
		unit = time.Minute
	case 'S':
		unit = time.Second
	case 'm':
		unit = time.Millisecond
	case 'u':
		unit = time.Microsecond
	case 'n':
		unit = time.Nanosecond
	default:
		return 0, false
	}
	if n > int64(1<<63-1)/int64(unit) {
		return 1<<63 - 1, true
	}
	return time.Duration(n) * unit, true
}
