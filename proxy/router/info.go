package router

import (
	"time"

	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/stream"
)

// Flags is a set of Envoy's response flags.
type Flags uint32

// The flags.
const (
	NoHealthyUpstream Flags = 1 << iota
	UpstreamConnectionFailure
	UpstreamOverflow
	NoRouteFound
	UpstreamTermination
	UpstreamRequestTimeout
	UpstreamRemoteReset
	DownstreamTermination
	NoClusterFound
	RetryLimitExceeded
	UpstreamProtocolError
	DelayInjected
	FaultInjected
	StreamIdleTimeout
	DownstreamProtocolError
	LocalReset
	OverloadManager
)

var flagNames = [...]string{"UH", "UF", "UO", "NR", "UC", "UT", "UR", "DC", "NC", "URX", "UPE", "DI", "FI", "SI", "DPE", "LR", "OM"}

// Append appends Envoy's letters, separated by commas, or "-" for none.
func (f Flags) Append(dst []byte) []byte {
	if f == 0 {
		return append(dst, '-')
	}
	first := true
	for i, name := range flagNames {
		if f&(1<<i) == 0 {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, name...)
	}
	return dst
}

func (f Flags) String() string { return string(f.Append(nil)) }

// FlagsOf returns the flags of a cluster's failure.
func FlagsOf(e *cluster.Error) Flags {
	var f Flags
	switch e.Reason {
	case cluster.NoCluster:
		f = NoClusterFound
	case cluster.NoHealthyHost:
		f = NoHealthyUpstream
	case cluster.ConnectFailed, cluster.ConnectTimeout:
		f = UpstreamConnectionFailure
	case cluster.Overflow:
		f = UpstreamOverflow
	case cluster.Reset:
		f = UpstreamTermination
	case cluster.RemoteReset:
		f = UpstreamRemoteReset
	case cluster.Timeout, cluster.PerTryTimeout:
		f = UpstreamRequestTimeout
	case cluster.Canceled:
		f = DownstreamTermination
	case cluster.BadResponse:
		f = UpstreamProtocolError
	}
	if e.Limited {
		f |= RetryLimitExceeded
	}
	return f
}

// Info is what the access log tells of one request. It belongs to the goroutine that serves the request; strings are the
// configuration's or the process's own and stay valid.
type Info struct {
	Start   time.Time
	Status  int // of the response; 0 where none was sent
	Flags   Flags
	Detail  string // Envoy's response code detail
	Route   string // the route's name
	Cluster string
	Host    string // address of the endpoint that answered or was tried last
	Tries   int    // sent requests and failed connects

	// Since Start; 0 where it did not come to it.
	RequestDone, UpstreamHead, UpstreamDone, Done time.Duration
	Progress                                      stream.Progress

	// As the client sent them, before routes rewrote them. The bytes belong to the Info.
	Path, Authority, RequestID []byte
	Failure                    error // why, for people; nil where there is nothing to say

	Graph     string // the model or graph that answered; empty for a plain route
	Decisions []byte // the arms that were chosen, for the access log; the bytes belong to the Info
	// The response's fields as they were sent, where an access log has them noted; else empty.
	Response, Trailers stream.Header
}

// Reset makes i ready for another request and keeps its memory.
func (i *Info) Reset() {
	i.Response.Reset()
	i.Trailers.Reset()
	*i = Info{Path: i.Path[:0], Authority: i.Authority[:0], RequestID: i.RequestID[:0], Decisions: i.Decisions[:0],
		Response: i.Response, Trailers: i.Trailers}
}

// since returns the time since the request started.
func (i *Info) since() time.Duration { return time.Since(i.Start) }
