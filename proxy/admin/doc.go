// Package admin answers operators on Envoy's admin paths, with Envoy's forms: readiness, statistics, configuration, clusters,
// listeners, drain and shutdown. It adds /plans, which explains the plans that serve.
//
// It is not on the request path: it is a server of net/http of its own, on an address that should not be reachable from
// outside, because whoever reaches it may stop the proxy. Requests that browsers send for other sites are refused. Secrets
// are never shown: fields that Envoy's API marks as sensitive, the values of header fields that carry credentials, and all
// header values of models read "[redacted]".
//
// Flow: the process fills [Sources] with functions that read from the owners, and calls [Start]. The package knows none of
// them but proxy/cluster, whose endpoints it shows.
package admin
