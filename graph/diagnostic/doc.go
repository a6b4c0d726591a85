// Package diagnostic is how anything that reads configuration says what is wrong: one value with a stable code, a place in
// the source, what was found and what to do.
//
// The same value becomes a line of `millrace check`, a field violation of a NACK, a condition of an object's status and an
// entry of `--format json`. Every code is registered once, with the text that `millrace help CODE` prints.
//
// Codes by their first digit: MR1xx files and syntax, MR2xx graphs, MR3xx configuration and NACKs, MR4xx at request
// time, MR5xx upstream servers.
//
// The package imports graph/ast (positions) and protocol/message (the type of codes). Its main type is [Diagnostic].
package diagnostic
