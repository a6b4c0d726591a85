// Package question asks a running proxy at /ask and shows the answer to a person.
//
// It imports the standard library and xds/frontend/expression, which says where an expression is wrong. Its main type is
// [Question].
package question
