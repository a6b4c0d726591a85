package ast

import "fmt"

// Position is a place in a source file. Line and Column count from 1; the zero Position is unknown.
type Position struct {
	File         string
	Line, Column int
}

// Known tells whether the position has a line.
func (p Position) Known() bool { return p.Line > 0 }

func (p Position) String() string {
	if !p.Known() {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}
