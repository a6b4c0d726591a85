package inference

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/inference/catalog"
	"github.com/millrace/millrace/proxy/stream"
)

// pending is one call to a model server. It lives until its session ends, because the reply's header fields are read from
// it; a shadow's ends with Wait.
type pending struct {
	session  *session
	model    *catalog.Model
	way      *catalog.Transport
	call     *cluster.Call
	head     stream.RequestHead
	failed   *message.Failure // before anything was sent
	native   bool             // the request passed as it came, in the server's names
	tolerate bool
	deadline time.Time
	target   message.Target
	unfollow func()     // of a shadow's
	received *reception // by a goroutine, see WaitAny
	// The reply, unless it is a shadow's.
	fields headView
	wire   message.Wire
	reply  message.Message
}

var pendings = sync.Pool{New: func() any { return new(pending) }}

var _ engine.Pending = (*pending)(nil)

// headView is what came with the body of a reply, valid until the call is closed.
type headView struct {
	head     *stream.ResponseHead
	trailers *stream.Header // nil where there are none
	rest     *cluster.Call  // brings the body in pieces; nil where it is there
}

// Get implements message.Head.
func (h headView) Get(name string) []byte { return h.head.Header.Get(name) }

// Cancel implements engine.Pending.
func (p *pending) Cancel() {
	if p.call != nil {
		p.call.Cancel()
	}
}

// follow gives a shadow's call up with its run: no session cancels it.
func (p *pending) follow(ctx context.Context) {
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		p.Cancel()
		close(over)
	})
	p.unfollow = func() {
		if !stop() {
			<-over
		}
	}
}

// close gives the call back. The pending must not be used afterwards.
func (p *pending) close() {
	if p.unfollow != nil {
		p.unfollow()
	}
	if r := p.received; r != nil {
		p.call.Cancel() // nothing to do where the reply was taken
		<-r.done
		r.body.Release()
	}
	if p.call != nil {
		p.call.Close()
	}
	p.head.Reset()
	*p = pending{head: p.head}
	pendings.Put(p)
}

// Wait implements engine.Pending.
func (p *pending) Wait() (*message.Message, error) {
	if p.failed != nil {
		return nil, p.failed
	}
	h, b, trailers, streams, err := p.response()
	s := p.session
	s.note(p.call)
	if err != nil {
		f := failureOf(err)
		if s.detached {
			p.close()
		}
		return nil, f
	}
	w := &p.wire
	if s.detached {
		w = new(message.Wire)
	}
	*w = message.Wire{
		Dialect: p.way.Dialect, Body: b, ContentType: contentType(h.Header.Get("content-type")), JSONLength: -1, Status: h.Status,
		Reply: true, Native: p.model.Native || p.native,
	}
	if p.way.Dialect == message.OpenInferenceREST {
		if n := h.Header.Get("inference-header-content-length"); n != nil {
			if v, err := strconv.Atoi(string(n)); err == nil {
				w.JSONLength = v
			}
		}
	}
	if !s.detached {
		p.fields = headView{h, trailers, nil}
		if streams {
			p.fields.rest = p.call
		}
		w.Head = &p.fields
	}
	m, f := p.message(w, h, trailers)
	if s.detached {
		p.close()
	}
	if f != nil {
		return nil, f
	}
	return m, nil
}

// message makes the reply of what the server sent, or the failure that it says.
func (p *pending) message(w *message.Wire, h *stream.ResponseHead, trailers *stream.Header) (*message.Message, *message.Failure) {
	if p.way.Dialect.GRPC() {
		return p.grpc(w, h, trailers)
	}
	if e := h.Header.Get("content-encoding"); len(e) > 0 && !p.session.whole {
		if f := p.decompress(w, e); f != nil {
			w.Body.Release()
			w.Body = nil
			return nil, f
		}
		h.Header.Del("content-encoding")
	}
	m := p.made(w)
	if good(p.way.Dialect, w.Status) || p.tolerate {
		return m, nil
	}
	f := &message.Failure{
		Code: CodeServerError, Kind: message.FailedUpstream, Reply: m,
		Detail: "its server answered " + strconv.Itoa(w.Status) + text(jsontensor.ErrorText(w.Body.Bytes())),
	}
	return nil, f
}

// good tells whether a status is success: Seldon's executor takes only 200.
func good(d message.Dialect, status int) bool {
	if d == message.SeldonREST {
		return status == 200
	}
	return status >= 200 && status < 300
}

