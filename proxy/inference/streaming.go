package inference

import (
	"bytes"
	"io"
	"time"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/openai"
	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/stream"
)

const (
	// largeReply is the size from which a reply that nobody looks at is passed on in pieces.
	largeReply = 1 << 20
	// streamIdle bounds the time between two pieces of a stream; there is no bound on the whole.
	streamIdle = 5 * time.Minute
)

// streams tells whether p's reply may go to the client as it comes: the plan is one call, and its answer is the server's own.
func (s *session) streams(p *pending) bool {
	return p.native && !s.detached && s.target != nil && s.target.Plan.Single != nil && !s.client.GRPC() && p.way.Dialect == s.client &&
		(s.whole || s.client == message.OpenAI)
}

// piecewise tells by its head whether a reply goes on in pieces: events, what is large, and what has no length. A server's
// error is looked at first.
func piecewise(h *stream.ResponseHead) bool {
	if h.Status < 200 || h.Status > 299 {
		return false
	}
	return h.ContentLength < 0 || h.ContentLength >= largeReply || bytes.HasPrefix(h.Header.Get("content-type"), []byte("text/event-stream"))
}

// sendRest sends a body as it comes. A stream that breaks is never ended as if it were whole: OpenAI's clients are told in the
// stream, all others by a connection that ends too soon.
func (s *session) sendRest(call *cluster.Call) error {
	var events openai.Events
	watch := s.client == message.OpenAI && bytes.HasPrefix(s.head.Header.Get("content-type"), []byte("text/event-stream"))
	for {
		piece, err := call.Recv(time.Now().Add(streamIdle))
		if err == io.EOF {
			return s.endRest(call)
		}
		if err != nil {
			s.info.Failure = err
			if f := failureOf(err); watch && f.Kind != message.Canceled {
				_ = s.d.Send(body.Of(openai.AppendBreak(nil, &events, f)), false)
			}
			s.d.Reset()
			return nil
		}
		if watch {
			for i := range piece.Segments() {
				for rest := piece.Segment(i); len(rest) > 0; {
					n, _ := events.Next(rest)
					rest = rest[n:]
				}
			}
		}
		if err := s.d.Send(piece, false); err != nil {
			return s.gone(err)
		}
	}
}

// endRest ends a body that was sent in pieces.
func (s *session) endRest(call *cluster.Call) error {
	if t := call.Trailers(); t != nil {
		return s.gone(s.d.SendTrailers(t))
	}
	return s.gone(s.d.Send(nil, true))
}
