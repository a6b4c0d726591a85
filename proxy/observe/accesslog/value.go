package accesslog

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
)

// nothing is read where an entry has no Info.
var nothing router.Info

// value appends the operator's value as it is, and tells whether there is one.
func (op *operator) value(dst []byte, e *Entry) ([]byte, bool) {
	start := len(dst)
	dst, ok := op.whole(dst, e)
	if op.max > 0 && len(dst)-start > op.max {
		dst = dst[:start+op.max]
	}
	return dst, ok
}

func (op *operator) whole(dst []byte, e *Entry) ([]byte, bool) {
	info := e.Info
	if info == nil {
		info = &nothing
	}
	switch op.kind {
	case startTime:
		return appendTime(dst, op.time, info.Start), !info.Start.IsZero()
	case requestHeader:
		return requestField(dst, e.Request, op.text, op.alt)
	case responseHeader:
		return op.responseField(dst, info)
	case trailer:
		return field(dst, &info.Trailers, op.text, op.alt)
	case protocolName:
		return appendProtocol(dst, e)
	case responseCode:
		return strconv.AppendInt(dst, int64(info.Status), 10), true
	case responseDetails:
		return text(dst, info.Detail)
	case responseFlags:
		return info.Flags.Append(dst), true
	case bytesReceived:
		return strconv.AppendInt(dst, info.Progress.Received, 10), true
	case bytesSent:
		return strconv.AppendInt(dst, info.Progress.Sent, 10), true
	case duration:
		return milliseconds(dst, info.Done)
	case requestDuration:
		return milliseconds(dst, info.RequestDone)
	case responseDuration:
		return milliseconds(dst, info.UpstreamHead)
	case responseTxDuration:
		if info.UpstreamHead == 0 {
			return dst, false
		}
		return milliseconds(dst, info.Done-info.UpstreamHead)
	case upstreamHost:
		return text(dst, info.Host)
	case upstreamCluster:
		return text(dst, info.Cluster)
	case upstreamAttempts:
		return strconv.AppendInt(dst, int64(info.Tries), 10), true
	case upstreamFailure:
		if info.Flags&(router.UpstreamConnectionFailure|router.UpstreamTermination|router.UpstreamProtocolError) == 0 {
			return dst, false
		}
		return appendError(dst, info.Failure)
	case failure:
		return appendError(dst, info.Failure)
	case routeName:
		return text(dst, info.Route)
	case requestID:
		if len(info.RequestID) > 0 {
			return append(dst, info.RequestID...), true
		}
		return requestField(dst, e.Request, "x-request-id", "")
	case constant:
		return text(dst, op.text)
	case graphName:
		return text(dst, info.Graph)
	case decisions:
		return append(dst, info.Decisions...), len(info.Decisions) > 0
	case grpcStatus, grpcNumber:
		return op.grpc(dst, e, info)
	}
	return op.connection(dst, e.Conn)
}

// connection appends what the operator tells of the client's connection.
func (op *operator) connection(dst []byte, c *stream.ConnInfo) ([]byte, bool) {
	if c == nil {
		return dst, false
	}
	switch op.kind {
	case remoteAddress, remoteHost, remotePort:
		return appendAddress(dst, c.Remote, op.kind != remotePort, op.kind != remoteHost)
	case localAddress, localHost, localPort:
		return appendAddress(dst, c.Local, op.kind != localPort, op.kind != localHost)
	case connectionID:
		return strconv.AppendUint(dst, c.ID, 10), true
	case listenerName:
		return text(dst, c.Listener)
	}
	if c.TLS == nil {
		return dst, false
	}
	switch op.kind {
	case serverName:
		return text(dst, c.TLS.ServerName)
	case tlsVersion:
		return text(dst, tls.VersionName(c.TLS.Version))
	case tlsCipher:
		return text(dst, tls.CipherSuiteName(c.TLS.CipherSuite))
	}
	return dst, false
}

func text(dst []byte, s string) ([]byte, bool) { return append(dst, s...), s != "" }

func appendError(dst []byte, err error) ([]byte, bool) {
	if err == nil {
		return dst, false
	}
	return append(dst, err.Error()...), true
}

func milliseconds(dst []byte, d time.Duration) ([]byte, bool) {
	return strconv.AppendInt(dst, d.Milliseconds(), 10), d > 0
}

func requestField(dst []byte, h *stream.RequestHead, name, alt string) ([]byte, bool) {
	if h == nil {
		return dst, false
	}
	for _, n := range [...]string{name, alt} {
		var v []byte
		switch n {
		case "":
			continue
		case ":method":
			v = h.Method
		case ":path":
			v = h.Path
		case ":authority", "host":
			v = h.Authority
		case ":scheme":
			v = h.Scheme
		case ":protocol":
			v = h.Protocol
		default:
			v = h.Header.Get(n)
		}
		if len(v) > 0 {
			return append(dst, v...), true
		}
	}
	return dst, false
}

func field(dst []byte, h *stream.Header, name, alt string) ([]byte, bool) {
	v := h.Get(name)
	if v == nil && alt != "" {
		v = h.Get(alt)
	}
	return append(dst, v...), v != nil
}

func (op *operator) responseField(dst []byte, info *router.Info) ([]byte, bool) {
	dst, ok := field(dst, &info.Response, op.text, op.alt)
	if !ok && op.text == serviceTime && info.UpstreamHead > 0 {
		return strconv.AppendInt(dst, max(0, info.UpstreamHead-info.RequestDone).Milliseconds(), 10), true
	}
	return dst, ok
}

func appendProtocol(dst []byte, e *Entry) ([]byte, bool) {
	switch {
	case e.Request != nil && e.Request.Version != 0:
		return append(dst, e.Request.Version.String()...), true
	case e.Conn != nil && e.Conn.Version != 0:
		return append(dst, e.Conn.Version.String()...), true
	}
	return dst, false
}

// appendAddress appends host, port or both without the allocations of Addr.String for TCP.
func appendAddress(dst []byte, a net.Addr, host, port bool) ([]byte, bool) {
	var ap netip.AddrPort
	switch a := a.(type) {
	case nil:
		return dst, false
	case *net.TCPAddr:
		ap = a.AddrPort()
	default:
		if host {
			return text(dst, a.String())
		}
		return dst, false
	}
	ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	switch {
	case host && port:
		return ap.AppendTo(dst), ap.IsValid()
	case host:
		return ap.Addr().AppendTo(dst), ap.IsValid()
	}
	return strconv.AppendUint(dst, uint64(ap.Port()), 10), true
}
