// Package accesslog writes one line for each request, in Envoy's formats, to files and standard streams.
//
// Flow: proxy/config hands the access_log of a connection manager to [Sinks.New], which compiles each format once to a
// [Format]: an append function that allocates nothing. proxy/filter fills an [Entry] when a request ends and calls
// [Log.Write], which formats the line and puts it into the bounded buffer of a sink. One goroutine for each sink writes it
// out: the request path never waits for a disk, and what does not fit is dropped and counted.
//
// Operators are Envoy's, and of our own: %GRAPH%, %DECISIONS% (which arms were chosen), %FAILURE% (why, for people) and
// %LISTENER%. An operator that is not known is an error that says where it stands. %CONNECTION_TERMINATION_DETAILS% and
// %UPSTREAM_LOCAL_ADDRESS% are taken, because the usual meshes write them into every format, but have no value here.
// %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% is measured where the server did not send it, since no response gets that field added.
//
// Control characters in values are written as \xNN, so that a client cannot forge a line.
//
// The package imports proxy/router (for its Info), proxy/stream, graph/engine (for decisions), proxy/config/strict and
// Envoy's API. Its main types are [Sinks] and [Log].
package accesslog
