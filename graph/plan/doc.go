// Package plan compiles a graph as it was written (graph/ast) into the form that graph/engine runs for each request.
//
// [Check] finds what is wrong in a graph alone; [Compile] does that, and then links the graph with the models and graphs
// that a [Resolver] finds. Compile runs the passes one after another, each a function of its own: resolve names, check types
// against contracts, drop what cannot be reached, mark what must be decoded and why, find what runs at once, find out
// how much of a body is needed, share identical calls of pure models. [Explain] prints the result as a database prints a
// query plan.
//
// A [Plan] is immutable and safe for concurrent use; a new configuration makes a new one.
//
// The package imports graph/{ast,condition,policy,diagnostic} and protocol/{message,tensor,contract}. It knows no socket
// and no wire format.
package plan
