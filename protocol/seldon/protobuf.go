package seldon

import (
	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/protobuf"
)

// choice is the member of a oneof that is set: the last one, and of a message that came in pieces all of them.
type choice struct{ protobuf.Field }

func (c *choice) scalar(f protobuf.Field) { c.Field = f }

func (c *choice) message(f protobuf.Field) {
	if c.Number == f.Number {
		f.Bytes = append(c.Bytes, f.Bytes...)
	}
	c.Field = f
}

func malformed(format string, args ...any) *message.Failure {
	return message.Invalid(jsontensor.CodeMalformed, format, args...)
}

func noForm(format string, args ...any) *message.Failure {
	return message.Invalid(jsontensor.CodeNoForm, format, args...)
}

// detail returns what a failure says without its code, to stand within another.
func detail(err error) string {
	if f, ok := err.(*message.Failure); ok {
		return f.Detail
	}
	return err.Error()
}
