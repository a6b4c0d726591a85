package contract

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/protocol/jsontensor"
	"github.com/millrace/millrace/protocol/tensor"
)

// Side says in which of a contract's lists a field stands.
type Side uint8

// The sides. Whole is the contract itself.
const (
	Whole Side = iota
	Input
	Output
)

// Problem is something that is wrong in a contract alone.
type Problem struct {
	Side   Side
	Field  string // empty for the contract itself
	Detail string
	Remedy string // what to do; may be empty
}

// Error returns the problem for people.
func (p Problem) Error() string {
	place := "contract"
	switch {
	case p.Side == Input:
		place = fmt.Sprintf("input %q", p.Field)
	case p.Side == Output:
		place = fmt.Sprintf("output %q", p.Field)
	}
	if p.Remedy == "" {
		return place + ": " + p.Detail
	}
	return place + ": " + p.Detail + "; " + p.Remedy
}

// Check returns what is wrong in c alone, in the order of its fields; nothing where it is sound.
func Check(c *Contract) []Problem {
	if c == nil {
		return nil
	}
	problems := checkSide(nil, Input, c.Inputs)
	problems = checkSide(problems, Output, c.Outputs)
	if c.Answer != "" && byName(c.Outputs, c.Answer) == nil {
		problems = append(problems, Problem{Detail: fmt.Sprintf("answer %q is not an output", c.Answer), Remedy: Suggest(c.Answer, names(c.Outputs))})
	}
	return problems
}

func checkSide(problems []Problem, side Side, fields []Field) []Problem {
	for i := range fields {
		f := &fields[i]
		add := func(remedy, format string, args ...any) {
			problems = append(problems, Problem{side, f.Name, fmt.Sprintf(format, args...), remedy})
		}
		switch {
		case f.Name == "":
			add("give the field a name", "the name is empty")
		case strings.HasPrefix(f.Name, "$"):
			add("names that begin with $ are for parameters", "the name begins with $")
		case side == Output && strings.ContainsRune(f.Name, '.'):
			add("a dot separates a part from its output; name the server's path in `tensor`", "the name has a dot")
		}
		for j := range fields[:i] {
			if fields[j].Name == f.Name {
				add("", "the name stands twice")
			}
			if side == Input && fields[j].ServerName() == f.ServerName() && fields[j].Name != f.Name {
				add("", "tensor %q is that of %q too", f.ServerName(), fields[j].Name)
			}
		}
		if _, err := jsontensor.ParsePath(f.Tensor); err != nil && strings.ContainsAny(f.Tensor, "[$") {
			add("", "%v", err)
		}
		checkShape(f, add)
		checkDefault(f, side, add)
	}
	return problems
}

func checkShape(f *Field, add func(remedy, format string, args ...any)) {
	for axis, d := range f.Shape {
		switch {
		case d.Rows && axis > 0:
			add("the batch is the first axis", "rows stands at axis %d", axis)
		case !d.Rows && d.Size < 1 && d.Size != -1:
			add("an axis is rows, -1 for any size, or a size from 1", "axis %d has the size %d", axis, d.Size)
		}
	}
}

func checkDefault(f *Field, side Side, add func(remedy, format string, args ...any)) {
	if f.Default == nil {
		return
	}
	if side == Output {
		add("", "an output has no default")
		return
	}
	t := tensor.Tensor{Datatype: f.Default.Datatype, Shape: f.Default.Shape, Data: f.Default.Data}
	if err := convert(&t, f.Type); err != nil {
		add("", "default: %v", err)
	}
	if _, ok := fit(t.Shape, f.Shape); !ok {
		add("", "default: expected shape %s, found %s", formatDims(f.Shape), formatShape(t.Shape))
	}
}

// Identity tells whether requests and replies that are in the server's dialect already may pass as bytes: nothing is renamed,
// added or reshaped. Declared datatypes do not count, because bytes of a typed dialect say what they are and the server is
// the judge of them.
func (c *Contract) Identity() bool {
	if c == nil {
		return true
	}
	if len(c.Parameters) > 0 {
		return false
	}
	for i := range c.Inputs {
		if f := &c.Inputs[i]; !f.identity() || f.Default != nil || len(f.Parameters) > 0 {
			return false
		}
	}
	for i := range c.Outputs {
		if !c.Outputs[i].identity() {
			return false
		}
	}
	return true
}

func (f *Field) identity() bool {
	return f.ServerName() == f.Name && canonical(f.Shape) == len(f.Shape)
}
