package filtertest

import (
	"context"
	"io"
	"net"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/stream"
)

// Downstream is a request and what was answered. It is not safe for concurrent use.
type Downstream struct {
	Request  stream.RequestHead
	Pieces   []string // of the request's body
	Trailers *stream.Header
	Info     stream.ConnInfo
	Ctx      context.Context

	Response     stream.ResponseHead
	HeadSent     bool
	Ended        bool
	WasReset     bool
	Body         string
	SentTrailers *stream.Header
}

var _ stream.Downstream = (*Downstream)(nil)

// New returns a request from a client at 192.0.2.1 to port 8080.
func New(method, path string, header ...string) *Downstream {
	d := &Downstream{Ctx: context.Background()}
	d.Request.Method, d.Request.Path, d.Request.Authority = []byte(method), []byte(path), []byte("test")
	d.Request.Version = stream.HTTP11
	for i := 0; i+1 < len(header); i += 2 {
		d.Request.Header.Add(header[i], header[i+1])
	}
	d.Info.Remote = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4000}
	d.Info.Local = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}
	return d
}

// Head implements stream.Downstream.
func (d *Downstream) Head() *stream.RequestHead { return &d.Request }

// Recv implements stream.Downstream.
func (d *Downstream) Recv() (*body.Body, error) {
	if len(d.Pieces) == 0 {
		return nil, io.EOF
	}
	p := d.Pieces[0]
	d.Pieces = d.Pieces[1:]
	return body.Of([]byte(p)), nil
}

// RecvTrailers implements stream.Downstream.
func (d *Downstream) RecvTrailers() *stream.Header { return d.Trailers }

// SendInformational implements stream.Downstream.
func (d *Downstream) SendInformational(*stream.ResponseHead) error { return nil }

// SendHead implements stream.Downstream.
func (d *Downstream) SendHead(h *stream.ResponseHead, end bool) error {
	d.Response.CopyFrom(h)
	d.HeadSent, d.Ended = true, end
	return nil
}

// Send implements stream.Downstream.
func (d *Downstream) Send(b *body.Body, end bool) error {
	d.Body += string(b.Bytes())
	b.Release()
	d.Ended = d.Ended || end
	return nil
}

// SendTrailers implements stream.Downstream.
func (d *Downstream) SendTrailers(h *stream.Header) error {
	d.SentTrailers, d.Ended = h, true
	return nil
}

// Reset implements stream.Downstream.
func (d *Downstream) Reset() { d.WasReset = true }

// Context implements stream.Downstream.
func (d *Downstream) Context() context.Context { return d.Ctx }

// Conn implements stream.Downstream.
func (d *Downstream) Conn() *stream.ConnInfo { return &d.Info }

// Progress implements stream.Downstream.
func (d *Downstream) Progress() stream.Progress {
	return stream.Progress{Sent: int64(len(d.Body)), HeadSent: d.HeadSent, Ended: d.Ended}
}
