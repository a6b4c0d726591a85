package condition

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/millrace/millrace/graph/ast"
)

// language is the environment that all conditions extend with their own variables.
var language = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(cel.CrossTypeNumericComparisons(true))
})

// costLimit bounds what one evaluation may take, so that no request makes a condition run for long.
const costLimit = 10_000_000

// compileCEL checks text twice: once parsed, to find what it reads, then with those names declared.
func compileCEL(text string, want Want, scope Scope) (*Condition, error) {
	base, err := language()
	if err != nil {
		return nil, &SyntaxError{Message: err.Error()}
	}
	if strings.TrimSpace(text) == "" {
		return nil, &SyntaxError{Message: "a condition is empty"}
	}
	parsed, issues := base.Parse(text)
	if issues.Err() != nil {
		return nil, syntaxError(issues)
	}
	f := finder{scope: scope}
	f.visit(parsed.NativeRep().Expr())
	if f.err != nil {
		return nil, f.err
	}
	declared := make([]cel.EnvOption, len(f.names))
	for i, n := range f.names {
		declared[i] = cel.Variable(n, cel.DynType)
	}
	env, err := base.Extend(declared...)
	if err != nil {
		return nil, &SyntaxError{Message: err.Error()}
	}
	checked, issues := env.Check(parsed)
	if issues.Err() != nil {
		return nil, syntaxError(issues)
	}
	if t := checked.OutputType(); want == WantBool && !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, &SyntaxError{Message: fmt.Sprintf("the condition is %s, not true or false", t)}
	}
	program, err := env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(costLimit))
	if err != nil {
		return nil, &SyntaxError{Message: err.Error()}
	}
	return &Condition{Text: text, Reads: f.reads, program: program, header: soleHeader(parsed.NativeRep().Expr())}, nil
}

// soleHeader returns the name in an expression that is request.headers["name"] and nothing else, the usual key of a sticky
// split: it needs no evaluation.
func soleHeader(e celast.Expr) string {
	if e.Kind() != celast.CallKind || e.AsCall().FunctionName() != "_[_]" {
		return ""
	}
	of, key := e.AsCall().Args()[0], e.AsCall().Args()[1]
	if of.Kind() != celast.SelectKind || of.AsSelect().FieldName() != "headers" || of.AsSelect().Operand().Kind() != celast.IdentKind ||
		of.AsSelect().Operand().AsIdent() != "request" || key.Kind() != celast.LiteralKind {
		return ""
	}
	name, _ := key.AsLiteral().(types.String)
	return string(name)
}

func syntaxError(issues *cel.Issues) error {
	first := issues.Errors()[0]
	return &SyntaxError{Column: first.Location.Column() + 1, Message: strings.TrimPrefix(first.Message, "Syntax error: ")}
}

// finder finds the free names of an expression and what is read of each.
type finder struct {
	scope Scope
	bound []string // variables of comprehensions around
	names []string
	reads Reads
	err   error
}

// builtin are the names of types, which are values in CEL.
var builtin = []string{"bool", "int", "uint", "double", "string", "bytes", "list", "map", "type", "null_type", "dyn"}

func (f *finder) visit(e celast.Expr) {
	switch e.Kind() {
	case celast.IdentKind:
		f.read(e.AsIdent(), "")
	case celast.SelectKind:
		if s := e.AsSelect(); s.Operand().Kind() == celast.IdentKind {
			f.read(s.Operand().AsIdent(), s.FieldName())
		} else {
			f.visit(s.Operand())
		}
	case celast.CallKind:
		c := e.AsCall()
		if c.IsMemberFunction() {
			f.visit(c.Target())
		}
		if args := c.Args(); c.FunctionName() == "_[_]" && args[0].Kind() == celast.IdentKind && args[1].Kind() == celast.LiteralKind {
			if name, ok := args[1].AsLiteral().(types.String); ok { // out["score"]
				f.read(args[0].AsIdent(), string(name))
				return
			}
		}
		for _, a := range c.Args() {
			f.visit(a)
		}
	case celast.ListKind:
		for _, x := range e.AsList().Elements() {
			f.visit(x)
		}
	case celast.MapKind:
		for _, x := range e.AsMap().Entries() {
			f.visit(x.AsMapEntry().Key())
			f.visit(x.AsMapEntry().Value())
		}
	case celast.StructKind:
		for _, x := range e.AsStruct().Fields() {
			f.visit(x.AsStructField().Value())
		}
	case celast.ComprehensionKind:
		c := e.AsComprehension()
		f.visit(c.IterRange())
		f.visit(c.AccuInit())
		depth := len(f.bound)
		f.bound = append(f.bound, c.IterVar(), c.IterVar2(), c.AccuVar())
		f.visit(c.LoopCondition())
		f.visit(c.LoopStep())
		f.visit(c.Result())
		f.bound = f.bound[:depth]
	}
}

// read notes that name, or its member, is read.
func (f *finder) read(name, member string) {
	if slices.Contains(f.bound, name) || slices.Contains(builtin, name) && member == "" {
		return
	}
	if !slices.Contains(f.names, name) {
		f.names = append(f.names, name)
	}
	switch {
	case slices.Contains(f.scope.Names, name):
		f.field(Field{name, member})
	case name == "request" && member == "headers":
		f.reads.Headers = true
	case name == "request" && (member == "parameters" || member == "id" || member == "model"):
		f.field(Field{"", ""})
	case name == "request":
		f.field(Field{"", member})
	case name == "out" && f.scope.Reply:
		f.field(Field{"out", member})
	case name == "out":
		f.err = &SyntaxError{Message: "there is no reply yet that `out` could mean"}
	default:
		f.field(Field{"", name})
	}
}

func (f *finder) field(x Field) {
	if !slices.Contains(f.reads.Fields, x) {
		f.reads.Fields = append(f.reads.Fields, x)
	}
}

// FreeNames returns the names that c reads, for finding out what must have run before it; none where it does not parse.
func FreeNames(c *ast.Condition) []string {
	base, err := language()
	if err != nil || c.Language != ast.CEL {
		return nil
	}
	parsed, issues := base.Parse(c.Text)
	if issues.Err() != nil {
		return nil
	}
	f := finder{scope: Scope{Reply: true}}
	f.visit(parsed.NativeRep().Expr())
	return f.names
}
