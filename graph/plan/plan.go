package plan

import (
	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/protocol/contract"
)

// Diagnostic is a finding of the compiler.
type Diagnostic = diagnostic.Diagnostic

// Need is how much of a request's body a plan needs before its first call can be sent.
type Need uint8

// The needs. NeedNone: no server gets the body. NeedPrefix: exactly one call gets it, undecoded and once, so that it may
// stream (a dialect may need its first bytes, for a name). NeedWhole: it is sent more than once, or again after a failure.
// NeedTensors: a part reads its content.
const (
	NeedNone Need = iota
	NeedPrefix
	NeedWhole
	NeedTensors
)

var needNames = [...]string{"none", "prefix", "whole", "tensors"}

func (n Need) String() string { return needNames[n] }

// Plan is a compiled graph.
type Plan struct {
	Namespace, Name string
	Rules           ast.Rules
	Origin          string
	Askable         bool
	Root            Node
	// Inputs and Outputs are the fields of the graph as a whole, as far as they are known: declared, or from the contracts
	// of the models that take the request and give the reply. Nil: unknown.
	Inputs, Outputs []contract.Field
	// Answer names the output that stands for the whole; empty where the first output does.
	Answer string
	// Need is how much of a request's body the plan needs.
	Need Need
	// Calls are all calls in the order in which they stand in the graph, those of nested graphs, shadows and combiners
	// included.
	Calls []*Call
	// Graphs are the nested graphs by full name ("namespace/name"): a change of one makes this plan stale.
	Graphs []string
	// Single is the call of a plan that is nothing but one call without policies; else nil.
	Single *Call
	// Nodes is the number of nodes; Meta.ID counts up to it.
	Nodes int
}
