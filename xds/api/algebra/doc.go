// Package algebra carries graphs, contracts and values between their wire form (xds/api/graphv1) and the types that the
// program works with (graph/ast, protocol/contract, protocol/tensor), both ways.
//
// Decoding is where a resource becomes valid or is refused: an unknown field, an empty oneof or a missing part is an MR3xx
// diagnostic that names the place, never ignored. Encoding what was decoded gives the same resource.
//
// The package imports xds/api/graphv1, graph/ast, graph/diagnostic and protocol. Its main functions are [DecodeGraph] and
// [EncodeGraph].
package algebra
