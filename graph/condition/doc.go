// Package condition compiles the conditions of graphs, CEL and KServe's GJSON paths, and evaluates them on messages.
//
// A condition knows what it reads before any message is there: one that reads headers only never has a message decoded. A
// GJSON path is looked up in the message's bytes.
//
// The package imports graph/ast, protocol/{message,tensor} and cel-go. Its main type is [Condition].
package condition
