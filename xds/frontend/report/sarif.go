package report

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/protocol/message"
)

// The parts of SARIF 2.1.0 that are written (OASIS, Static Analysis Results Interchange Format, section 3).
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool struct {
			Driver sarifDriver `json:"driver"`
		} `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string    `json:"id"`
		ShortDescription sarifText `json:"shortDescription"`
		FullDescription  sarifText `json:"fullDescription"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifLocation struct {
		PhysicalLocation sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
)

// AppendSARIF appends a SARIF 2.1.0 log with one run; its rules are the codes that were found, with their explanations.
func AppendSARIF(dst []byte, found []diagnostic.Diagnostic) []byte {
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: make([]sarifResult, 0, len(found))}
	codes := rules(found)
	run.Tool.Driver = sarifDriver{Name: "millrace", InformationURI: "https://github.com/millrace/millrace", Rules: make([]sarifRule, 0, len(codes))}
	for _, code := range codes {
		e, _ := diagnostic.Explain(string(code))
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: string(code), ShortDescription: sarifText{orCode(e.Title, code)}, FullDescription: sarifText{orCode(e.Text, code)},
		})
	}
	for _, d := range found {
		r := sarifResult{RuleID: string(d.Code), RuleIndex: slices.Index(codes, d.Code), Level: d.Severity.String(), Message: sarifText{text(d)}}
		if d.Pos.File != "" {
			at := sarifPhysical{ArtifactLocation: sarifArtifact{uri(d.Pos.File)}}
			if d.Pos.Known() {
				at.Region = &sarifRegion{StartLine: d.Pos.Line, StartColumn: d.Pos.Column}
			}
			r.Locations = []sarifLocation{{at}}
		}
		run.Results = append(run.Results, r)
	}
	return appendIndented(dst, sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

// rules lists the codes of found, each once, in order.
func rules(found []diagnostic.Diagnostic) []message.Code {
	codes := make([]message.Code, 0, len(found))
	for _, d := range found {
		codes = append(codes, d.Code)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

func orCode(text string, code message.Code) string {
	if text == "" {
		return string(code)
	}
	return text
}

// text is a finding without its place and code, which SARIF has fields for.
func text(d diagnostic.Diagnostic) string {
	s := d.Message
	if d.Graph != "" {
		s = "graph " + d.Graph + ": " + s
	}
	if d.Remedy != "" {
		s += "; " + d.Remedy
	}
	return s
}

// uri returns a file's name as a relative reference, or as a file URL where it is absolute.
func uri(file string) string {
	u := url.URL{Path: file}
	if path.IsAbs(file) {
		u.Scheme = "file"
		return u.String()
	}
	return strings.TrimPrefix(u.String(), "./")
}
