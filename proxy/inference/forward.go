package inference

import (
	"bytes"
	"strings"
	"time"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/oip"
	"github.com/millrace/millrace/protocol/openai"
	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/inference/catalog"
	"github.com/millrace/millrace/proxy/stream"
)

// passing is how much of the client's request a server gets as it was sent.
type passing uint8

const (
	rendered passing = iota // nothing: the body was made here
	asBody                  // the body; the reply is looked at
	asWhole                 // body and header, and the reply goes back likewise
)

// passing tells what p's server gets of the client's request.
func (s *session) passing(p *pending, call *engine.Call) passing {
	switch {
	case !p.native || call.In[0] != s.request:
		return rendered
	case s.whole:
		return asWhole
	}
	return asBody
}

// requestHead fills in the head of the request to the server.
func (s *session) requestHead(p *pending, call *engine.Call, w *message.Wire) {
	h := &p.head
	how := s.passing(p, call)
	h.Method = append(h.Method[:0], "POST"...)
	h.Scheme = append(h.Scheme[:0], "http"...)
	// As Envoy does, the client's host is passed on unless the model says otherwise.
	if h.Authority = append(h.Authority[:0], p.way.Authority...); len(h.Authority) == 0 && s.fields != nil {
		h.Authority = append(h.Authority, s.fields.authority...)
	}
	switch {
	case p.native && s.ownPath(call.In[0]):
		h.Method = append(h.Method[:0], s.d.Head().Method...)
		h.Path = h.Path[:0]
		if p.way.Dialect == message.MLflow { // others' path is that of one method, which the client's stands in for
			h.Path = append(h.Path, p.way.Path...)
		}
		h.Path = append(h.Path, s.address.rest...)
	case p.native && p.way.Dialect == message.OpenAI: // one of its many paths
		prefix, _ := openai.SplitPath(p.way.Path)
		h.Path = append(append(h.Path[:0], prefix...), bytes.TrimPrefix(s.address.rest, []byte("/openai"))...)
	default:
		h.Path = appendPath(h.Path[:0], p.way, &p.target)
	}
	if how == asWhole {
		path, _ := s.d.Head().SplitPath()
		h.Path = append(h.Path, s.d.Head().Path[len(path):]...) // a '?' alone is part of it
	}
	h.Header.Reset()
	s.forwardFields(&h.Header, how)
	switch {
	case p.way.Dialect.GRPC():
		addGRPCFields(&h.Header, call.Deadline)
	case how == asWhole: // whatever the client said of its body
	case w.JSONLength >= 0:
		h.Header.Add("content-type", "application/octet-stream")
		h.Header.Add(oip.HeaderLength, itoa(w.JSONLength))
	case w.ContentType != "" && !s.saysJSON(w):
		h.Header.Add("content-type", w.ContentType)
	default:
		h.Header.Add("content-type", "application/json")
	}
	if s.puid != "" {
		h.Header.Set("Seldon-Puid", s.puid)
	}
	addModelFields(&h.Header, p.model)
}

// addGRPCFields adds what every gRPC request says; deadline is the call's, or zero.
func addGRPCFields(h *stream.Header, deadline time.Time) {
	h.Add("content-type", "application/grpc")
	h.Add("te", "trailers")
	if !deadline.IsZero() {
		h.Add("grpc-timeout", grpcTimeout(time.Until(deadline)))
	}
}

// addModelFields sets the fields that a model's object wants.
func addModelFields(h *stream.Header, m *catalog.Model) {
	for _, f := range m.Headers {
		h.Set(f.GetName(), f.GetValue())
	}
}

// saysJSON tells whether a body is declared to be JSON whatever the client said, as Seldon's executor and KServe's router do: curl
// calls everything a form, and their servers refuse that.
func (s *session) saysJSON(w *message.Wire) bool {
	return s.fields != nil && s.fields.rules != ast.Own && !strings.HasPrefix(w.ContentType, "multipart/")
}

// passRest adds what else belongs to a request that is passed as it was sent: its trailers, and a way back for 1xx heads.
func (s *session) passRest(req *cluster.Request) {
	if t := s.d.RecvTrailers(); t != nil && t.Len() > 0 {
		req.Trailers = t
	}
	if s.interim == nil {
		s.interim = func(h *stream.ResponseHead) { _ = s.gone(s.d.SendInformational(h)) }
	}
	req.Informational = s.interim
}

// appendPath appends the path of a call.
func appendPath(dst []byte, way *catalog.Transport, t *message.Target) []byte {
	switch way.Dialect {
	case message.Plain, message.Opaque:
		if t.Path == "" {
			return append(dst, '/')
		}
		return append(dst, t.Path...)
	case message.BentoML, message.OpenAI: // the target's path is their own
		return dialects[way.Dialect].path(dst, t)
	}
	dst = append(dst, way.Path...)
	return dialects[way.Dialect].path(dst, t)
}

// ownName tells whether a field of the client's request is made anew for a call. What describes the body goes with the body,
// and only who passes the reply on may ask for it in an encoding.
func ownName(name []byte, how passing) bool {
	switch len(name) {
	case len("te"):
		return equal(name, "te")
	case len("accept"):
		return how == rendered && equal(name, "accept")
	case len("content-type"):
		return how != asWhole && equal(name, "content-type") || equal(name, "grpc-timeout")
	case len("grpc-encoding"):
		return equal(name, "grpc-encoding")
	case len("accept-encoding"):
		return how != asWhole && equal(name, "accept-encoding")
	case len("content-encoding"):
		return how != asWhole && equal(name, "content-encoding")
	case len("grpc-accept-encoding"):
		return equal(name, "grpc-accept-encoding")
	case len("inference-header-content-length"):
		return how != asWhole && equal(name, "inference-header-content-length")
	case len("x-envoy-upstream-rq-timeout-ms"):
		return equal(name, "x-envoy-upstream-rq-timeout-ms")
	}
	return false
}

// propagated are the fields that a KServe graph hands on: a trace must not break, and nothing else is passed by default.
var propagated = []string{"x-request-id", "traceparent", "tracestate"}

// forwardFields copies the client's header fields.
func (s *session) forwardFields(to *stream.Header, how passing) {
	if s.fields == nil {
		return
	}
	if s.fields.rules == ast.KServe {
		for _, n := range propagated {
			if v := s.fields.header.Get(n); v != nil {
				to.Add(n, string(v))
			}
		}
		return
	}
	for i := range s.fields.header.Len() {
		name, value := s.fields.header.Field(i)
		if !ownName(name, how) {
			to.AddBytes(name, value)
		}
	}
}
