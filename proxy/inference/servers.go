package inference

import (
	"errors"
	"time"

	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/oip"
	"github.com/millrace/millrace/protocol/seldon"
	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/inference/catalog"
)

// servers is the engine's way to model servers.
type servers struct{ filter *Filter }

var _ engine.Servers = servers{}

// Route implements engine.Servers.
func (servers) Route(reply *message.Message) (int, error) {
	if w := reply.Wire(); w != nil && (w.Dialect == message.SeldonREST || w.Dialect == message.SeldonGRPC) {
		return seldon.ParseRoute(w)
	}
	c, err := reply.Content()
	if err != nil {
		return 0, err
	}
	if len(c.Tensors) != 1 || c.Tensors[0].Len() < 1 {
		return 0, &message.Failure{Code: engine.CodeRoute, Kind: message.BadReply, Detail: "a router answers one number"}
	}
	f, ok := c.Tensors[0].Float64At(0)
	if !ok {
		return 0, &message.Failure{Code: engine.CodeRoute, Kind: message.BadReply, Detail: "a router answers a number, not " + c.Tensors[0].Datatype.String()}
	}
	return int(f), nil
}

// Start implements engine.Servers.
func (v servers) Start(run *engine.Run, call *engine.Call) engine.Pending {
	s, _ := run.Handle.(*session)
	if s == nil { // a shadow's first call
		s = &session{filter: v.filter, client: message.Opaque, detached: run.Detached}
		s.fields, _ = run.Head.(*fields)
		run.Handle = s
	}
	p := pendings.Get().(*pending)
	p.session = s
	p.model = call.Target.Model.Handle.(*catalog.Model)
	p.way = p.model.Transport(s.dialect(call))
	p.tolerate = call.Target.Tolerate
	p.target = message.Target{
		Model: p.model.Remote, Version: version(p.model, call), Method: call.Target.Method,
		Parameters: call.Target.Parameters, Binary: p.way.Binary, Path: p.way.Path,
	}
	s.hold(p)
	b, w, f := s.render(p, call)
	if f != nil {
		p.failed = f
		return p
	}
	s.requestHead(p, call, w)
	p.deadline = deadlineOf(p.model, call.Deadline)
	req := cluster.Request{
		Cluster: p.way.Cluster.Load(), Head: &p.head, Body: b, Deadline: p.deadline,
		Idempotent: p.model.Idempotent && call.Target.Method != message.Feedback, MaxBody: s.filter.MaxBody,
	}
	if s.passing(p, call) == asWhole {
		s.passRest(&req)
	}
	s.sent(p, cluster.Begin(&req))
	if s.detached {
		p.follow(run.Context)
	}
	b.Release()
	return p
}

// dialect is what a call prefers to speak: what its message came in, else the client's.
func (s *session) dialect(call *engine.Call) message.Dialect {
	if w := call.In[0].Wire(); w != nil && w.Dialect != message.Ask {
		return w.Dialect
	}
	return s.client
}

// deadlineOf bounds a call by its run's and its model's time.
func deadlineOf(m *catalog.Model, deadline time.Time) time.Time {
	if m.Timeout > 0 {
		if t := time.Now().Add(m.Timeout); deadline.IsZero() || t.Before(deadline) {
			return t
		}
	}
	return deadline
}

// render returns the body to send, one reference of the caller's, and the wire form that says how.
func (s *session) render(p *pending, call *engine.Call) (*body.Body, *message.Wire, *message.Failure) {
	if w := s.passes(p, call); w != nil {
		b, err := renameModel(p.way.Dialect, w.Body.Retain(), &p.target, s.filter.Budget)
		if err != nil {
			return nil, nil, requestFailure(err)
		}
		return s.framed(b, w)
	}
	in := call.In
	if call.Target.Method != message.Aggregate {
		c, changed, err := s.content(p, in[0])
		if err != nil {
			return nil, nil, requestFailure(err)
		}
		if changed { // else the codec sees the message's own form too
			s.one[0] = message.FromContent(c)
			in = s.one[:]
		}
	}
	w, err := p.way.Codec.EncodeRequest(in, &p.target)
	if err != nil {
		return nil, nil, requestFailure(err)
	}
	return s.framed(w.Body, w)
}

