package document

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
)

var (
	yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)
	// parserError are errors whose line the library counts from 0, those of its scanner not.
	parserError   = regexp.MustCompile(`^did not find expected (node content|',' or|key|'-' indicator|<)|^found (undefined tag handle|duplicate|incompatible)`)
	unknownAnchor = regexp.MustCompile(`unknown anchor '([^']*)' referenced`)
)

// syntax turns the error of the YAML library into a finding at its place, as far as the library or the text tells it.
func syntax(file string, src []byte, err error) diagnostic.Diagnostic {
	d := diagnostic.Diagnostic{Code: CodeSyntax, Pos: ast.Position{File: file, Line: 1, Column: 1}}
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		d.Pos.Line, _ = strconv.Atoi(m[1])
		if text = strings.TrimPrefix(text, m[0]); parserError.MatchString(text) {
			d.Pos.Line++
		}
	}
	text = strings.TrimPrefix(text, "yaml: ")
	d.Message = "not well-formed YAML: " + text
	d.Remedy = "look at this line and the one before it"
	at := -1
	if m := unknownAnchor.FindStringSubmatch(text); m != nil {
		at = bytes.Index(src, []byte("*"+m[1]))
		d.Remedy = fmt.Sprintf("name a value with &%s above, or quote the text if no alias is meant", m[1])
	} else if !utf8.Valid(src) && strings.Contains(text, "UTF-8") {
		at = firstInvalid(src)
		d.Remedy = "save the file as UTF-8"
	} else if at = bytes.IndexFunc(src, control); at >= 0 && strings.Contains(text, "control characters") {
		d.Remedy = "remove the character, or write it as an escape in a double-quoted string"
	} else {
		at = -1
	}
	if at >= 0 {
		before := src[:at]
		d.Pos.Line = 1 + bytes.Count(before, []byte("\n"))
		d.Pos.Column = 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
		return d
	}
	if lines := 1 + bytes.Count(src, []byte("\n")); d.Pos.Line > lines {
		d.Pos.Line = lines
	}
	line := lineOf(src, d.Pos.Line)
	if next := lineOf(src, d.Pos.Line+1); strings.Contains(text, "tab character") && !strings.Contains(line, "\t") && strings.Contains(next, "\t") {
		d.Pos.Line++ // the library names the line before
		line = next
	}
	d.Pos.Column = len(line) - len(strings.TrimLeft(line, " \t")) + 1
	if strings.HasPrefix(line, "\t") || strings.Contains(text, "character that cannot start any token") {
		d.Remedy = "YAML indents with spaces, never with tabs, and text that starts with a special character needs quotes"
	}
	return d
}

func control(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0x7f
}

func firstInvalid(src []byte) int {
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// lineOf returns line n of src, from 1, without its end and without a byte order mark.
func lineOf(src []byte, n int) string {
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	for i := 1; ; i++ {
		line, rest, more := bytes.Cut(src, []byte("\n"))
		if i == n {
			return strings.TrimRight(string(line), "\r")
		}
		if !more {
			return ""
		}
		src = rest
	}
}
