package router

import (
	"time"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/stream"
)

const (
	// maxMirrors bounds the copies under way in the process.
	maxMirrors = 1024
	// mirrorTimeout bounds a copy of a request that has no bound of its own.
	mirrorTimeout = 60 * time.Second
	// mirrorMaxBody bounds the response to a copy, which nobody reads.
	mirrorMaxBody = 64 << 20
)

// mirror sends copies of a request that was read whole, after the request itself and only once.
func (x *exchange) mirror() {
	if len(x.a.mirrors) > 0 && x.attempt.Tries() == 1 {
		x.sendMirrors(x.pieces, x.trailers)
	}
}

// sendMirrors starts the copies. They never delay the request: each has its own goroutine, connection and deadline, and
// shares the body's bytes.
func (x *exchange) sendMirrors(pieces []*body.Body, trailers *stream.Header) {
	for i := range x.a.mirrors {
		m := &x.a.mirrors[i]
		if !m.fraction.Hit() {
			continue
		}
		c := m.ref.Load()
		if c == nil || x.f.shadowed.Add(1) > maxMirrors {
			if c != nil {
				x.f.shadowed.Add(-1)
			}
			x.f.MirrorsDropped.Add(1)
			continue
		}
		req := &cluster.Request{Cluster: c, Head: new(stream.RequestHead), Body: body.Join(pieces...), MaxBody: mirrorMaxBody}
		req.Head.CopyFrom(x.d.Head())
		req.Head.Authority = append(req.Head.Authority, m.suffix...)
		if trailers != nil {
			req.Trailers = new(stream.Header)
			req.Trailers.CopyFrom(trailers)
		}
		if req.Deadline = x.deadline(); req.Deadline.IsZero() {
			req.Deadline = time.Now().Add(mirrorTimeout)
		}
		f := x.f // x itself may be another request's before the copy ends
		f.shadows.Go(func() {
			defer f.shadowed.Add(-1)
			defer req.Body.Release()
			call := cluster.Begin(req)
			defer call.Close()
			_, b, _, err := call.Wait()
			if err == nil {
				b.Release()
			}
		})
	}
}
