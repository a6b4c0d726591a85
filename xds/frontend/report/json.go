package report

import (
	"bytes"
	"encoding/json"

	"github.com/millrace/millrace/graph/diagnostic"
)

// finding is a finding as JSON has it.
type finding struct {
	Code     string `json:"code"`
	Severity string `json:"severity"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Graph    string `json:"graph,omitempty"`
	Path     string `json:"path,omitempty"`
	Message  string `json:"message"`
	Remedy   string `json:"remedy,omitempty"`
	// Warming says that the object may be right and waits for another one.
	Warming bool `json:"warming,omitempty"`
}

// AppendJSON appends one object: `{"findings": [{"code", "severity", "file", "line", "column", "graph", "path", "message",
// "remedy", "warming"}, …], "errors": n, "warnings": n}`. What is empty is left out of a finding.
func AppendJSON(dst []byte, found []diagnostic.Diagnostic) []byte {
	all := struct {
		Findings []finding `json:"findings"`
		Errors   int       `json:"errors"`
		Warnings int       `json:"warnings"`
	}{Findings: make([]finding, 0, len(found))}
	for _, d := range found {
		if d.Severity == diagnostic.Warning {
			all.Warnings++
		} else {
			all.Errors++
		}
		all.Findings = append(all.Findings, finding{
			Code: string(d.Code), Severity: d.Severity.String(), File: d.Pos.File, Line: d.Pos.Line, Column: d.Pos.Column,
			Graph: d.Graph, Path: d.Path, Message: d.Message, Remedy: d.Remedy, Warming: d.Warming,
		})
	}
	return appendIndented(dst, all)
}

// appendIndented appends v, which is always of one of this package's types, without escaping for HTML.
func appendIndented(dst []byte, v any) []byte {
	b := bytes.NewBuffer(dst)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return dst // strings and numbers always encode
	}
	return b.Bytes()
}