// content is what a server gets that cannot have the message as it came, and whether it is not the message's own.
func (s *session) content(p *pending, in *message.Message) (c *message.Content, changed bool, err error) {
	if c, err = in.Content(); err != nil {
		return nil, false, err
	}
	if p.model.Contract != nil {
		if c, err = s.mapRequest(p.model, c, in); err != nil {
			return nil, false, err
		}
		changed = true
	}
	if c.ID == "" && (p.way.Dialect == message.OpenInferenceREST || p.way.Dialect == message.OpenInferenceGRPC) {
		// KServe's server answers 500 to a request without an id.
		named := *c
		named.ID = newID()
		c, changed = &named, true
	}
	return c, changed, nil
}

// mapRequest maps fields to the server's tensors. Every field of a client's request must be one of the contract, unless
// the request goes to several parts; a value on its way through a graph may have more than the next part takes.
func (s *session) mapRequest(m *catalog.Model, c *message.Content, in *message.Message) (*message.Content, error) {
	if s.target != nil && s.target.Plan.Single != nil && in == s.request {
		return m.Contract.Request(c)
	}
	mapped, _, err := m.Contract.RequestFrom(c)
	return mapped, err
}

// framed adds gRPC's prefix where the transport is gRPC.
func (s *session) framed(b *body.Body, w *message.Wire) (*body.Body, *message.Wire, *message.Failure) {
	if !w.Dialect.GRPC() {
		return b, w, nil
	}
	out, err := frame(b, s.filter.Budget)
	b.Release()
	if err != nil {
		return nil, nil, requestFailure(err)
	}
	return out, w, nil
}

func version(m *catalog.Model, call *engine.Call) string {
	if call.Target.Version != "" {
		return call.Target.Version
	}
	return m.Version
}

// passes returns the wire form of the call's message if the server may have it as it is, else nil.
func (s *session) passes(p *pending, call *engine.Call) *message.Wire {
	if len(call.In) != 1 || len(call.Target.Parameters) > 0 {
		return nil
	}
	w := call.In[0].Wire()
	if w == nil || (w.Reply && !w.Native) {
		return nil
	}
	if p.way.Dialect == message.Opaque {
		if w.Dialect.JSON() && p.model.Contract == nil {
			p.native = true
			return w
		}
		return nil
	}
	if w.Dialect != p.way.Dialect {
		return nil
	}
	switch w.Dialect {
	case message.SeldonREST, message.SeldonGRPC, message.Plain, message.BentoML, message.MLflow:
		if w.Reply && (w.Dialect == message.BentoML || w.Dialect == message.MLflow) {
			return nil
		}
		if p.model.Native || s.ownPath(call.In[0]) {
			p.native = true
			return w
		}
	case message.OpenInferenceREST, message.OpenInferenceGRPC, message.KServeV1, message.TFServingREST, message.TFServingGRPC,
		message.OpenAI:
		if w.Reply {
			return nil // a reply's outputs are not a request's inputs
		}
		if p.model.Native || s.inServersNames(p.model, call.In[0]) {
			p.native = true
			return w
		}
	}
	return nil
}

// ownPath tells whether a client addressed one service by the service's own path: it speaks its language.
func (s *session) ownPath(in *message.Message) bool {
	return in == s.request && hasOwnPaths(s.client) && len(s.address.rest) > 1 && s.target.Plan.Single != nil
}

// inServersNames tells whether a client addressed one model by its server's own tensor names.
func (s *session) inServersNames(m *catalog.Model, in *message.Message) bool {
	d := in.Wire().Dialect
	if in != s.request || s.target.Plan.Single == nil || d != message.OpenInferenceREST && d != message.OpenInferenceGRPC {
		return false
	}
	var err error
	if s.names, err = oip.AppendInputNames(s.names[:0], in.Wire()); err != nil || len(s.names) == 0 {
		return false
	}
	differ := false
	for _, n := range s.names {
		known := false
		for i := range m.Contract.Inputs {
			if f := &m.Contract.Inputs[i]; f.ServerName() == n {
				known, differ = true, differ || f.Name != n
			}
		}
		if !known {
			return false
		}
	}
	return differ
}

// requestFailure makes a failure of the request of err.
func requestFailure(err error) *message.Failure {
	var f *message.Failure
	var large *body.TooLarge
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &large):
		return &message.Failure{Code: CodeTooLarge, Kind: message.TooLarge, Detail: large.Error()}
	case errors.Is(err, body.ErrBudget):
		return &message.Failure{Code: CodeBusy, Kind: message.ResourceExhausted, Detail: err.Error(), Remedy: "try again later"}
	}
	return &message.Failure{Code: CodeFraming, Kind: message.InvalidArgument, Detail: err.Error(), Cause: err}
}
