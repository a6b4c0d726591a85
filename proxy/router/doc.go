// Package router matches requests to routes and forwards them to clusters: an ordinary HTTP proxy, and a fast one.
//
// Flow: proxy/config compiles each RouteConfiguration to an immutable [Table] with [Compile]. proxy/filter's manager matches
// a request once ([Table.Match]), pins the [Match] and, after the HTTP filters, hands it to the terminal; this package's is
// the [Forwarder], which streams between the client and an endpoint, in both directions at once where it must. A request
// whose body is small and of known length is read before a connection is taken, so that it can be sent again; that path
// allocates nothing. What happened is noted in an [Info] for the access log.
//
// Rules that differ from Envoy's: grpc-timeout bounds a gRPC request where max_grpc_timeout is unset as well (the shorter
// of it and the route's timeout counts); without a retry_policy a request is sent again only where the server is proven
// not to have seen it.
//
// The package imports proxy/cluster, proxy/stream, protocol/body, proxy/config/strict, proxy/router/match and the protobuf
// types.
package router
