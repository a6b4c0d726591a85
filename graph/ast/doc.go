// Package ast is the algebra of inference graphs as front ends write it: a tree of parts, each one operator of DESIGN.md's
// algebra, with policies and the place in the source it came from.
//
// Front ends (xds/frontend) produce it, xds/api/algebra carries it over the wire and back, graph/plan checks and compiles
// it. A tree is immutable once built. Part is a closed sum: switch on the types of this package exhaustively.
//
// The package imports protocol/tensor and protocol/message.
package ast
