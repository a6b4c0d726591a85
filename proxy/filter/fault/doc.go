// Package fault is the HTTP filter envoy.extensions.filters.http.fault.v3: it delays and aborts requests, to see what the
// rest does then.
//
// Flow: proxy/filter's manager calls it with a request's head. The package imports proxy/filter, proxy/router,
// proxy/router/match and proxy/config/strict.
package fault
