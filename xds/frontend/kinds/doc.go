// Package kinds reads a file's documents, each by the front end of its kind, and finds what is wrong between the objects of
// one set: two of one name, references to nothing.
//
// The package imports all front ends. Its main function is [Read].
package kinds
