package plan

import "github.com/millrace/millrace/graph/diagnostic"

// The codes of what is wrong in a graph.
const (
	CodeCondition   = "MR201"
	CodeWeights     = "MR202"
	CodeUnknown     = "MR203"
	CodeEmpty       = "MR204"
	CodeSteps       = "MR205"
	CodeUnsupported = "MR206"
	CodeNames       = "MR207"
	CodeQuorum      = "MR208"
	CodeCycle       = "MR209"
	CodeNeeds       = "MR210"
	CodeTypes       = "MR211"
	CodeNoOutput    = "MR212"
	CodeMergeInput  = "MR213"
	CodeRows        = "MR214"
	CodePolicy      = "MR215"
	CodeSize        = "MR216"
	CodeAnswer      = "MR217"
	CodeCombine     = "MR218"
	CodeUnreachable = "MR219"
	CodeNotAskable  = "MR220"
	CodeNested      = "MR221"
	CodeMap         = "MR222"
)

var _ = diagnostic.Register(
	diagnostic.Entry{Code: CodeCondition, Title: "a condition does not compile",
		Text: "A condition (`when`, `accept`, `sticky`, `guard`, a computed value) is not valid CEL, or is not true or false where it must be. Fields of the part's input are named directly or under `request`; a reply is `out`; headers are `request.headers[\"x\"]`; what `with` computes is named as it is there.\n\nKServe's objects have GJSON paths in this place."},
	diagnostic.Entry{Code: CodeWeights, Title: "the weights of a split cannot be",
		Text: "No arm has a weight above zero, or one is negative or not a number. Weights are relative: 90 and 10 is the same as 9 and 1. An arm of weight 0 gets nothing."},
	diagnostic.Entry{Code: CodeUnknown, Title: "no model or graph has this name",
		Text: "The graph calls a model that is not there, in the graph's own namespace unless it is named as `namespace/name`; or the model has no such version. The graph waits for it: it starts to serve when the model comes, with no further edit.\n\nThe message shows names that are near."},
	diagnostic.Entry{Code: CodeEmpty, Title: "an operator has nothing to work on",
		Text: "A parallel, chain, chooser, cascade, tap or map has no parts, or a part is missing in it."},
	diagnostic.Entry{Code: CodeSteps, Title: "steps do not fit together",
		Text: "A step takes from a step that does not exist or stands later, two steps have one name, or a step is called `request`, which is the graph's own input. Steps may only take from the request and from steps above; so there can be no cycle."},
	diagnostic.Entry{Code: CodeUnsupported, Title: "this operator or policy is not executed yet",
		Text: "The graph is well formed, and uses an operator or policy that this version does not run. It is refused by name and never ignored: a graph does either all that it says, or nothing."},
	diagnostic.Entry{Code: CodeNames, Title: "two parts have one name",
		Text: "Parts of a merge are told apart by their label or their last call's name, and arms of a chooser by their names; two are the same here, or a name has a dot. Give one a label: `{call: sentiment, as: second}`, or `second=sentiment` in an expression."},
	diagnostic.Entry{Code: CodeQuorum, Title: "a quorum that cannot be reached",
		Text: "`need` asks for more good replies than there are parts, or for fewer than none."},
	diagnostic.Entry{Code: CodeCycle, Title: "graphs call each other in a circle",
		Text: "A graph calls itself, directly or through others, so that a request would never end. The message shows the way round."},
	diagnostic.Entry{Code: CodeNeeds, Title: "a part needs a field that its input does not have",
		Text: "By the contracts, what reaches the part has no such field. Rename one (`map`), take it from the request in `steps`, or make the input optional in the model's contract."},
	diagnostic.Entry{Code: CodeTypes, Title: "a field has a type that the part cannot take",
		Text: "By the contracts, the field that reaches the part is of another kind: text where a number is needed, or the other way round. A `map` with `cast` or a computed value changes it."},
	diagnostic.Entry{Code: CodeNoOutput, Title: "a field is read that nothing gives",
		Text: "A condition, a `with` or a step reads a field which, by the contracts, that message does not have. The message shows what there is."},
	diagnostic.Entry{Code: CodeMergeInput, Title: "a merge cannot become this part's input",
		Text: "The reply of a merge has the outputs of several parts. A part after it must say which fields it takes: by the inputs of its model's contract (`part.output`, a part's name, or an output that only one part has), or by `steps`."},
	diagnostic.Entry{Code: CodeRows, Title: "a model's batches cannot be split",
		Text: "`rows: each` or `rows: same` looks at each row of a batch, so every model below must declare in its contract which axis is the batch: `shape: [rows, …]` for all inputs and outputs. It is never guessed."},
	diagnostic.Entry{Code: CodePolicy, Title: "a policy has a value that cannot be",
		Text: "A timeout, retry, breaker or shadow has a value out of its range or a retry condition that does not exist."},
	diagnostic.Entry{Code: CodeSize, Title: "the graph is too large",
		Text: "With all graphs that it calls the graph has too many parts, or they are nested too deeply."},
	diagnostic.Entry{Code: CodeAnswer, Title: "an answer that cannot be given",
		Text: "A fixed answer is a failure, JSON, or fields; a status of its own needs JSON or a failure."},
	diagnostic.Entry{Code: CodeCombine, Title: "a combiner names what is not there",
		Text: "A combiner's weights or tie name a part that the parallel does not have, its weights are all zero or negative, or the combiner server is missing."},
	diagnostic.Entry{Code: CodeUnreachable, Title: "a part can never be reached",
		Text: "The part stands after a condition that is always true, or after a try that always succeeds. This is a warning: the graph runs without the part."},
	diagnostic.Entry{Code: CodeNotAskable, Title: "an expression may not name this model",
		Text: "Only models and graphs that are marked askable can be asked by expressions. Under `millrace up` all are, elsewhere none unless its object says `askable: true`."},
	diagnostic.Entry{Code: CodeNested, Title: "a graph that this one calls is not valid",
		Text: "The graph calls another graph, which has errors of its own. It waits until they are corrected."},
	diagnostic.Entry{Code: CodeMap, Title: "a map that cannot be carried out",
		Text: "An operation of a map lacks its field, target, type, shape or value."},
)
