// Package plain is the dialect of plain REST services that take and answer any JSON: as a server behind a contract, and of
// clients that post to such a service's own address.
//
// Requests are built from the contract's inputs: each tensor stands at its name, which is a path (`text`, `options.lang`,
// `items[*].text`, `$` for the whole body). A field with a declared shape is nested by it, [] being a scalar; without one, one
// value is a scalar and several are an array. The contract's fixed parameters are members of the body.
//
// Replies stay JSON, which the contract reads by path; without a contract they go through the graph as they are. Of a
// client's request the members of an object are fields where all of them are scalars or regular arrays; else it stays JSON.
//
// The package imports protocol/body, contract, jsontensor, jsontext, message and tensor.
package plain
