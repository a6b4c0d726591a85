package inference

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/proxy/inference/catalog"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
)

// defaultTimeout bounds a request of which neither client nor route says how long it may take.
const defaultTimeout = 60 * time.Second

// Filter answers requests for models, graphs and expressions. Its fields must not change after the first request; it is
// safe for concurrent use.
type Filter struct {
	Catalog *catalog.Catalog
	Budget  *body.Budget
	// MaxBody bounds a request's and a reply's body, in bytes.
	MaxBody int64
	// Timeout bounds a request that brings no deadline of its own; 0 is 60 s.
	Timeout time.Duration
	// Observer returns who is told about the calls of a request for target; nil: nobody.
	Observer func(target *catalog.Target) engine.Observer
	// Done is told about each request that was answered, by whatever came of it; nil: nobody.
	Done func(target *catalog.Target, info *router.Info, decisions []engine.Decision)
	// Ready tells whether all that came first has warmed, for clients who ask whether the server is ready; nil: it has.
	Ready func() bool

	engine engine.Engine
}

// New returns a filter on a catalog. Close ends its shadows.
func New(c *catalog.Catalog, budget *body.Budget, maxBody int64) *Filter {
	if maxBody <= 0 {
		maxBody = 64 << 20
	}
	f := &Filter{Catalog: c, Budget: budget, MaxBody: maxBody}
	taps := engine.NewTaps()
	taps.Detach = detach
	f.engine = engine.Engine{Servers: servers{f}, Breakers: new(engine.Breakers), Taps: taps}
	return f
}

// Taps returns the owner of the shadows.
func (f *Filter) Taps() *engine.Taps { return f.engine.Taps }

// Close cancels all shadows and waits for them.
func (f *Filter) Close() { f.engine.Taps.Close() }

// Serve answers d if it is addressed to inference, and tells whether it was.
func (f *Filter) Serve(d stream.Downstream, info *router.Info) bool {
	snap := f.Catalog.Snapshot()
	a := parse(d.Head(), snap)
	if a.action == none {
		return false
	}
	s := sessions.Get().(*session)
	s.filter, s.d, s.info, s.address, s.client = f, d, info, a, a.dialect
	defer s.end(s.follow()) // a defect costs the request, and neither bytes nor connections
	s.serve(snap)
	return true
}

// end gives back all that the request held.
func (s *session) end(stop func()) {
	s.unfollow(stop)
	s.release()
}

// serve answers one request.
func (s *session) serve(snap *catalog.Snapshot) {
	switch s.address.action {
	case infer, generate:
	case converse:
		s.converse()
		return
	case unsupported:
		s.refuse(&message.Failure{Code: CodeUnsupported, Kind: message.Unimplemented, Detail: "this call is not offered here"})
		return
	default:
		s.describe(snap)
		return
	}
	if s.client != message.Opaque && !s.method("POST") {
		return
	}
	if s.address.world != inBody {
		if f := s.find(snap); f != nil {
			s.refuse(f)
			return
		}
	}
	if s.address.action == generate {
		s.pass()
		return
	}
	if f := s.receive(); f != nil {
		s.refuse(f)
		return
	}
	if s.address.world == inBody {
		name, version, err := peekModel(s.client, s.wire.Body)
		if err != nil {
			s.refuse(requestFailure(err))
			return
		}
		s.address.name, s.address.version = []byte(name), []byte(version)
		if f := s.find(snap); f != nil {
			s.refuse(f)
			return
		}
	}
	s.execute()
}

// method tells whether the request's method is one of those allowed, and refuses it otherwise. gRPC knows only one.
func (s *session) method(allowed ...string) bool {
	m := s.d.Head().Method
	if s.client.GRPC() {
		return true
	}
	for _, a := range allowed {
		if string(m) == a {
			return true
		}
	}
	s.refusal, s.allow = http.StatusMethodNotAllowed, strings.Join(allowed, ", ")
	s.refuse(&message.Failure{Code: CodeMethod, Kind: message.InvalidArgument, Detail: "this is asked by " + strings.Join(allowed, " or ") + ", not " + printable(m)})
	return false
}

// find resolves the name.
func (s *session) find(snap *catalog.Snapshot) *message.Failure {
	a := &s.address
	switch a.world {
	case bySeldon:
		if s.target = snap.Seldon(a.namespace, a.name); s.target == nil {
			return s.within(snap)
		}
	case byKServe:
		if s.target = snap.KServe(a.namespace, a.name); s.target == nil {
			// A model, a graph of our own or an expression: a client of a plain service, or of one with paths of its own.
			f := s.within(snap)
			s.client = servingDialect(s.target, a.rest)
			return f
		}
	default:
		if s.target = snap.Lookup(a.name); s.target == nil || len(a.version) > 0 {
			return s.resolve(snap)
		}
	}
	if s.target == nil {
		return &message.Failure{Code: catalog.CodeUnknown, Kind: message.NotFound, Detail: "no object " + string(a.namespace) + "/" + string(a.name) + " at this address"}
	}
	return nil
}

