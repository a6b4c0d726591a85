// Package metrics counts what the proxy does, under Envoy's names where Envoy has one (envoy_http_downstream_rq_total,
// envoy_cluster_upstream_rq_retry, …) and under millrace_… where it has none (graphs, parts, arms, shadows).
//
// Flow: the process makes one [Metrics]. On the request path there are only children that were bound before: [HTTP] counts
// the requests of a connection manager, [Connections] those of a listener, and [Graphs] is the engine's observer, with its
// handles found by the address of a plan's node. None of them looks a label up or allocates in steady state. Everything
// else (clusters, catalog, budget, control plane, shadows) is read from its owner when somebody scrapes. proxy/admin serves
// what [Metrics.Gatherer] gathers.
//
// Without a Metrics nothing is counted and nothing costs: the nil values of this package return what they were given.
//
// The label of an expression's graph is "<expression>" and its parts are called by their models: what callers write never
// becomes a label.
//
// The package imports proxy/{cluster,filter,listener,router,stream}, graph/{engine,plan}, protocol/{body,message}, xds/client
// and prometheus. Its main type is [Metrics].
package metrics
