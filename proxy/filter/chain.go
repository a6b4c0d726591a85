package filter

import (
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
)

// Exchange is one request on its way through the chain. It belongs to the goroutine that serves the request.
type Exchange struct {
	Down  stream.Downstream
	Match router.Match // its Route is nil where no route matched
	Info  *router.Info
}

// Reply answers the request in the proxy's own name; the filter returns Stop then.
func (x *Exchange) Reply(status int, text string, flags router.Flags, detail string) {
	router.Reply(x.Down, x.Info, status, text, flags, detail)
}

// Verdict is what becomes of a request.
type Verdict uint8

// The verdicts.
const (
	Continue Verdict = iota
	Stop             // the filter has answered, or the client has left
)

// Filter is one configured filter, immutable and safe for concurrent use.
type Filter interface {
	// Request judges a request by its head, which it may change. It may wait: nothing of the body is read meanwhile, and
	// the client's window holds it back. perRoute is what typed_per_filter_config says, or nil.
	Request(x *Exchange, perRoute any) Verdict
}

// Wrapper is a Filter that sees more than the head. Wrap returns a stream between the client's and the terminal's: its
// Recv and RecvTrailers see the request, its Send methods the response.
type Wrapper interface {
	Filter
	Wrap(x *Exchange, d stream.Downstream) stream.Downstream
}

// Terminal ends a chain: it answers every request. match and info are valid until Serve returns.
type Terminal interface {
	Serve(d stream.Downstream, match *router.Match, info *router.Info)
}

// Instance is a filter compiled from configuration: a Filter, a Terminal, or one that can be both. The last of a chain
// must be a Terminal, all others Filters.
type Instance struct {
	Filter   Filter
	Terminal Terminal
}

// Kind compiles the configurations of one type of filter. Errors are about the configuration alone.
type Kind interface {
	Compile(config *anypb.Any) (Instance, error)
	// PerRoute compiles an entry of typed_per_filter_config; the result is given to Filter.Request.
	PerRoute(config *anypb.Any) (any, error)
}

// Entry is a filter in its chain.
type Entry struct {
	Name     string // key of typed_per_filter_config
	Filter   Filter
	Disabled bool // off unless a route says otherwise
}

// Disabled is a per-route configuration that turns a filter off.
type Disabled struct{}

// Enabled is a per-route configuration that turns a filter on that is off otherwise.
type Enabled struct{ Config any }

// run calls the filters in order.
func run(entries []Entry, x *Exchange) Verdict {
	for i := range entries {
		e := &entries[i]
		per := x.Match.PerFilter(e.Name)
		off := e.Disabled
		switch p := per.(type) {
		case Disabled:
			off = true
		case Enabled:
			off, per = false, p.Config
		}
		if off {
			continue
		}
		if e.Filter.Request(x, per) == Stop {
			return Stop
		}
		if w, ok := e.Filter.(Wrapper); ok {
			x.Down = w.Wrap(x, x.Down)
		}
	}
	return Continue
}
