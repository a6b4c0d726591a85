package engine

import "github.com/millrace/millrace/graph/diagnostic"

// The codes of what goes wrong in a graph at request time.
const (
	CodeNoBranch    = "MR410"
	CodeMixedRows   = "MR440"
	CodeRows        = "MR441"
	CodeRowFailure  = "MR442"
	CodeRoute       = "MR443"
	CodeCombine     = "MR444"
	CodeQuorum      = "MR445"
	CodeCondition   = "MR446"
	CodeMissing     = "MR447"
	CodeMap         = "MR448"
	CodeNothing     = "MR449"
	CodeTimeout     = "MR450"
	CodeCanceled    = "MR451"
	CodeBreakerOpen = "MR452"
)

var _ = diagnostic.Register(
	diagnostic.Entry{Code: CodeNoBranch, Title: "no branch matches",
		Text: "A chooser had no arm for this request: no condition held, or the arm that the caller wished for does not exist, and the graph has no `else`.\n\nGive the chooser an `else`: a part, `pass`, or an `answer`."},
	diagnostic.Entry{Code: CodeMixedRows, Title: "the rows of a batch would go different ways",
		Text: "The chooser or cascade has `rows: same`: a batch is refused where its rows would not all go the same way; the message names the rows that differ.\n\nSend these rows in requests of their own, or write `rows: each` to have the batch split by decision and stitched back in order."},
	diagnostic.Entry{Code: CodeRows, Title: "a batch cannot be split or joined by rows",
		Text: "With `rows: each` every input and every reply has the rows of the batch as its first axis. Here inputs have different numbers of rows, or a reply does not have one row for each that was sent, or replies of different arms cannot stand in one output.\n\nLook at the contracts of the models: `shape: [rows, …]` says that the first axis is the batch."},
	diagnostic.Entry{Code: CodeRowFailure, Title: "a part failed for some rows of a batch",
		Text: "A batch was split row by row and the part that some of the rows went to failed. The message names the rows (from 0) and the cause. No partial batch is answered.\n\nSend the other rows again, or give the part an alternative: a cascade, or an `else`."},
	diagnostic.Entry{Code: CodeRoute, Title: "a router's reply names no branch",
		Text: "A router server answers the index of a branch, counted from 0, or -1 for all branches, or -2 for none. It answered something else, or an index beyond the last branch."},
	diagnostic.Entry{Code: CodeCombine, Title: "replies cannot be combined",
		Text: "Replies that are averaged, concatenated or voted on must have the same outputs, of fitting types and shapes ([n] and [n,1] fit; nothing is ever broadcast). The message names the parts and both shapes.\n\nRename, cast or reshape with a `map` after the part, or combine by `merge`, which takes any replies."},
	diagnostic.Entry{Code: CodeQuorum, Title: "too few parts answered",
		Text: "The parallel says by `need` how many good replies are enough, and so many parts failed that they cannot be reached. The message has the first failure."},
	diagnostic.Entry{Code: CodeCondition, Title: "a condition cannot be evaluated",
		Text: "The condition met a value that it cannot work on: a field that the message does not have, a list where it expects one value (a batch: use `rows: each`), text that is not JSON for a GJSON path.\n\n`has(out.score)` asks whether there is a field."},
	diagnostic.Entry{Code: CodeMissing, Title: "a step takes a field that is not there",
		Text: "A step, or the `out` of the steps, takes a field which the request or the earlier step does not have in this message. The message names it and what there is."},
	diagnostic.Entry{Code: CodeMap, Title: "a map cannot be carried out",
		Text: "A map renames, casts, reshapes or computes a field that this message does not have, or whose values do not fit: a cast is exact or refused, and a shape must have as many elements as the data."},
	diagnostic.Entry{Code: CodeNothing, Title: "nothing answered",
		Text: "Every step that could give the reply was skipped by its condition, or failed and was optional.\n\nGive `out` fields of steps that always run."},
	diagnostic.Entry{Code: CodeTimeout, Title: "a part did not answer in time",
		Text: "The time of the part (its `timeout`), of the route or of the client's deadline was over, whichever was first. The call was canceled."},
	diagnostic.Entry{Code: CodeCanceled, Title: "the request was canceled",
		Text: "The client left, or the stream was reset. What was under way for it was canceled too."},
	diagnostic.Entry{Code: CodeBreakerOpen, Title: "a part's breaker is open",
		Text: "The part failed so often (transport errors, timeouts, 502, 503, 504) that it is not asked for a while: the breaker of its policy is open.\n\nA cascade or an optional part keeps the graph answering meanwhile."},
)
