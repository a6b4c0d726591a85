package inference

import (
	"errors"
	"net/http"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/oip"
	"github.com/millrace/millrace/proxy/inference/catalog"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
)

// asking is how the client asked.
func (s *session) asking() *message.Asking {
	a := &message.Asking{Model: s.shownName(), Version: string(s.address.version), Wire: &s.wire, Full: s.client == message.Ask && s.flag("full")}
	if s.request != nil && s.request.Decoded() {
		a.Request, _ = s.request.Content()
	} else if s.request != nil && s.client != message.Opaque {
		a.Request, _ = s.request.Content() // the id and the outputs that were asked for
	}
	if a.Request != nil {
		a.ID = a.Request.ID
	}
	if a.ID == "" && s.client == message.OpenAI {
		a.ID = newID() // its clients keep completions apart by it
	}
	return a
}

// shownName is the target's name as the client wrote it.
func (s *session) shownName() string {
	if s.name != "" {
		return s.name
	}
	return string(s.address.name)
}

// reply sends the plan's reply: as it came where the client speaks the same and nothing stands between, else rendered.
func (s *session) reply(m *message.Message) error {
	if w := m.Wire(); w != nil && s.asItCame(w) {
		return s.send(w, true)
	}
	w, err := dialects[s.client].codec.EncodeReply(m, s.asking())
	if err != nil {
		var f *message.Failure
		if errors.As(err, &f) {
			return catalog.BadReply(f)
		}
		return err
	}
	defer w.Body.Release()
	if w.Status == 0 {
		w.Status = s.status(m)
	}
	return s.send(w, false)
}

// status is that of a reply that was rendered.
func (s *session) status(m *message.Message) int {
	if s.client.GRPC() {
		return 0
	}
	if v := m.Status(); v >= 100 && s.client == message.Opaque {
		return v
	}
	return http.StatusOK
}

func (s *session) asItCame(w *message.Wire) bool {
	if s.client == message.Opaque && w.Dialect == message.Opaque {
		return true
	}
	if !w.Native || (w.Dialect != s.client && !(s.client == message.Opaque && w.Dialect.JSON())) {
		return false
	}
	return w.Reply || w.Dialect == message.SeldonREST || w.Dialect == message.Opaque || w.Dialect == message.Plain
}

// send writes a wire form; passed says that it is a server's own answer.
func (s *session) send(w *message.Wire, passed bool) error {
	view, _ := w.Head.(*headView)
	if !passed || s.fields.rules != ast.Own || view == nil || view.head == nil {
		view = nil
	}
	if s.client.GRPC() {
		return s.sendGRPC(w, view)
	}
	h := &s.head
	h.Reset()
	h.Status = w.Status
	if h.Status == 0 {
		h.Status = http.StatusOK
	}
	h.ContentLength = int64(w.Body.Len())
	if view != nil {
		h.Reason = append(h.Reason, view.head.Reason...)
		copyFields(&h.Header, &view.head.Header)
	} else {
		s.contentType(w)
	}
	if s.allow != "" {
		h.Header.Add("Allow", s.allow)
	}
	if s.puid != "" {
		h.Header.Set("Seldon-Puid", s.puid)
		h.Header.Set("X-Content-Type-Options", "nosniff")
	}
	s.info.Status = h.Status
	if s.info.Detail == "" {
		s.info.Detail = "via_upstream"
	}
	if view != nil && view.rest != nil {
		h.ContentLength = view.head.ContentLength
		if err := s.d.SendHead(h, false); err != nil {
			return s.gone(err)
		}
		return s.sendRest(view.rest)
	}
	trailers := view != nil && view.trailers != nil && view.trailers.Len() > 0
	if trailers {
		h.ContentLength = -1 // HTTP/1.1 has trailers behind chunks only
	} else if w.Body.Len() == 0 {
		if view != nil && equal(s.d.Head().Method, "head") {
			h.ContentLength = view.head.ContentLength // of what GET would have brought
		}
		return s.gone(s.d.SendHead(h, true))
	}
	if err := s.d.SendHead(h, false); err != nil {
		return s.gone(err)
	}
	err := s.d.Send(w.Body.Retain(), !trailers)
	if err == nil && trailers {
		err = s.d.SendTrailers(view.trailers)
	}
	return s.gone(err)
}

// copyFields appends the fields of from to to.
func copyFields(to, from *stream.Header) {
	for i := range from.Len() {
		to.AddBytes(from.Field(i))
	}
}

func (s *session) contentType(w *message.Wire) {
	h := &s.head.Header
	switch {
	case w.JSONLength >= 0 && s.client == message.OpenInferenceREST:
		h.Add("Content-Type", "application/octet-stream")
		h.Add(oip.HeaderLength, itoa(w.JSONLength))
	case w.ContentType != "":
		h.Add("Content-Type", w.ContentType)
	default:
		h.Add("Content-Type", "application/json")
	}
}

// gone keeps a failure to write out of the reply: there is nobody to tell.
func (s *session) gone(err error) error {
	if err != nil {
		s.info.Flags |= router.DownstreamTermination
		s.info.Failure = err
	}
	return nil
}

