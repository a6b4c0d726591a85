// Package config owns the configuration: it takes what a control plane delivers and what a bootstrap file holds, checks
// each resource by itself, warms what depends on others, and swaps it in.
//
// Flow: xds/client calls [Config.Apply] for each response. A cluster goes to proxy/cluster's registry, which warms it; a
// route configuration becomes a table of proxy/router; a listener becomes a chain of proxy/filter and is started when its
// routes have come (or their time is up). Types that this package does not know go to the sinks that others registered:
// proxy/inference has its models and graphs so. A resource that is bad in itself is refused by name, and the last good one
// keeps serving. What names a resource that is not there yet is never refused for that.
//
// What a request needs hangs on few atomic pointers: a listener's handler, a manager's route table, a cluster's current
// version and its endpoint set. A swap is one store; requests under way keep what they started with.
//
// The package imports proxy/cluster, proxy/router, proxy/filter and its filters, proxy/listener, proxy/http1, proxy/http2
// and the types of xds/client.
package config
