// Package report renders findings for people and for programs: text with the source line and a caret, JSON with one object,
// and SARIF 2.1.0, which code hosts and editors show beside the lines.
//
// The order of the findings is kept, and the same findings give the same bytes. The package imports graph/diagnostic and the
// front ends' document package. Its main function is [Write].
package report
