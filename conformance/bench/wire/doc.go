// Package wire reads HTTP/1.1 messages as cheaply as a load generator and a test server must, so that what is measured is the
// proxy between them. It knows lengths and chunks, and nothing else of a head.
//
// It imports the standard library. Its main type is [Reader].
package wire