// within resolves a name at an address that says its namespace: a client of any protocol may ask for a model, a graph of our
// own, or an expression over them.
func (s *session) within(snap *catalog.Snapshot) *message.Failure {
	a := &s.address
	if s.target = snap.At(a.namespace, a.name); s.target != nil {
		return nil
	}
	if f := s.resolve(snap); f != nil {
		return f
	}
	if p := s.target.Plan; p != nil && p.Namespace != string(a.namespace) {
		return &message.Failure{Code: catalog.CodeUnknown, Kind: message.NotFound, Detail: s.name + " is of the namespace " + p.Namespace + ", not " + string(a.namespace)}
	}
	return nil
}

// resolve is the slow way: versions, namespaces, expressions, escapes.
func (s *session) resolve(snap *catalog.Snapshot) *message.Failure {
	name := string(s.address.name)
	if plain, err := url.PathUnescape(name); err == nil && s.address.world != inBody {
		name = plain
	}
	s.name = name
	t, err := snap.Resolve(name, string(s.address.version))
	if err != nil {
		return requestFailure(err)
	}
	s.target = t
	return nil
}

// execute runs the plan and sends what came of it.
func (s *session) execute() {
	s.fields.rules = s.target.Plan.Rules
	s.seldon()
	s.asked.Reset(&s.wire, s.decoder())
	s.request = &s.asked
	deadline := s.deadline()
	if !time.Now().Before(deadline) {
		s.refuse(&message.Failure{Code: CodeSlow, Kind: message.DeadlineExceeded, Detail: "the client's time was over before anything was asked", Flag: "UT"})
		return
	}
	run := s.filter.engine.NewRun(s.d.Context())
	defer run.Close()
	s.run = run
	run.Head, run.Handle, run.Deadline = s.fields, s, deadline
	run.Partial = s.partial()
	if o := s.filter.Observer; o != nil {
		run.Observer = o(s.target)
	}
	m, err := engine.Execute(run, s.target.Plan, s.request)
	if err == nil {
		err = s.reply(m)
	}
	if err != nil {
		s.fail(err)
	}
	if done := s.filter.Done; done != nil {
		done(s.target, s.info, run.Decisions)
	}
}

// decoder returns the reading of the client's request, which shadows use when the session is over; /ask needs to know what
// is asked of.
func (s *session) decoder() message.Decode {
	if s.client == message.Ask {
		return s.target.DecodeAsk
	}
	return decodeRequest
}

func decodeRequest(w *message.Wire) (*message.Content, error) {
	return dialects[w.Dialect].codec.DecodeRequest(w)
}

// deadline is when the request must be answered.
func (s *session) deadline() time.Time {
	timeout := s.filter.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	if d, ok := router.Deadline(s.d.Head()); ok {
		timeout = d
		if start := s.info.Start; s.client.GRPC() && !start.IsZero() {
			return start.Add(d) // gRPC counts from the call's beginning
		}
	}
	return time.Now().Add(timeout)
}

// partial tells whether the caller asks for what there is.
func (s *session) partial() bool {
	if v := s.d.Head().Header.Get("x-millrace-partial"); len(v) > 0 {
		return string(v) != "0" && string(v) != "false"
	}
	return s.flag("partial")
}

// flag reads a boolean of the query: ?name, ?name=1, ?name=true.
func (s *session) flag(name string) bool {
	_, query := s.d.Head().SplitPath()
	for len(query) > 0 {
		var pair []byte
		if i := indexByte(query, '&'); i >= 0 {
			pair, query = query[:i], query[i+1:]
		} else {
			pair, query = query, nil
		}
		if len(pair) < len(name) || string(pair[:len(name)]) != name {
			continue
		}
		switch string(pair[len(name):]) {
		case "", "=1", "=true":
			return true
		}
	}
	return false
}

func indexByte(b []byte, c byte) int {
	for i := range b {
		if b[i] == c {
			return i
		}
	}
	return -1
}

// seldon gives a request to a SeldonDeployment its puid: the client's, or a new one.
func (s *session) seldon() {
	if s.target.Plan.Rules != ast.Seldon {
		return
	}
	if v := s.d.Head().Header.Get("seldon-puid"); len(v) > 0 {
		s.puid = string(v)
		return
	}
	s.puid = newID()
}
