package report

import (
	"fmt"
	"io"
	"slices"

	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/xds/frontend/document"
)

// Formats lists the formats that Write knows.
var Formats = []string{"text", "json", "sarif"}

// CheckFormat returns an error that names the formats if format is none of them.
func CheckFormat(format string) error {
	if slices.Contains(Formats, format) {
		return nil
	}
	return fmt.Errorf("report: there is no format %q; %s", format, contract.Suggest(format, Formats))
}

// Write renders found to w in one of Formats. sourceOf returns a file's text for the lines under findings of the text form, nil
// where it has none; it may be nil.
func Write(w io.Writer, format string, found []diagnostic.Diagnostic, sourceOf func(file string) []byte) error {
	var out []byte
	switch format {
	case "text":
		out = AppendText(nil, found, sourceOf)
	case "json":
		out = AppendJSON(nil, found)
	case "sarif":
		out = AppendSARIF(nil, found)
	default:
		return CheckFormat(format)
	}
	if _, err := w.Write(out); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// AppendText appends each finding as a person reads it, and a line that counts them. Nothing is appended for no findings.
func AppendText(dst []byte, found []diagnostic.Diagnostic, sourceOf func(file string) []byte) []byte {
	errors := 0
	for _, d := range found {
		var src []byte
		if sourceOf != nil {
			src = sourceOf(d.Pos.File)
		}
		if d.Severity == diagnostic.Warning {
			dst = append(dst, "warning: "...)
		} else {
			errors++
		}
		dst = append(append(dst, document.Render(d, src)...), '\n')
	}
	if len(found) == 0 {
		return dst
	}
	return fmt.Appendf(dst, "%s, %s\n", count(errors, "error"), count(len(found)-errors, "warning"))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
