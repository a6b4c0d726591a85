package filter

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
)

// AccessLog is told of each request when it is over. d and info are valid until Log returns; d's head may have been
// changed by routes, info has what the client sent.
type AccessLog interface {
	Log(d stream.Downstream, info *router.Info)
}

// Routes holds a route table that may change while requests run. The zero Routes has none: every request is answered
// with 404 (NR).
type Routes struct{ table atomic.Pointer[router.Table] }

// Store replaces the table for the requests to come.
func (r *Routes) Store(t *router.Table) { r.table.Store(t) }

// Load returns the table, or nil.
func (r *Routes) Load() *router.Table { return r.table.Load() }

// Config is what a Manager does with requests.
type Config struct {
	Routes   *Routes
	Filters  []Entry
	Terminal Terminal
	Log      AccessLog // nil is none

	// UseRemoteAddress makes the proxy an edge: the peer's address is appended to x-forwarded-for, x-forwarded-proto says
	// how it came, and what only trusted clients may say is removed from strangers' requests.
	UseRemoteAddress bool
	SkipXFFAppend    bool
	// NoRequestID leaves requests without x-request-id as they are.
	NoRequestID       bool
	PreserveRequestID bool // of strangers at an edge

	// OnPanic is told of a defect that a request hit; the request is answered with 500. nil writes nothing.
	OnPanic func(value any, stack []byte)
}

// Manager serves the requests of a listener's connections. It is safe for concurrent use.
type Manager struct {
	c     Config
	Stats Stats
}

// Stats are a manager's counters.
type Stats struct {
	Requests, Panics atomic.Uint64
	Active           atomic.Int64
	Responses        [6]atomic.Uint64 // by the status's first digit; [0] is without response
}

var _ stream.Handler = (*Manager)(nil)

// NewManager returns a manager for c.
func NewManager(c Config) *Manager { return &Manager{c: c} }

// Config returns the manager's configuration, which must not be changed.
func (m *Manager) Config() *Config { return &m.c }

// serving is the memory of one request.
type serving struct {
	x    Exchange
	info router.Info
}

var servings = sync.Pool{New: func() any { return new(serving) }}

// Serve implements stream.Handler.
func (m *Manager) Serve(d stream.Downstream) {
	s := servings.Get().(*serving)
	s.info.Reset()
	s.info.Start = time.Now()
	s.x = Exchange{Down: d, Info: &s.info}
	m.Stats.Requests.Add(1)
	m.Stats.Active.Add(1)
	defer m.end(s, d)
	h := d.Head()
	s.info.Path = append(s.info.Path, h.Path...)
	s.info.Authority = append(s.info.Authority, h.Authority...)
	secure := d.Conn().TLS != nil
	m.identify(&s.x, h, secure)
	if t := m.c.Routes.Load(); t != nil {
		s.x.Match = t.Match(h, secure)
	}
	if s.x.Match.Route != nil {
		s.info.Route = s.x.Match.Name
	}
	if run(m.c.Filters, &s.x) == Stop {
		return
	}
	m.c.Terminal.Serve(s.x.Down, &s.x.Match, &s.info)
}

// end closes the books of a request, also of one that hit a defect: that costs this request, never the process.
func (m *Manager) end(s *serving, d stream.Downstream) {
	if v := recover(); v != nil {
		m.Stats.Panics.Add(1)
		if m.c.OnPanic != nil {
			m.c.OnPanic(v, debug.Stack())
		}
		s.info.Failure = fmt.Errorf("serve request: internal error: %v", v)
		router.Reply(d, &s.info, 500, "internal error", 0, "internal_error")
	}
	s.info.Done = time.Since(s.info.Start)
	s.info.Progress = d.Progress()
	m.Stats.Responses[min(max(s.info.Status, 0)/100, 5)].Add(1)
	m.Stats.Active.Add(-1)
	if m.c.Log != nil {
		m.c.Log.Log(d, &s.info)
	}
	s.x = Exchange{}
	servings.Put(s)
}
