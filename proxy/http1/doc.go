// Package http1 speaks HTTP/1.1 and HTTP/1.0: to clients with [ServerConn], to servers with [ClientConn]. Both meet the
// rest of the proxy behind the interfaces of proxy/stream.
//
// Flow: proxy/listener accepts a connection and runs [ServerConn.Serve], which calls the [stream.Handler] for each request
// in the connection's one goroutine; proxy/cluster keeps ClientConns in its pools and opens an [stream.Upstream] for each
// request to a server.
//
// A message's head must satisfy two parsers: the strict scan of this package, which keeps every field as it stood on the
// wire, and fasthttp's header reader, whose maps would lose repeated fields but whose judgement of start lines, fields and
// framing is battle-tested. A head that either refuses is refused. Framing, deadlines, connection reuse and writing are
// this package's own; no fasthttp type leaves it.
//
// Transparent means: the same fields with the same values, in order within a name; path, reason phrase and body bit for bit.
// Fields that belong to one hop (Connection and what it names, Keep-Alive, Proxy-Connection, Transfer-Encoding, Upgrade, TE
// other than trailers) never enter a [stream.Header]; Host and Content-Length live in the head's Authority and
// ContentLength and are written from there.
//
// The package imports proxy/stream, protocol/body, fasthttp and golang.org/x/sys.
package http1
