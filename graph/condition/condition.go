package condition

import (
	"bytes"
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/tidwall/gjson"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// Condition is a compiled condition, immutable and safe for concurrent use.
type Condition struct {
	// Text is the condition as it was written.
	Text string
	// Reads says what of a message it looks at.
	Reads Reads

	program cel.Program // nil for GJSON
	path    string
	header  string // of a condition that is one header's value and nothing else
}

// Want is what a condition is for.
type Want uint8

// WantBool decides; WantKey is a text to hash by; WantValue becomes a tensor.
const (
	WantBool Want = iota
	WantKey
	WantValue
)

// Scope says what a condition may name besides the fields of its input.
type Scope struct {
	// Names are the values computed before: those of a `with`, or earlier steps.
	Names []string
	// Reply says that there is an `out`.
	Reply bool
}

// SyntaxError is a condition that does not compile. Column counts from 1 in the text of the condition; 0 is unknown.
type SyntaxError struct {
	Column  int
	Message string
}

func (e *SyntaxError) Error() string { return e.Message }

// Compile compiles c. An error is a *SyntaxError.
func Compile(c *ast.Condition, want Want, scope Scope) (*Condition, error) {
	if c.Language == ast.GJSON {
		if want != WantBool {
			return nil, &SyntaxError{Message: "a GJSON path can only tell whether something is there; use CEL"}
		}
		return &Condition{Text: c.Text, path: c.Text, Reads: Reads{Bytes: true}}, nil
	}
	return compileCEL(c.Text, want, scope)
}

// Bool evaluates a condition that decides. An error is a *message.Failure where a message could not be decoded, else
// it says what did not fit.
func (c *Condition) Bool(env *Env) (bool, error) {
	if c.program == nil {
		return c.exists(env.Request)
	}
	v, err := c.eval(env)
	if err != nil {
		return false, err
	}
	b, ok := v.(types.Bool)
	if !ok {
		return false, fmt.Errorf("%q is %s, not true or false", c.Text, v.Type().TypeName())
	}
	return bool(b), nil
}

// Key evaluates a condition to the text that a sticky choice is made by; empty where there is nothing to go by: a missing
// header or field, an empty text.
func (c *Condition) Key(env *Env) (string, error) {
	if c.header != "" {
		if env.Head == nil {
			return "", nil
		}
		return string(env.Head.Get(c.header)), nil
	}
	v, err := c.eval(env)
	if err != nil {
		if env.failure != nil {
			return "", err
		}
		return "", nil // a header or field that this request does not have
	}
	if s, ok := v.(types.String); ok {
		return string(s), nil
	}
	if s, ok := v.ConvertToType(types.StringType).(types.String); ok {
		return string(s), nil
	}
	return "", fmt.Errorf("%q is %s, which is no key", c.Text, v.Type().TypeName())
}

// Tensor evaluates a condition to a tensor of that name.
func (c *Condition) Tensor(env *Env, name string) (tensor.Tensor, error) {
	v, err := c.eval(env)
	if err != nil {
		return tensor.Tensor{}, err
	}
	t, err := toTensor(v)
	if err != nil {
		return tensor.Tensor{}, fmt.Errorf("%q: %w", c.Text, err)
	}
	t.Name = name
	return t, nil
}

func (c *Condition) eval(env *Env) (ref.Val, error) {
	env.failure = nil
	v, _, err := c.program.Eval(env)
	switch {
	case env.failure != nil:
		return nil, env.failure
	case err != nil:
		return nil, fmt.Errorf("%q: %w", c.Text, err)
	}
	return v, nil
}

// ErrNotJSON is what a GJSON path finds in a message that is not JSON; KServe's router answers 500 to it.
var ErrNotJSON = fmt.Errorf("the message is not valid JSON")

// exists looks a GJSON path up in the bytes of m. As in KServe, what is present counts, null and false included; an empty
// path never matches.
func (c *Condition) exists(m *message.Message) (bool, error) {
	w := m.Wire()
	if w == nil {
		content, err := m.Content()
		if err != nil {
			return false, err
		}
		return exists(content.JSON, c.path)
	}
	text := w.Body.Bytes()
	if w.JSONLength > 0 && w.JSONLength <= len(text) {
		text = text[:w.JSONLength]
	}
	return exists(text, c.path)
}

func exists(text []byte, path string) (bool, error) {
	if len(bytes.TrimSpace(text)) == 0 || !gjson.ValidBytes(text) {
		return false, ErrNotJSON
	}
	return path != "" && gjson.GetBytes(text, path).Exists(), nil
}

// Reads is what a condition looks at.
type Reads struct {
	// Headers says that it reads header fields.
	Headers bool
	// Bytes says that it reads a message's bytes.
	Bytes bool
	// Fields are what it reads of messages that are decoded for it.
	Fields []Field
}

// Field is one field that is read: of the input (From empty), of the reply (From "out"), or of a value by its name. An empty Name
// is the whole.
type Field struct{ From, Name string }

// Decodes tells whether the input (from empty), the reply ("out") or a named value is decoded for the condition.
func (r *Reads) Decodes(from string) bool {
	return slices.ContainsFunc(r.Fields, func(f Field) bool { return f.From == from })
}

func (f Field) String() string {
	from := f.From
	if from == "" {
		from = "request"
	}
	if f.Name == "" {
		return from
	}
	return from + "." + f.Name
}
