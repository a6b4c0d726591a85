package own

import (
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/protocol/message"
)

// CodeExpression is the code of an expression in a file that does not parse.
const CodeExpression message.Code = "MR111"

var _ = diagnostic.Register(diagnostic.Entry{
	Code: CodeExpression, Title: "an expression does not parse",
	Text: "An expression names models and joins them: `a+b` asks both, `a|b` gives a's reply to b, parentheses group, `label=a` names a part and `a@3` a version. `+` binds tighter than `|`.\n\nThe caret stands under the place.",
})
