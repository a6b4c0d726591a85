// Package filter serves requests: it matches a route, runs the HTTP filters of a connection manager, hands the request to
// the terminal, and tells the access log.
//
// Flow: proxy/listener's connections call [Manager.Serve] for each request. A filter sees the head and may wait (pause),
// answer itself (reply) or let the request go on; one that wants the pieces of the body, the trailers or the response
// wraps the stream ([Wrapper]). The terminal is proxy/router's forwarder or proxy/inference. A chain without filters costs
// nothing, and a request allocates nothing here.
//
// The package imports proxy/router, proxy/stream and the protobuf's Any; filters stand in packages of their own below it.
// Its main type is [Manager].
package filter
