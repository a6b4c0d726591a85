// Package own reads Millrace's own kinds: Server, Model and InferenceGraph of millrace.io/v1alpha1.
//
// A part of a graph is an expression string or a mapping with one operator; policies stand beside the operator. What is
// ordered is a list.
//
// The package imports xds/frontend, xds/api/algebra and the front end's document and expression packages. Its main function is [Read].
package own
