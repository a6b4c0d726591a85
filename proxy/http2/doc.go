// Package http2 speaks HTTP/2 (RFC 9113) on both sides of the proxy, on frames: [ServerConn] serves a client's connection
// and calls a [stream.Handler] for each request, [ClientConn] is a connection to a server and implements
// [stream.ClientConn].
//
// Flow: proxy/listener hands over a connection whose client sent the HTTP/2 preface or negotiated "h2"; proxy/cluster's
// pools make a [ClientConn] of a connection to a server. Nothing is reassembled on the way: the payload of a DATA frame is
// read once into pooled memory (protocol/body), handed to whoever receives, and written from there.
//
// Both sides share a conn: one goroutine reads frames and never waits for anything but the peer, one writes what the
// others put into the current batch, and one mutex guards the state of the connection and of its exchanges. Memory is
// bounded by the windows: what arrives is acknowledged only as it is received by the user of the exchange.
//
// The framing and HPACK are those of golang.org/x/net/http2. The package imports proxy/stream and protocol/body of the
// project.
package http2
