package plan

import (
	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
)

// Model is a model as the compiler needs to know it. It is immutable.
type Model struct {
	Namespace, Name string
	// Contract maps its fields; nil: its fields are the server's tensors, and not known here.
	Contract *contract.Contract
	// Dialects are what its server speaks, the preferred one first.
	Dialects []message.Dialect
	// Batched says that requests may be split and joined by rows.
	Batched bool
	// Pure says that the same request always has the same answer, so that identical calls may be shared.
	Pure bool
	// Idempotent says that a request may be sent twice.
	Idempotent bool
	// Askable lets expressions name the model.
	Askable bool
	// Handle is the caller's own, handed back in every call; the graph does not look at it.
	Handle any
}

// Resolver finds what a graph names. It is used during Compile only, in the goroutine of the caller.
type Resolver interface {
	// Model finds a model by namespace, name and version (empty: any).
	Model(namespace, name, version string) (*Model, bool)
	// Graph finds a graph that a call names as if it were a model. A model of the same name comes first.
	Graph(namespace, name string) (*ast.Graph, bool)
	// Near returns names in namespace that are like name, the nearest first; "did you mean" shows them.
	Near(namespace, name string) []string
}
