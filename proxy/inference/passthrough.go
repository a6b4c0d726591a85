package inference

import (
	"errors"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/oip"
	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/inference/catalog"
)

// serverSays tells whether the target's server answers for itself what is asked about it: the plan is one call, and the server
// speaks the client's protocol. Where a contract says what goes in and out, metadata are told from it.
func (s *session) serverSays() bool {
	if s.client != message.OpenInferenceREST && s.client != message.OpenInferenceGRPC {
		return false
	}
	c := s.target.Plan.Single
	if c == nil || len(c.Parameters) > 0 {
		return false
	}
	m, _ := c.Model.Handle.(*catalog.Model)
	return m != nil && m.Transport(s.client).Dialect == s.client && (s.address.action != metadata || m.Contract == nil)
}

// pass has the one server of the target answer what is asked at an address of its own, with nothing changed but the model's
// name: in the path over HTTP, in the message over gRPC. The reply goes on as it comes.
func (s *session) pass() {
	if !s.serverSays() {
		s.refuse(&message.Failure{
			Code: CodeUnsupported, Kind: message.Unimplemented, Detail: "only the server of one model can answer this, in its own protocol",
			Remedy: "ask for one model whose server speaks Open Inference",
		})
		return
	}
	if s.fields == nil { // over gRPC the message was read to learn the name
		if f := s.receive(); f != nil {
			s.refuse(f)
			return
		}
	}
	s.fields.rules = s.target.Plan.Rules
	p := pendings.Get().(*pending)
	call := s.target.Plan.Single
	p.session, p.native = s, true
	p.model = call.Model.Handle.(*catalog.Model)
	p.way = p.model.Transport(s.client)
	p.target = message.Target{Model: p.model.Remote, Version: p.model.Version}
	if call.Version != "" {
		p.target.Version = call.Version
	}
	s.hold(p)
	b, f := s.passedBody(p)
	if f != nil {
		s.fail(f)
		return
	}
	p.deadline = deadlineOf(p.model, s.deadline())
	s.passedHead(p)
	req := cluster.Request{
		Cluster: p.way.Cluster.Load(), Head: &p.head, Body: b, Deadline: p.deadline,
		Idempotent: s.address.action != generate || p.model.Idempotent && !s.address.events(), MaxBody: s.filter.MaxBody,
	}
	if !s.client.GRPC() {
		s.passRest(&req)
	}
	s.sent(p, cluster.Begin(&req))
	b.Release()
	m, err := p.Wait()
	if err == nil {
		err = s.send(m.Wire(), true)
		m.Release()
	}
	if err != nil {
		s.fail(err)
		var f *message.Failure
		if errors.As(err, &f) && f.Reply != nil {
			f.Reply.Release()
		}
	}
	if done := s.filter.Done; done != nil && s.address.action == generate {
		done(s.target, s.info, nil)
	}
}

// passedBody is what the server gets; the reference is the caller's.
func (s *session) passedBody(p *pending) (*body.Body, *message.Failure) {
	b := s.wire.Body.Retain()
	if !s.client.GRPC() {
		return b, nil
	}
	b, err := renameModel(s.client, b, &p.target, s.filter.Budget)
	if err != nil {
		return nil, requestFailure(err)
	}
	b, _, f := s.framed(b, &s.wire)
	return b, f
}

// passedHead fills in the head of the request to the server.
func (s *session) passedHead(p *pending) {
	h, asked := &p.head, s.d.Head()
	h.Method = append(h.Method[:0], asked.Method...)
	h.Scheme = append(h.Scheme[:0], "http"...)
	if h.Authority = append(h.Authority[:0], p.way.Authority...); len(h.Authority) == 0 {
		h.Authority = append(h.Authority, s.fields.authority...)
	}
	h.Path = append(h.Path[:0], p.way.Path...)
	h.Header.Reset()
	if s.client.GRPC() {
		h.Path = append(h.Path, asked.Path...)
		s.forwardFields(&h.Header, asBody)
		addGRPCFields(&h.Header, p.deadline)
	} else {
		path, _ := asked.SplitPath()
		h.Path = append(oip.ModelPath(h.Path, p.target.Model, p.target.Version), s.address.rest...)
		h.Path = append(h.Path, asked.Path[len(path):]...)
		s.forwardFields(&h.Header, asWhole)
	}
	addModelFields(&h.Header, p.model)
}
