// Package api holds Millrace's own xDS resources: the protobuf sources below millrace/graph/v1, whose comments are the
// reference documentation, the code generated from them in graphv1, and algebra, which turns resources into the types that
// the rest of the program works with, and back.
//
// `make proto` lints and generates.
package api
