package accesslog

import (
	"github.com/millrace/millrace/proxy/filter"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
)

// Capture is a filter that notes the response's fields in the Info, for logs whose [Needs] have them, at the cost of one small
// allocation a request. It belongs first into a chain, so that replies of the filters after it are seen as well; where no
// log needs it, leave it out.
type Capture struct{}

var _ filter.Wrapper = Capture{}

// Request lets every request go on.
func (Capture) Request(*filter.Exchange, any) filter.Verdict { return filter.Continue }

// Wrap implements filter.Wrapper.
func (Capture) Wrap(x *filter.Exchange, d stream.Downstream) stream.Downstream {
	return &captured{d, x.Info}
}

// captured is the client's stream with a look at the response.
type captured struct {
	stream.Downstream
	info *router.Info
}

// SendHead copies first: the stream may change the head.
func (c *captured) SendHead(h *stream.ResponseHead, end bool) error {
	c.info.Response.CopyFrom(&h.Header)
	return c.Downstream.SendHead(h, end)
}

func (c *captured) SendTrailers(h *stream.Header) error {
	c.info.Trailers.CopyFrom(h)
	return c.Downstream.SendTrailers(h)
}

// Install puts a Capture before the filters of a connection manager whose log, a [Log], needs one.
func Install(c *filter.Config) {
	l, ok := c.Log.(*Log)
	if n := l.Needs(); ok && (n.Response || n.Trailers) {
		c.Filters = append([]filter.Entry{{Filter: Capture{}}}, c.Filters...)
	}
}
