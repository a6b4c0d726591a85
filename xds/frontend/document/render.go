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
	line, caret := window(strings.ReplaceAll(line, "\t", " "), d.Pos.Column)
	b.WriteString("\n    " + line + "\n    ")
	for i := 1; i < caret; i++ {
		b.WriteByte(' ')
	}
	b.WriteByte('^')
	return b.String()
}

// widest is how many characters of a source line are shown.
const widest = 160

// window cuts a long line around the column, which counts characters from 1.
func window(line string, column int) (string, int) {
	text := []rune(line)
	if len(text) <= widest {
		return line, min(column, len(text)+1)
	}
	start := max(0, min(column-widest/2, len(text)-widest))
	cut := text[start : start+widest]
	column -= start
	if start > 0 {
		cut, column = append([]rune("… "), cut...), column+2
	}
	if start+widest < len(text) {
		cut = append(cut[:len(cut):len(cut)], []rune(" …")...)
	}
	return string(cut), min(column, len(cut)+1)
}
