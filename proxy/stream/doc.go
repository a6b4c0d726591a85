// Package stream is the one border between the HTTP versions and the rest of the proxy: a request and its response as
// head, body pieces, trailers and cancel, the same on the client's side ([Downstream]) as on the server's ([Upstream]),
// for HTTP/1.1 and HTTP/2 alike. Either side's implementation can be replaced alone.
//
// Flow: proxy/listener accepts a connection and hands it to proxy/http1 or proxy/http2, which calls a [Handler] for each
// request in the goroutine of the connection (HTTP/1.1) or of the stream (HTTP/2). The handler answers through the
// [Downstream] and asks servers through [Upstream]s that it gets from the [ClientConn]s of proxy/cluster's pools.
//
// The package imports protocol/body and the standard library only.
package stream
