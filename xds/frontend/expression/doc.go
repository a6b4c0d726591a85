// Package expression reads a model's name that is an expression: `sentiment+topic` asks both, `translate|sentiment` chains.
//
//	expr := par { "|" par }        par := term { "+" term }
//	term := [label "="] ( name ["@" version] | "(" expr ")" )
//
// "+" binds tighter than "|"; ">" means "|"; the escapes %7C, %2B, %3E and %3D are understood in either case, and spaces are
// ignored. Nested "+" flattens. A part of a merge is named by its label or its last call; a unary "+a" keeps the prefix for
// one. Names may have a namespace before a slash in files, where the caller allows it.
//
// The package imports graph/ast. It is used by the own front end at configuration time and by the proxy at request time.
package expression
