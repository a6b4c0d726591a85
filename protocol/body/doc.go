// Package body holds the bytes of requests and replies: immutable segments, counted by reference and charged to one
// process-wide byte budget.
//
// A [Body] is what travels through the proxy in place of a []byte. Whoever wants to keep it past the call that handed
// it over takes a reference ([Body.Retain]) and gives it back ([Body.Release]); nobody copies and nobody writes. Shadows,
// logs, retries and hedges therefore cost a reference, whatever the size.
//
// Memory comes from pooled blocks. On the last release a block goes back to its pool; in a build with the tag "poison" it
// is overwritten first, so that a reader without a reference sees garbage in the tests and not in production.
//
// The package imports nothing of the project and may be imported by all of it.
package body
