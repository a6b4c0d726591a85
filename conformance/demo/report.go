package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Escape sequences of a terminal.
const (
	bold  = "\x1b[1m"
	green = "\x1b[32m"
	red   = "\x1b[31m"
	dim   = "\x1b[2m"
	plain = "\x1b[0m"
)

// report is what the reader sees, and the list of what was not as it should be.
type report struct {
	out    io.Writer
	colour bool
	wrong  []string
	right  int
}

func (r *report) paint(colour, text string) string {
	if !r.colour || text == "" {
		return text
	}
	return colour + text + plain
}

// section starts one of the seven parts.
func (r *report) section(n int, title string) {
	fmt.Fprintf(r.out, "\n%s\n", r.paint(bold, fmt.Sprintf("%d  %s", n, title)))
}

// line writes one line of a section.
func (r *report) line(format string, args ...any) {
	fmt.Fprintf(r.out, "   "+format+"\n", args...)
}

// typed shows a line that a reader could have typed.
func (r *report) typed(line string) { r.line("%s", r.paint(dim, "$ "+line)) }

// block shows text of several lines, indented.
func (r *report) block(text string) {
	for line := range strings.Lines(text) {
		r.line("%s", strings.TrimRight(line, "\r\n"))
	}
}

// table aligns rows by columns.
func (r *report) table(rows ...[]string) {
	var width []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		r.line("%s", strings.TrimRight(b.String(), " "))
	}
}

// check says whether something is as it should be; what is not is a reason to exit with 1.
func (r *report) check(ok bool, format string, args ...any) bool {
	text := fmt.Sprintf(format, args...)
	if ok {
		r.right++
		r.line("%s %s", r.paint(green, "✓"), text)
		return true
	}
	r.wrong = append(r.wrong, strings.SplitN(text, "\n", 2)[0])
	r.line("%s %s", r.paint(red, "✗"), text)
	return false
}

// short cuts a text that is to fit on a line.
func short(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
