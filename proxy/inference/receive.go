package inference

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/mlflow"
	"github.com/millrace/millrace/protocol/oip"
	"github.com/millrace/millrace/proxy/inference/catalog"
	"github.com/millrace/millrace/proxy/stream"
)

// receive reads the request's body and makes its wire form.
func (s *session) receive() *message.Failure {
	h := s.d.Head()
	b, err := s.readBody(h)
	if err != nil {
		return s.bodyFailure(err)
	}
	s.own = fields{header: &h.Header, authority: h.Authority}
	s.fields = &s.own
	s.whole = s.passesWhole()
	w := &s.wire
	*w = message.Wire{Dialect: s.client, Body: b, JSONLength: -1, Native: true, Head: s.fields, ContentType: contentType(h.Header.Get("content-type"))}
	switch {
	case s.client.GRPC():
		payload, err := unframe(b, h.Header.Get("grpc-encoding"), s.filter.Budget, s.filter.MaxBody)
		b.Release()
		w.Body = nil
		if err != nil {
			return requestFailure(err)
		}
		w.Body = payload
	case !s.whole && h.Header.Has("content-encoding"):
		if f := s.decompress(h); f != nil {
			return f
		}
	}
	if s.client == message.OpenInferenceREST {
		if v := h.Header.Get(oip.HeaderLength); v != nil {
			n, err := strconv.Atoi(string(v))
			switch {
			case err == nil && n >= 0 && n <= w.Body.Len():
				w.JSONLength = n
			case !s.whole: // else the server says so
				return message.Invalid(CodeFraming, "inference header size should be in range (0, %d), got: %s", w.Body.Len(), printable(v))
			}
		}
	}
	return nil
}

// passesWhole tells whether the plan is one call of a server that speaks the client's protocol and names: what the client
// sent is not looked at then.
func (s *session) passesWhole() bool {
	if s.target == nil || s.target.Plan.Single == nil || s.client.GRPC() {
		return false
	}
	if s.address.action != infer {
		return s.serverSays()
	}
	c := s.target.Plan.Single
	m, _ := c.Model.Handle.(*catalog.Model)
	return m != nil && len(c.Parameters) == 0 && m.Transport(s.client).Dialect == s.client && (m.Native || hasOwnPaths(s.client) && len(s.address.rest) > 1)
}

// hasOwnPaths tells whether services of the dialect are asked at paths that they choose themselves.
func hasOwnPaths(d message.Dialect) bool {
	return d == message.Plain || d == message.BentoML || d == message.MLflow
}

// servingDialect is what a client speaks at /serving/{namespace}/{name}: what the model's server does where its paths are its
// own, MLflow's at /invocations, else plain JSON.
func servingDialect(t *catalog.Target, rest []byte) message.Dialect {
	if t != nil && t.Model != nil && hasOwnPaths(t.Model.Transports[0].Dialect) {
		return t.Model.Transports[0].Dialect
	}
	if string(rest) == mlflow.PathInvocations {
		return message.MLflow
	}
	return message.Plain
}

// decompress replaces the request's body by its plain form.
func (s *session) decompress(h *stream.RequestHead) *message.Failure {
	said := h.Header.Get("content-encoding")
	switch e := encodingOf(said); e {
	case identity:
	case gzipped, deflated:
		plain, err := unpack(s.wire.Body, e, s.filter.Budget, s.filter.MaxBody)
		if err != nil {
			return requestFailure(err)
		}
		s.wire.Body.Release()
		s.wire.Body = plain
	default:
		s.refusal = http.StatusUnsupportedMediaType
		return &message.Failure{Code: CodeFraming, Kind: message.InvalidArgument, Detail: "the request's body is encoded by " + printable(said), Remedy: "use gzip, deflate or no encoding"}
	}
	h.Header.Del("content-encoding")
	return nil
}

func (s *session) readBody(h *stream.RequestHead) (*body.Body, error) {
	if h.ContentLength > s.filter.MaxBody {
		return nil, &body.TooLarge{Limit: s.filter.MaxBody}
	}
	first, err := s.d.Recv()
	if err == io.EOF {
		return body.Of(nil), nil
	}
	if err != nil {
		return nil, err
	}
	if h.ContentLength >= 0 && int64(first.Len()) == h.ContentLength {
		more, err := s.d.Recv()
		more.Release()
		if err != io.EOF {
			first.Release()
			return nil, orTooLong(err)
		}
		return first, nil
	}
	w := body.Writer{Budget: s.filter.Budget, Limit: s.filter.MaxBody}
	for piece := first; ; {
		err := w.Append(piece)
		piece.Release()
		if err != nil {
			w.Discard()
			return nil, err
		}
		if piece, err = s.d.Recv(); err == io.EOF {
			return w.Body()
		} else if err != nil {
			w.Discard()
			return nil, err
		}
	}
}

func orTooLong(err error) error {
	if err == nil {
		return &stream.ProtocolError{Status: 400, Reason: "the body is longer than its content-length"}
	}
	return err
}

func (s *session) bodyFailure(err error) *message.Failure {
	var p *stream.ProtocolError
	if errors.As(err, &p) {
		return &message.Failure{Code: CodeFraming, Kind: message.KindOf(p.Status), Detail: p.Reason}
	}
	if s.d.Context().Err() != nil {
		return &message.Failure{Code: engine.CodeCanceled, Kind: message.Canceled, Detail: "the client left", Flag: "DC"}
	}
	f := requestFailure(err)
	if errors.Is(err, context.DeadlineExceeded) {
		s.refusal, f.Kind = http.StatusRequestTimeout, message.DeadlineExceeded
	}
	if f.Cause != nil {
		f.Detail = "the request's body did not come whole" // the cause may name addresses
	}
	return f
}
