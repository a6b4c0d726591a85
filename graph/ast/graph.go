package ast

import (
	"time"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// Graph is one named inference graph.
type Graph struct {
	Namespace, Name string
	// Inputs and Outputs are the graph's fields, where declared; a part's contract must agree with them.
	Inputs, Outputs []Field
	Root            Part
	// Rules are the peer's rules by which a foreign graph runs.
	Rules Rules
	// Origin is the kind of object that it came from: "InferenceGraph", "SeldonDeployment", "KServe InferenceGraph", "expression".
	Origin string
	// Askable lets expressions name the graph.
	Askable bool
	Pos     Position
}

// Rules selects the semantics that a front end's users expect where they differ from our own.
type Rules uint8

// Own rules; Seldon's (results and errors of the executor, puid, meta); KServe's (bodies opaque, reply application/json).
const (
	Own Rules = iota
	Seldon
	KServe
)

// Field declares one input or output of a graph.
type Field struct {
	Name string
	Type tensor.Datatype // Untyped: not declared
	Pos  Position
}

// Part is one operator with its policies.
type Part interface {
	// Base returns what every part has.
	Base() *Common
	part()
}

// Common is what every part may have.
type Common struct {
	// Label names the part in merges, errors and metrics. Empty: by its last call.
	Label    string
	Policies Policies
	Pos      Position
}

// Base returns c, so that embedding Common implements Part.
func (c *Common) Base() *Common { return c }

func (*Common) part() {}

// Policies may stand on any part. Zero values are off.
type Policies struct {
	Timeout time.Duration
	Retry   *Retry
	Breaker *Breaker
	Hedge   *Hedge
	Cache   *Cache
	Batch   *Batch
	Limit   *Limit
	// Optional lets a merge go on without this part.
	Optional bool
}

// Retry sends a call again after a failure that its conditions name.
type Retry struct {
	Attempts      int // in all, the first included
	PerTryTimeout time.Duration
	On            []string // Envoy's tokens: connect-failure, reset, 5xx, gateway-error, unavailable …
}

// Breaker opens after failures; it counts transport errors, timeouts, 502, 503 and 504.
type Breaker struct {
	ConsecutiveFailures uint32
	FailureRatio        float64 // of at least MinRequests in Interval
	MinRequests         uint32
	Interval, OpenFor   time.Duration
	HalfOpenRequests    uint32
}

// Hedge, Cache, Batch and Limit are carried and not executed yet: a plan with one is refused by name.
type (
	Hedge struct{ After time.Duration }
	Cache struct {
		TTL     time.Duration
		Entries int
	}
	Batch struct {
		MaxRows int
		MaxWait time.Duration
	}
	Limit struct{ MaxConcurrent, MaxQueue int }
)

// Call asks a model, or a graph by its name, by a method.
type Call struct {
	Common
	Model, Version string // "name" or "namespace/name"
	Method         message.Method
	// Parameters are added to the request's.
	Parameters tensor.Parameters
	// Tolerate takes a reply with an error status as a value (KServe's Soft dependency) instead of a failure.
	Tolerate bool
	// As, where set, is the node's name in its peer's world (Seldon's node name in meta).
	As string
}

// Chain runs parts in order, each on the reply of the one before: the short form of steps.
type Chain struct {
	Common
	Parts []Part
}

// Steps is a dataflow of named values.
type Steps struct {
	Common
	Steps []Step
	// Out says what the reply's fields are; none: the reply of the last step.
	Out []Binding
}

// Step is one named value: a part applied to the fields that In takes.
type Step struct {
	Name string
	Part Part
	// In binds the part's inputs; none: the whole request of the graph.
	In []Binding
	// When, where set, runs the step only if it is true.
	When *Condition
	Pos  Position
}

// Binding gives a field a value from elsewhere: `text: request.text`, `x: enc.pooled`, or all of a value: `"": tok`.
type Binding struct {
	Field string
	// From is "request" or an earlier step; Output the field there, empty for all of it.
	From, Output string
	Pos          Position
}

// Parallel runs all parts on the same message and combines the replies.
type Parallel struct {
	Common
	Parts   []Part
	Combine Combine
	// Need is the quorum: how many good replies are enough; 0 means every part that is not optional.
	Need int
}

// Combiner says how replies become one.
type Combiner uint8

// The combiners. JSONObject is KServe's Ensemble: an object of the parts' bodies by name, each byte for byte.
const (
	Merge      Combiner = iota // named parts
	Concat                     // outputs of the same name, along the rows' axis
	Mean                       // element-wise, weighted, FP64
	Vote                       // most frequent value of a field, weighted
	First                      // the first good reply; the others are cancelled
	FirstIn                    // the reply of the first part in order; all run (Seldon without AGGREGATE)
	ByServer                   // a combiner server aggregates
	JSONObject                 // KServe's Ensemble
)

// Combine is a combiner with what it needs.
type Combine struct {
	By      Combiner
	Field   string             // Vote, Mean: the field; empty for Mean means every numeric output
	Weights map[string]float64 // by part; 1 where absent
	Tie     string             // Vote: the part that decides a tie; empty: the first in order
	Server  *Call              // ByServer: an Aggregate call
	Pos     Position
}

// Chooser says how one of several parts is chosen.
type Chooser uint8

// The choosers.
const (
	ByWeight Chooser = iota
	ByCondition
	ByServerRoute // a router server answers a branch: its index, -1 for all, -2 for none (Seldon)
	ByWish        // the caller names the arm in a header or parameter
)

// Rows says how an operator deals with a batch.
type Rows uint8

// RowsWhole decides once for the message. RowsEach decides row by row. RowsSame decides row by row and refuses a batch that would split.
const (
	RowsWhole Rows = iota
	RowsEach
	RowsSame
)

// Choose runs one of its arms.
type Choose struct {
	Common
	By     Chooser
	Arms   []Arm
	Else   Part // ByCondition: when no arm matches; nil: failure "no branch"
	Sticky *Condition
	Router *Call  // ByServerRoute
	With   []With // values computed first, for the conditions: `with: {lang: language.code}`
	Wish   string // ByWish: the header's name
	Rows   Rows
	// NoMatch is the failure's status where there is no Else: 0 for our own "no branch" (MR410), 404 for KServe's Switch.
	NoMatch int
}

// With is a value that a chooser's conditions may use: one output of a call on the same message.
type With struct {
	Name   string
	Part   Part
	Output string
	Pos    Position
}

// Arm is one branch.
type Arm struct {
	Name   string
	Weight float64
	When   *Condition
	Part   Part
	Pos    Position
}

// Language of a condition.
type Language uint8

// CEL is ours; GJSON is KServe's: a path that exists in the message's JSON.
const (
	CEL Language = iota
	GJSON
)

// Condition is an expression over a message. In CEL the variables are: each input field by its name and under
// `request` (request.text, request.headers["x"], request.parameters.p, request.id); `out` with the reply's fields where
// there is a reply; the names of a `with`. With rows, a field is the row's value; without, a list, or a scalar for one row.
type Condition struct {
	Language Language
	Text     string
	Pos      Position
}

// Cascade tries parts in order until one is accepted.
type Cascade struct {
	Common
	Tries []Try
	Else  Part // when none was accepted; nil: the last reply or failure
	Rows  Rows
}

// Try is one attempt: Accept, where set, is a condition on its reply (`out.score >= 0.85`); without, no error is enough.
type Try struct {
	Part   Part
	Accept *Condition
	Pos    Position
}

// Map renames, selects, casts, reshapes and computes fields.
type Map struct {
	Common
	Operations []Operation
}

// Operator of a map.
type Operator uint8

// The operators of a map. Compute evaluates CEL to a new field.
const (
	Rename Operator = iota // Field → To
	Select                 // keep Fields, in order
	Drop
	Cast
	Reshape
	Compute
	SetParameter
)

// Operation is one step of a map.
type Operation struct {
	Op     Operator
	Field  string
	To     string
	Fields []string
	Type   tensor.Datatype
	Shape  []int64
	Value  *Condition
	Param  tensor.Value
	Pos    Position
}

// Answer replies without asking anyone.
type Answer struct {
	Common
	Fields []tensor.Tensor
	// JSON is the reply as it was written, for dialects without tensors.
	JSON []byte
	// Failure, where set, makes it an error.
	Failure *message.Failure
	// Status, where set, is the status of the reply.
	Status int
}

// Pass is the identity. Status, where set, replaces the message's status (KServe's unmet condition answers 200).
type Pass struct {
	Common
	Status int
}

// Guard runs Then if the condition holds on the message (in a chain: on the previous reply), else Else.
// It is how KServe's conditional Sequence steps lower: the rest of the sequence is Then, Pass is Else.
type Guard struct {
	Common
	If         *Condition
	Then, Else Part
}

// Original runs its part on the request that entered the innermost enclosing Scope instead of the value that reached it:
// KServe's `data: $request`.
type Original struct {
	Common
	Part Part
}

// Scope marks where Original's request is taken: KServe's node.
type Scope struct {
	Common
	Part Part
}

// Tap sends a copy of the message elsewhere without delaying it.
type Tap struct {
	Common
	Part    Part // the primary
	Shadows []Shadow
}

// Shadow is one copy's way.
type Shadow struct {
	To       Part
	Percent  float64 // of messages, 100 for all
	Key      *Condition
	InFlight int // at most; more are dropped and counted
	Timeout  time.Duration
	Compare  []Compare
	Pos      Position
}

// Compare tells how an output of shadow and primary is compared: exact, or within Abs.
type Compare struct {
	Field string
	Abs   float64
	Exact bool
}

// Repeat and Each are carried and not executed yet: a plan with one is refused by name.
type (
	Repeat struct {
		Common
		Part  Part
		While *Condition
		Max   int
	}
	Each struct {
		Common
		Part  Part
		Chunk int
	}
)
