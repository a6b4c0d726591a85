// Package cluster is the way to the servers: endpoint sets, load balancing, health, ejection, limits, connection pools and
// TLS, and the exchange of one buffered request with the retry rule.
//
// Flow: proxy/config decodes Cluster and ClusterLoadAssignment resources with [NewSpec] and [NewAssignment] and hands them
// to the [Registry], which warms a cluster (endpoints, names, first health checks) before it becomes current. proxy/router
// and proxy/inference hold a [Ref] by name, take the current [Cluster] from it for each request, and either stream through
// [Cluster.Open] or exchange a whole request with [Begin] and [Call.Wait].
//
// What outlives an update: a [Host] (active count, ejection, health) is shared by all versions of a cluster of one name;
// a pool of connections by all versions with the same address, transport socket and protocol options. The endpoint set of
// each cluster is one atomic pointer, so a change of one endpoint touches one cluster.
//
// Choices where Envoy leaves room or differs: an unset idle timeout is 4 s for HTTP/1.1 (below the 5 s keep-alive of the
// usual model servers; Envoy's hour makes a request race the server's close) and 1 h for HTTP/2, which says goodbye with
// GOAWAY. The unset retry budget is 20% of the active requests but at least 100, so that the death of one endpoint is
// absorbed. Priorities: the first one with a usable host takes all.
//
// The package imports proxy/stream, protocol/body, proxy/config/strict, proxy/router/match and the protobuf types. It
// knows no codec: [Options] carries constructors of client connections.
package cluster
