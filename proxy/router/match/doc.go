// Package match compiles Envoy's matchers of strings, header fields and query parameters to small immutable values.
//
// Flow: proxy/router, proxy/filter's filters and proxy/cluster (for certificates' names) compile them when configuration
// arrives; a request only runs them. Matching allocates nothing. The package imports proxy/stream, proxy/config/strict and
// the protobuf types. The main types are [String], [Header] and [Query].
package match
