package condition

import (
	"errors"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/millrace/millrace/protocol/message"
)

// Env is what a condition is evaluated on. Messages are decoded when something of them is read, not before. It belongs to one
// goroutine, and nothing of it is kept after an evaluation.
type Env struct {
	// Request is the message that reached the part.
	Request *message.Message
	// Reply is the part's reply, `out`; nil where there is none yet.
	Reply *message.Message
	// Head has the header fields of the client's request; nil: none.
	Head message.Head
	// Values are what was computed before.
	Values []Value
	// Row makes fields the values of one row, counted from 0; -1 means the whole message.
	Row int

	failure error // the first message that could not be decoded
}

// Value is a named message, or one output of it. A nil Message has no value.
type Value struct {
	Name    string
	Message *message.Message
	Output  string
}

var _ interpreter.Activation = (*Env)(nil)

// Parent returns nil: there is nothing around.
func (e *Env) Parent() interpreter.Activation { return nil }

// ResolveName finds a variable of a condition.
func (e *Env) ResolveName(name string) (any, bool) {
	for i := range e.Values {
		v := &e.Values[i]
		if v.Name != name {
			continue
		}
		if v.Message == nil {
			return nil, false
		}
		if v.Output == "" {
			return fields{env: e, of: v.Message}, true
		}
		return e.field(v.Message, v.Output)
	}
	switch {
	case name == "request":
		return request{fields{env: e, of: e.Request}}, true
	case name == "out" && e.Reply != nil:
		return fields{env: e, of: e.Reply}, true
	}
	return e.field(e.Request, name)
}

// field returns a field of m, by Env's row.
func (e *Env) field(m *message.Message, name string) (ref.Val, bool) {
	c, err := m.Content()
	if err != nil {
		return e.fail(err), true
	}
	return e.fieldOf(c, name)
}

func (e *Env) fieldOf(c *message.Content, name string) (ref.Val, bool) {
	if t := c.Tensor(name); t != nil {
		return value(t, e.Row), true
	}
	for i := range c.Parts {
		if c.Parts[i].Name == name {
			return fields{env: e, of: c.Parts[i].Message}, true
		}
	}
	if len(c.Tensors) == 0 && len(c.JSON) > 0 {
		return member(c.JSON, name)
	}
	return nil, false
}

func (e *Env) fail(err error) ref.Val {
	if e.failure == nil {
		e.failure = err
	}
	return types.WrapErr(err)
}

var errNoValue = errors.New("a message is no value; name one of its fields")
