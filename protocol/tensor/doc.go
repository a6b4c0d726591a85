// Package tensor is the canonical form in which all dialects meet: named, typed, shaped tensors with parameters.
//
// Elements are held as the Open Inference Protocol holds them raw: little-endian, row-major, without padding; BOOL is one
// byte 0 or 1; each BYTES element is its length as a little-endian uint32 followed by its bytes. Raw contents of gRPC and
// of the binary tensor extension are therefore views of the message, never copies.
//
// Numbers that arrive as JSON where no datatype is declared are [Untyped]: they keep their text, exactly, until a receiver's
// contract or metadata (else FP64) decides what they are. No conversion depends on whether values happen to be integers.
//
// The package imports the standard library only.
package tensor
