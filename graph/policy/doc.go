// Package policy decides and combines: which arm of a split a request takes, and how several replies become one. All of
// it is pure functions of their arguments.
//
// Choosers work on weights; combiners on the decoded content of replies. Shapes are compared after the axes of size one at the
// end are squeezed away, so that [n] and [n,1] fit; nothing is ever broadcast. What does not fit is an error that names the
// parts and both shapes.
//
// The package imports protocol/{message,tensor} and xxhash.
package policy
