package diagnostic

import (
	"strings"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/message"
)

// Severity ranks diagnostics.
type Severity uint8

// An Error keeps the object from being used; a Warning does not.
const (
	Error Severity = iota
	Warning
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Diagnostic is one finding. It is a value and safe to copy.
type Diagnostic struct {
	Code     message.Code
	Severity Severity
	Pos      ast.Position
	Graph    string // the graph's name; empty where no graph is concerned
	Path     string // the place in the graph, as "parallel[1].tox"; empty for the graph as a whole
	Message  string // what was found
	Remedy   string // what to do; may be empty
	// Warming says that the object may be right and waits for another one: it is status, never a NACK.
	Warming bool
}

// String renders the finding in one line, as `triage.yaml:14:5: MR203 graph triage: no model "sentimnt"; did you mean "sentiment"?`.
func (d Diagnostic) String() string {
	var b strings.Builder
	if p := d.Pos.String(); p != "" {
		b.WriteString(p + ": ")
	}
	b.WriteString(string(d.Code) + " ")
	if d.Graph != "" {
		b.WriteString("graph " + d.Graph + ": ")
	}
	b.WriteString(d.Message)
	if d.Remedy != "" {
		b.WriteString("; " + d.Remedy)
	}
	return b.String()
}

// Error makes a single finding usable as an error.
func (d Diagnostic) Error() string { return d.String() }

// Fatal tells whether ds keep an object from being valid alone: an error that is not about warming.
func Fatal(ds []Diagnostic) bool {
	for i := range ds {
		if ds[i].Severity == Error && !ds[i].Warming {
			return true
		}
	}
	return false
}
