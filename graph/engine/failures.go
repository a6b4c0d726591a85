package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/message"
)

// failure makes a failure of err that names graph and part, and keeps the reply that came with it.
func (r *Run) failure(at *plan.Info, err error) *message.Failure {
	var f *message.Failure
	if !errors.As(err, &f) {
		f = &message.Failure{Kind: message.Internal, Detail: err.Error(), Cause: err}
		switch {
		case errors.Is(err, context.Canceled):
			f.Code, f.Kind, f.Detail = CodeCanceled, message.Canceled, "the request was canceled"
		case errors.Is(err, context.DeadlineExceeded):
			f.Code, f.Kind, f.Detail, f.Flag = CodeTimeout, message.DeadlineExceeded, "no reply in time", "UT"
		}
	} else if f.Reply != nil {
		r.keep(f.Reply)
	}
	return name(f, at)
}

// name says where f happened, unless it knows.
func name(f *message.Failure, at *plan.Info) *message.Failure {
	if f.Graph == "" {
		f.Graph = at.Graph
	}
	if f.Part == "" {
		f.Part = at.Name
	}
	return f
}

// fail makes a failure of the engine's own.
func fail(at *plan.Info, code message.Code, kind message.Kind, format string, args ...any) *message.Failure {
	return name(&message.Failure{Code: code, Kind: kind, Detail: fmt.Sprintf(format, args...)}, at)
}

// halted returns a failure where nothing more is to be sent: the run was canceled, or there is no time left.
func (r *Run) halted(f *frame) *message.Failure {
	at := f.node.Base()
	if err := r.Context.Err(); err != nil {
		return r.failure(at, err)
	}
	if !f.deadline.IsZero() && !time.Now().Before(f.deadline) {
		return r.failure(at, context.DeadlineExceeded)
	}
	return nil
}

// now returns the time if somebody wants to know.
func (r *Run) now() time.Time {
	if r.Observer == nil {
		return time.Time{}
	}
	return time.Now()
}

func (r *Run) observe(c *Call, started time.Time, err error) {
	if r.Observer != nil {
		r.Observer.CallDone(c, started, err)
	}
}

// asFailure returns err as a failure of its own, so that naming it changes no message's.
func asFailure(err error) *message.Failure {
	var f *message.Failure
	if errors.As(err, &f) {
		own := *f
		return &own
	}
	return &message.Failure{Kind: message.Internal, Detail: err.Error(), Cause: err}
}

// reason says where and why without the graph and the code.
func reason(f *message.Failure) string {
	if f.Part == "" {
		return f.Detail
	}
	return "part " + f.Part + ": " + f.Detail
}
