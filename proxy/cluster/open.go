package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// Attempt is what one request has tried so far, and the bounds of trying. It belongs to one goroutine; Reset makes it
// ready for another request and keeps its memory.
type Attempt struct {
	Context  context.Context // bounds waiting for a connection; nil is without
	Deadline time.Time       // absolute; zero is none
	// OneConnect makes a failed connect an error at once, because a retry policy from configuration decides; else every
	// endpoint is tried.
	OneConnect bool

	fresh   bool      // only a new connection will do
	noDial  bool      // errNotReady rather than making a connection
	pinned  *endpoint // chosen already
	refused []*Host   // could not be connected to
	failed  []*Host   // failed in another way: avoided while there are others
	last    *Host     // the last one that was tried
	tries   int
}

// Reset forgets everything.
func (a *Attempt) Reset() {
	clear(a.refused)
	clear(a.failed)
	*a = Attempt{refused: a.refused[:0], failed: a.failed[:0]}
}

// Host returns the address that was tried last, or "".
func (a *Attempt) Host() string {
	if a.last == nil {
		return ""
	}
	return a.last.Address
}

// Tries returns how many connections were tried or requests sent.
func (a *Attempt) Tries() int { return a.tries }

func (a *Attempt) base() (deadline time.Time, ctx context.Context) {
	if a.Context == nil {
		return a.Deadline, context.Background()
	}
	return a.Deadline, a.Context
}

func (a *Attempt) expired() bool { return !a.Deadline.IsZero() && !time.Now().Before(a.Deadline) }

// clock returns a timer for the deadline, which the caller stops, and the context.
func (a *Attempt) clock() (*time.Timer, context.Context) {
	deadline, ctx := a.base()
	left := time.Duration(1<<63 - 1)
	if !deadline.IsZero() {
		left = time.Until(deadline)
	}
	return time.NewTimer(left), ctx
}

// Opened is a request under way on an endpoint. Finish must be called once, by the goroutine that receives.
type Opened struct {
	stream.Upstream
	Host    *Host
	cluster *Cluster
	conn    *conn
}

// Version returns the HTTP version spoken.
func (o *Opened) Version() stream.Version { return o.conn.Version() }

// Finish closes the exchange, gives the connection back and lets the cluster learn from the outcome.
func (o *Opened) Finish(out Outcome) {
	o.Close()
	o.conn.pool.release(o.conn)
	o.Host.active.Add(-1)
	o.cluster.state.active.Add(-1)
	switch out {
	case OutcomeTimeout:
		o.cluster.state.Timeouts.Add(1)
	case OutcomeReset:
		o.cluster.state.Resets.Add(1)
	}
	o.cluster.observe(o.Host, out)
	*o = Opened{}
}

// Fail is Finish for a try that failed with err, which the error explains. perTry tells that the deadline was the try's and
// not the request's. unseen is the proof that the server saw nothing.
func (o *Opened) Fail(err error, a *Attempt, perTry bool) (e *Error, unseen bool) {
	e = &Error{Reason: classify(err), Cluster: o.cluster.state.name, Host: o.Host.Address, Tries: a.tries, Cause: err}
	out := OutcomeReset
	var large *body.TooLarge
	switch {
	case errors.As(err, &large) || errors.Is(err, body.ErrBudget):
		e.Reason, out = TooLarge, OutcomeUnknown
	case e.Reason == Canceled:
		out = OutcomeUnknown
	case e.Reason == Timeout:
		if out = OutcomeTimeout; perTry {
			e.Reason = PerTryTimeout
		}
	case e.Reason == Reset:
		unseen = o.Unprocessed()
		if o.Version() == stream.HTTP2 {
			e.Reason = RemoteReset
		}
	}
	if e.Reason != Reset && e.Reason != RemoteReset {
		o.Cancel()
	}
	o.Finish(out)
	return e, unseen
}

// Open chooses an endpoint and opens a request on a connection to it. The error is an [*Error]. A connect that fails has
// executed nothing, so every endpoint is tried, unless the attempt says otherwise.
func (c *Cluster) Open(a *Attempt) (Opened, error) {
	s := c.state
	if s.active.Add(1) > c.spec.Limits.Requests {
		s.active.Add(-1)
		s.RequestOverflows.Add(1)
		return Opened{}, &Error{Reason: Overflow, Cluster: s.name, Tries: a.tries, Cause: errMaxRequests}
	}
	o, err := c.open(a)
	if err != nil {
		s.active.Add(-1)
	}
	return o, err
}

func (c *Cluster) open(a *Attempt) (Opened, error) {
	var last *Error
	for {
		ep := a.pinned
		if a.pinned = nil; ep == nil {
			ep = c.pick(a)
		}
		if ep == nil {
			if last != nil {
				return Opened{}, last
			}
			c.state.NoHost.Add(1)
			return Opened{}, &Error{Reason: NoHealthyHost, Cluster: c.state.name, Host: a.Host(), Tries: a.tries}
		}
		ep.host.active.Add(1)
		up, cn, err := ep.open(c, a)
		if err == nil {
			a.last, a.tries, a.fresh = ep.host, a.tries+1, false
			ep.host.requests.Add(1)
			c.state.Stats.Requests.Add(1)
			return Opened{up, ep.host, c, cn}, nil
		}
		ep.host.active.Add(-1)
		e, ok := err.(*Error)
		if !ok { // errNotReady
			a.pinned = ep
			return Opened{}, err
		}
		a.last, a.tries = ep.host, a.tries+1
		e.Tries = a.tries
		if e.Reason != ConnectFailed && e.Reason != ConnectTimeout {
			return Opened{}, e
		}
		c.observe(ep.host, OutcomeReset)
		a.refused = append(a.refused, ep.host)
		if last = e; a.OneConnect || a.expired() {
			return Opened{}, e
		}
	}
}

func (e *endpoint) open(c *Cluster, a *Attempt) (stream.Upstream, *conn, error) {
	if !a.fresh || e.pool.key.protocol.Version == stream.HTTP2 {
		if up, cn := e.pool.ready(); up != nil {
			return up, cn, nil
		}
	}
	if a.noDial {
		return nil, nil, errNotReady
	}
	up, cn, err := e.pool.connect(c, a)
	if err != nil {
		return nil, nil, err
	}
	return up, cn, nil
}
