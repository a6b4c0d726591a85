package document

import (
	"strings"

	"github.com/millrace/millrace/graph/diagnostic"
)

// Render shows a finding as a person reads it: the line `file:line:column: CODE message; remedy`, the line of the source and
// a caret under the place. src is the file's text; nil leaves the source line out.
func Render(d diagnostic.Diagnostic, src []byte) string {
	var b strings.Builder
	b.WriteString(d.String())
	line := ""
	if d.Pos.Known() && src != nil {
		line = lineOf(src, d.Pos.Line)
	}
	if line == "" {
		return b.String()
	}
	b.WriteString("\n    " + strings.ReplaceAll(line, "\t", " ") + "\n    ")
	for i := 1; i < d.Pos.Column; i++ {
		b.WriteByte(' ')
	}
	b.WriteByte('^')
	return b.String()
}