// contentType returns the text of a content type, without allocating for the usual ones.
func contentType(b []byte) string {
	switch string(b) {
	case "application/json":
		return "application/json"
	case "application/octet-stream":
		return "application/octet-stream"
	case "application/grpc":
		return "application/grpc"
	}
	return string(b)
}

func text(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}

func (p *pending) decompress(w *message.Wire, said []byte) *message.Failure {
	e := encodingOf(said)
	switch e {
	case identity:
		return nil
	case unknownEncoding:
		return &message.Failure{Code: CodeFraming, Kind: message.BadReply, Detail: "its server's reply is encoded by " + printable(said)}
	}
	plain, err := unpack(w.Body, e, p.session.filter.Budget, p.session.filter.MaxBody)
	if err != nil {
		return &message.Failure{Code: CodeFraming, Kind: message.BadReply, Detail: "its server's reply: " + err.Error()}
	}
	w.Body.Release()
	w.Body = plain
	return nil
}

// grpc reads a unary gRPC response.
func (p *pending) grpc(w *message.Wire, h *stream.ResponseHead, trailers *stream.Header) (*message.Message, *message.Failure) {
	fields := trailers
	if fields == nil || !fields.Has("grpc-status") {
		fields = &h.Header // trailers only
	}
	framed := w.Body
	w.Body = nil
	defer framed.Release()
	status := fields.Get("grpc-status")
	code, err := strconv.Atoi(string(status))
	if err != nil {
		return nil, &message.Failure{Code: CodeServerError, Kind: kindWithoutStatus(h.Status), Detail: "its server broke gRPC: HTTP " + strconv.Itoa(h.Status) + " and no grpc-status", Flag: "UPE"}
	}
	w.Status = code
	if code != 0 {
		said := decodeMessage(fields.Get("grpc-message"))
		w.ContentType = said // a gRPC error has no body: its text stands in for one
		return nil, &message.Failure{
			Code: CodeServerError, Kind: message.FailedUpstream, Reply: message.FromWire(w, nil),
			Detail: "its server answered " + codeName(code) + text(said),
		}
	}
	payload, err := unframe(framed, h.Header.Get("grpc-encoding"), p.session.filter.Budget, p.session.filter.MaxBody)
	if err != nil {
		return nil, catalog.BadReply(err)
	}
	w.Body = payload
	return p.made(w), nil
}

// kindWithoutStatus follows gRPC's http-grpc-status-mapping.
func kindWithoutStatus(status int) message.Kind {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return message.Unavailable
	}
	return message.BadReply
}

// made makes the reply's message; a shadow's must outlive p.
func (p *pending) made(w *message.Wire) *message.Message {
	if p.session.detached {
		return message.FromWire(w, p.way.DecodeReply)
	}
	p.reply.Reset(w, p.way.DecodeReply)
	return &p.reply
}

// failureOf says in the engine's words why there is no response.
func failureOf(err error) *message.Failure {
	var e *cluster.Error
	if !errors.As(err, &e) {
		return &message.Failure{Code: CodeNoReply, Kind: message.Unavailable, Detail: "its server gave no reply", Cause: err}
	}
	f := &message.Failure{Code: CodeNoReply, Kind: message.Unavailable, Cause: err, Flag: e.Flags()}
	switch e.Reason {
	case cluster.NoCluster:
		f.Detail = "its server is not configured"
	case cluster.NoHealthyHost:
		f.Detail = "its server has no endpoint that is up"
	case cluster.ConnectFailed, cluster.ConnectTimeout:
		f.Detail = "its server cannot be reached"
	case cluster.Overflow:
		f.Code, f.Detail = CodeBusy, "its server has as many requests as it may have"
	case cluster.Reset, cluster.RemoteReset:
		f.Detail = "its server ended the connection before it replied"
	case cluster.Timeout, cluster.PerTryTimeout:
		f.Code, f.Kind, f.Detail = CodeSlow, message.DeadlineExceeded, "its server did not reply in time"
	case cluster.Canceled:
		f.Kind, f.Detail = message.Canceled, "the request was canceled"
	case cluster.BadResponse:
		f.Code, f.Kind, f.Detail = CodeServerError, message.BadReply, "its server broke HTTP"
	case cluster.TooLarge:
		f.Code, f.Kind, f.Detail = CodeTooLarge, message.TooLarge, "its server's reply is too large"
		if errors.Is(err, body.ErrBudget) {
			f.Code, f.Kind, f.Detail = CodeBusy, message.ResourceExhausted, body.ErrBudget.Error()
		}
	}
	return f
}
