package accesslog

import (
	"strconv"

	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
)

// Entry is what a line is made of. It belongs to the caller, who may use it again: keep one with the state of a request, so
// that it is not allocated for each. Every pointer may be nil; what is missing is written as "-".
type Entry struct {
	Info *router.Info
	// Request is the head as it is when the request ends: routes may have rewritten it, as in Envoy.
	Request *stream.RequestHead
	// Response and Trailers are needed only where [Log.Needs] says so.
	Response, Trailers *stream.Header
	Conn               *stream.ConnInfo
	// Graph is the name of the model or graph that answered, empty for a plain route.
	Graph string
	// Decisions are as [AppendDecisions] writes them.
	Decisions []byte
}

// Needs says what a log reads that is not at hand anyway.
type Needs struct{ Response, Trailers, Decisions bool }

func (n Needs) or(o Needs) Needs {
	return Needs{n.Response || o.Response, n.Trailers || o.Trailers, n.Decisions || o.Decisions}
}

// AppendDecisions appends the choices of a run as "part=arm", separated by commas; "part=arm*3" is an arm for three rows.
// It must be called before the run is closed.
func AppendDecisions(dst []byte, ds []engine.Decision) []byte {
	for i := range ds {
		if i > 0 {
			dst = append(dst, ',')
		}
		at := ds[i].Node.Base()
		name := at.Path
		if name == "" {
			name = at.Name
		}
		dst = append(dst, name...)
		dst = append(dst, '=')
		dst = append(dst, ds[i].Arm...)
		if ds[i].Rows > 0 {
			dst = append(dst, '*')
			dst = strconv.AppendInt(dst, int64(ds[i].Rows), 10)
		}
	}
	return dst
}
