// Package tensor is the canonical form in which all dialects meet: named, typed, shaped tensors with parameters.
//
// Elements are held as the Open Inference Protocol holds them raw: little-endian, row-major, without padding; BOOL is one
// byte 0 or 1; each BYTES element is its length as a little-endian uint32 followed by its bytes. Raw contents of gRPC and
// of the binary tensor extension are therefore views of the message, never copies.
//
// Numbers that arrive as JSON where no datatype is declared are [Untyped]: they keep their text, exactly, until a receiver's
// contract or metadata (else FP64) decides what they are. No conversion depends on whether values happen to be integers.
//
// # What converts into what
//
// [Cast] and [Resolve] give every element the same value in another datatype, or refuse and name the first that has none.
//
//	from              to                rule
//	any               itself            the same bytes
//	BOOL              integer, float    0 or 1
//	integer           BOOL              0 and 1 only
//	integer           integer           where it is in range
//	integer           float             where the float holds it exactly: |v| ≤ 2^53 or even enough
//	float             integer, BOOL     where it is whole and in range; NaN and infinities are refused
//	float             wider float       exact, NaN payloads and -0 included
//	float             narrower float    rounded to nearest even, as the receiver's declared type asks; a finite value that would become
//	                                    infinite is refused; a NaN keeps the payload bits that fit
//	UNTYPED           integer, BOOL     where its decimal value is whole and in range: 1.0 and 1e2 are integers, 0.5 is not
//	UNTYPED           float             the nearest; an integer literal beyond 2^53 is refused, it may be an identifier
//	UNTYPED           BYTES             refused: numbers are not text
//	BYTES             anything else     refused
//
// JSON text that arrives with a declared datatype ([ReadJSON]) follows the rows of UNTYPED, except that a declared float takes
// any literal: the sender says that it is one. FP16 and BF16 are rounded from FP64.
//
// The package imports the standard library and protocol/jsontext only.
package tensor
