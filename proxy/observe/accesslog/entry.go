package accesslog

import (
	"strconv"

	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/proxy/router"
	"github.com/millrace/millrace/proxy/stream"
)

// Entry is what a line is made of. Every pointer may be nil; what is missing is written as "-". It belongs to the caller, who
// may use it again.
type Entry struct {
	Info *router.Info
	// Request is the head as it is when the request ends: routes may have rewritten it, as in Envoy.
	Request *stream.RequestHead
	Conn    *stream.ConnInfo
}

// Needs says what a log reads of an Info that is noted only on demand: the response by [Capture], the decisions by who runs
// graphs.
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