// sendGRPC answers with a message; view has what else its server sent, or is nil.
func (s *session) sendGRPC(w *message.Wire, view *headView) error {
	framed, err := frame(w.Body, s.filter.Budget)
	if err != nil {
		return err
	}
	h := &s.head
	h.Reset()
	h.Status, h.ContentLength = http.StatusOK, -1
	h.Header.Add("content-type", "application/grpc")
	if view != nil {
		copyMetadata(&h.Header, &view.head.Header)
	}
	if s.info.Status = h.Status; s.info.Detail == "" {
		s.info.Detail = "via_upstream"
	}
	if err := s.d.SendHead(h, false); err != nil {
		framed.Release()
		return s.gone(err)
	}
	if err := s.d.Send(framed, false); err != nil {
		return s.gone(err)
	}
	h.Header.Reset()
	h.Header.Add("grpc-status", "0")
	if view != nil && view.trailers != nil {
		copyMetadata(&h.Header, view.trailers)
	}
	return s.gone(s.d.SendTrailers(&h.Header))
}

// copyMetadata appends gRPC metadata: all fields but those that are made anew.
func copyMetadata(to, from *stream.Header) {
	for i := range from.Len() {
		name, value := from.Field(i)
		switch string(name) {
		case "content-type", "grpc-status", "grpc-message", "grpc-encoding", "grpc-accept-encoding", "trailer":
		default:
			to.AddBytes(name, value)
		}
	}
}

// refuse answers a request that no plan was run for.
func (s *session) refuse(f *message.Failure) { s.fail(f) }

// fail answers an error, in the client's protocol.
func (s *session) fail(err error) {
	f := requestFailure(err)
	s.info.Failure = f
	s.info.Flags |= flags(f.Flag)
	if s.info.Detail = "millrace_" + string(f.Code); f.Kind == message.Canceled {
		s.info.Status, s.info.Flags = 499, s.info.Flags|router.DownstreamTermination
		s.d.Reset()
		return
	}
	if f.Reply != nil && !s.client.GRPC() && s.ownAnswer(f) {
		_ = s.send(f.Reply.Wire(), true)
		return
	}
	w := dialects[s.client].codec.EncodeFailure(s.ours(shown(f)), s.failureAsking())
	if s.client.GRPC() {
		s.failGRPC(f, w.Status)
		return
	}
	if s.refusal != 0 {
		w.Status = s.refusal
	}
	_ = s.send(w, false)
	w.Body.Release()
}

// ownAnswer tells whether a server's own error is the answer: where the plan is one call, and always for Seldon's graphs.
func (s *session) ownAnswer(f *message.Failure) bool {
	w := f.Reply.Wire()
	if w == nil || s.target == nil {
		return false
	}
	same := w.Dialect == s.client || s.client == message.Opaque && w.Dialect.JSON()
	return same && (s.target.Plan.Single != nil && w.Native || s.target.Plan.Rules != ast.Own)
}

// ours has a failure say which part failed where the server spoke the client's dialect: alone, a codec passes its words.
func (s *session) ours(f *message.Failure) *message.Failure {
	if f.Reply == nil || s.client.GRPC() || f.Reply.Wire() == nil || f.Reply.Wire().Dialect != s.client {
		return f
	}
	out := *f
	out.Reply = nil
	if status := f.Reply.Status(); status >= 400 && status <= 599 {
		s.refusal = status
	}
	return &out
}

// shown is the failure as a client may see it: a server's complaint about the input stays one.
func shown(f *message.Failure) *message.Failure {
	if f.Kind != message.FailedUpstream || f.Reply == nil {
		return f
	}
	out := *f
	w := f.Reply.Wire()
	status := w.Status
	if w.Dialect.GRPC() {
		out.Kind = kindOfCode(status)
		return &out
	}
	switch {
	case status >= 400 && status < 500:
		out.Kind = message.KindOf(status)
	case status == http.StatusServiceUnavailable:
		out.Kind = message.Unavailable
	case status == http.StatusGatewayTimeout:
		out.Kind = message.DeadlineExceeded
	}
	return &out
}

// kindOfCode returns the kind of a server's gRPC code.
func kindOfCode(code int) message.Kind {
	for _, k := range []message.Kind{message.InvalidArgument, message.NotFound, message.PermissionDenied, message.Unimplemented, message.Unavailable, message.DeadlineExceeded, message.ResourceExhausted} {
		if k.GRPC() == code {
			return k
		}
	}
	return message.FailedUpstream
}

func (s *session) failureAsking() *message.Asking {
	a := &message.Asking{Model: s.shownName(), Wire: &s.wire}
	if s.request != nil && s.client != message.Opaque && s.client != message.Plain {
		if c, err := s.request.Content(); err == nil {
			a.ID = c.ID
		}
	}
	return a
}

// failGRPC answers a status in a head without a body; a server's own passes as it was.
func (s *session) failGRPC(f *message.Failure, code int) {
	text := f.Error()
	var view *headView
	if f.Reply != nil && s.ownAnswer(f) {
		w := f.Reply.Wire()
		code, text = w.Status, w.ContentType
		if view, _ = w.Head.(*headView); s.fields.rules != ast.Own {
			view = nil
		}
	}
	if s.d.Progress().HeadSent {
		s.d.Reset()
		return
	}
	h := &s.head
	h.Reset()
	h.Status, h.ContentLength = http.StatusOK, -1
	h.Header.Add("content-type", "application/grpc")
	h.Header.Add("grpc-status", itoa(code))
	h.Header.Add("grpc-message", encodeMessage(text))
	if view != nil {
		copyMetadata(&h.Header, &view.head.Header)
		if view.trailers != nil {
			copyMetadata(&h.Header, view.trailers)
		}
	}
	s.info.Status = h.Status
	_ = s.gone(s.d.SendHead(h, true))
}

// flags turns the letters of a failure into a set.
func flags(letters string) router.Flags { return router.ParseFlags(letters) }
