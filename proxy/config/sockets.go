package config

import (
	"net"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/proxy/cluster"
	"github.com/millrace/millrace/proxy/http1"
	"github.com/millrace/millrace/proxy/http2"
	"github.com/millrace/millrace/proxy/listener"
	"github.com/millrace/millrace/proxy/stream"
)

// Sockets returns a Starter for real sockets. Bodies are charged to budget; conns bounds the connections of all listeners
// (nil is no bound); count wraps what makes connections, by address and stat_prefix, and may be nil.
func Sockets(budget *body.Budget, conns *listener.Limit, count func(address, stat string, c listener.Constructor) listener.Constructor) Starter {
	return func(s *Socket, h stream.Handler) (Running, error) {
		cfg := listener.Config{Name: s.Name, Address: s.Address, TLS: s.TLS, Conns: conns}
		o1 := http1.ServerOptions{Budget: budget, MaxHeaderBytes: s.HTTP.MaxHeaderBytes, HeaderTimeout: s.HTTP.HeaderTimeout,
			IdleTimeout: s.HTTP.IdleTimeout, StreamIdle: s.HTTP.StreamIdle}
		o2 := http2.ServerOptions{Budget: budget, MaxHeaderBytes: s.HTTP.MaxHeaderBytes, HeaderTimeout: s.HTTP.HeaderTimeout,
			IdleTimeout: orUnbounded(s.HTTP.IdleTimeout), StreamIdleTimeout: orUnbounded(s.HTTP.StreamIdle), MaxStreams: s.HTTP.MaxStreams}
		cfg.HTTP1 = func(c net.Conn, info *stream.ConnInfo, h stream.Handler) listener.ServerConn {
			return http1.NewServerConn(c, info, o1, h)
		}
		var second listener.Constructor = func(c net.Conn, info *stream.ConnInfo, h stream.Handler) listener.ServerConn {
			return http2.NewServerConn(c, info, o2, h)
		}
		if count != nil {
			cfg.HTTP1, second = count(s.Address, s.Stat, cfg.HTTP1), count(s.Address, s.Stat, second)
		}
		switch s.HTTP.Codec {
		case Auto:
			cfg.HTTP2 = second
		case HTTP2:
			cfg.HTTP1, cfg.HTTP2 = second, second // HTTP/1.1 is refused by the missing preface
		}
		l, err := listener.New(cfg, h)
		if err != nil {
			return nil, err
		}
		l.Start()
		return l, nil
	}
}

// orUnbounded turns "no bound" into HTTP/2's way to say it, where 0 is a default.
func orUnbounded[D ~int64](d D) D {
	if d == 0 {
		return -1
	}
	return d
}

// Dialers sets the codecs of a registry's connections.
func Dialers(o *cluster.Options, budget *body.Budget) {
	o.HTTP1 = func(c net.Conn) stream.ClientConn {
		return http1.NewClientConn(c, http1.ClientOptions{Budget: budget})
	}
	o.HTTP2 = func(c net.Conn, p cluster.Protocol) (stream.ClientConn, error) {
		return http2.NewClientConn(c, http2.ClientOptions{Budget: budget, MaxStreams: int(min(p.MaxStreams, 1<<20)),
			PingInterval: p.PingInterval, PingTimeout: p.PingTimeout})
	}
}
