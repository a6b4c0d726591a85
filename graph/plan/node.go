package plan

import (
	"time"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/condition"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// Node is one operator of a plan, a closed sum of the types in this file; nothing in a node changes after Compile.
type Node interface {
	// Base returns what every node has.
	Base() *Info
	node()
}

// Info is what every node has.
type Info struct {
	ID int
	// Name is the part's name in merges and errors: its label, else its last call's.
	Name string
	// Path is the place in the graph, as "parallel[1].tox"; Key is the same with the graph's namespace and name, unique in
	// the process and the same after a recompilation if the graph was not changed there.
	Path, Key string
	// Graph is the graph in which the node was written: the plan's, or a nested one.
	Graph string
	Pos   ast.Position
	// Policies; zero values are off.
	Timeout  time.Duration
	Retry    *Retry
	Breaker  *ast.Breaker
	Optional bool
	// Why says why the node's input is decoded; empty where it passes undecoded.
	Why string
}

// Base returns i, so that embedding it implements half of Node.
func (i *Info) Base() *Info { return i }

func (*Info) node() {}

// HasPolicies tells whether a policy wraps the node.
func (i *Info) HasPolicies() bool { return i.Timeout > 0 || i.Retry != nil || i.Breaker != nil }

// Retry is a compiled retry policy.
type Retry struct {
	Attempts int
	PerTry   time.Duration
	On       RetryOn
}

// Call asks one model.
type Call struct {
	Info
	Model   *Model
	Version string
	Method  message.Method
	// Parameters are added to the request's, which win.
	Parameters tensor.Parameters
	Tolerate   bool
	// As is the node's name in its peer's world, else empty.
	As string
	// Share is the class of identical calls of a pure model, or 0.
	Share int

	unknown bool // no such model; such a call never gets into a plan
}

// Graph is a nested graph.
type Graph struct {
	Info
	Root Node
}

// Chain runs parts in order.
type Chain struct {
	Info
	Parts []Node
}

// Steps is a dataflow. A step runs when the steps that it takes from have ended.
type Steps struct {
	Info
	Steps []Step
	// Out are the reply's fields; none: the reply of the last step that ran.
	Out []Binding
}

// Step is one named value.
type Step struct {
	Name string
	Part Node
	In   []Binding
	When *condition.Condition
	// After are the indexes of the steps that In and When read.
	After []int
}

// Request is the index by which a Binding says that it takes from the request.
const Request = -1

// Binding gives a field a value: Output of step From, or all of it. Field is empty where all fields keep their names.
type Binding struct {
	Field, Output string
	From          int
}

// Parallel runs all parts on the same message.
type Parallel struct {
	Info
	Parts   []Node
	Combine Combine
	Need    int
	Rules   ast.Rules
}

// Combine is a compiled combiner; Weights and Tie are by the index of the part, Tie -1 for the first in order.
type Combine struct {
	By      ast.Combiner
	Field   string
	Weights []float64
	Tie     int
	Server  *Call
	// Order are the parts by name, for JSONObject.
	Order []int
}

// Choose runs one of its arms.
type Choose struct {
	Info
	By      ast.Chooser
	Arms    []Arm
	Else    Node
	Sticky  *condition.Condition
	Router  *Call
	With    []With
	Wish    string
	Rows    ast.Rows
	NoMatch int
	// Weights are the arms', by index; an arm of weight 0 or less is never chosen. Hashes are those of their names.
	Weights []float64
	Hashes  []uint64
}

// With is a value computed before the choice. Withs of identical parts share one.
type With struct {
	Name, Output string
	Part         Node
}

// Arm is one branch.
type Arm struct {
	Name string
	When *condition.Condition
	Part Node
}

// Cascade tries parts in order.
type Cascade struct {
	Info
	Tries []Try
	Else  Node
	Rows  ast.Rows
}

// Try is one attempt.
type Try struct {
	Part   Node
	Accept *condition.Condition
}

// Map changes fields.
type Map struct {
	Info
	Operations []Operation
}

// Operation is one step of a map; Value is set for Compute.
type Operation struct {
	ast.Operation
	Value *condition.Condition
}

// Answer replies without asking anyone.
type Answer struct {
	Info
	Fields  []tensor.Tensor
	JSON    []byte
	Failure *message.Failure
	Status  int
	// PerRow says that the fields are one row, given for each row of the batch that gets here.
	PerRow bool
}

// Pass is the identity.
type Pass struct {
	Info
	Status int
}

// Guard runs Then or Else.
type Guard struct {
	Info
	If         *condition.Condition
	Then, Else Node
}

// Original runs its part on the request that entered the innermost Scope.
type Original struct {
	Info
	Part Node
}

// Scope marks where Original's request is taken.
type Scope struct {
	Info
	Part Node
}

// Tap sends copies of its input elsewhere.
type Tap struct {
	Info
	Part    Node
	Shadows []Shadow
}

// Shadow is one copy's way. Its ID is unique in the plan.
type Shadow struct {
	Key      string // the shadow's, as Info.Key
	To       Node
	Percent  float64
	By       *condition.Condition // the key by which messages are picked; nil: at random
	InFlight int
	Timeout  time.Duration
	Compare  []ast.Compare
}
