package algebra

import (
	"math"
	"time"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
	pb "github.com/millrace/millrace/xds/api/graphv1"
)

// draw makes random values of the algebra. Empty slices and maps are nil, as decoding makes them.
type draw struct{ *rapid.T }

func (d draw) n(high int) int { return rapid.IntRange(0, high).Draw(d.T, "n") }
func (d draw) yes() bool      { return rapid.Bool().Draw(d.T, "yes") }
func (d draw) word() string {
	return rapid.SampledFrom([]string{"", "a", "text", "ns/model", "état", "x.y", "🙂"}).Draw(d.T, "word")
}
func (d draw) name() string {
	return rapid.SampledFrom([]string{"a", "b", "label", "ns/model"}).Draw(d.T, "name")
}
func (d draw) float() float64 {
	return rapid.SampledFrom([]float64{0, 1, 0.5, 90, -1, 1e300, math.Inf(1)}).Draw(d.T, "float")
}
func (d draw) duration() time.Duration {
	return rapid.SampledFrom([]time.Duration{0, 1, time.Millisecond, time.Hour}).Draw(d.T, "duration")
}

func (d draw) pos() ast.Position {
	if d.yes() {
		return ast.Position{}
	}
	return ast.Position{File: "f.yaml", Line: 1 + d.n(100), Column: 1 + d.n(100)}
}

func list[E any](d draw, least int, one func() E) []E {
	var out []E
	for range least + d.n(2) {
		out = append(out, one())
	}
	return out
}

func maybe[E any](d draw, one func() E) *E {
	if d.yes() {
		return nil
	}
	e := one()
	return &e
}

func (d draw) condition() *ast.Condition {
	return maybe(d, func() ast.Condition {
		return ast.Condition{Language: ast.Language(d.n(1)), Text: d.word(), Pos: d.pos()}
	})
}

func (d draw) value() tensor.Value {
	switch d.n(6) {
	case 0:
		return tensor.Value{Kind: tensor.BoolValue, Bool: d.yes()}
	case 1:
		return tensor.Value{Kind: tensor.Int64Value, Int: math.MinInt64}
	case 2:
		return tensor.Value{Kind: tensor.Uint64Value, Uint: math.MaxUint64}
	case 3:
		return tensor.Value{Kind: tensor.DoubleValue, Double: d.float()}
	case 4:
		return tensor.Value{Kind: tensor.StringValue, String: d.word()}
	case 5:
		return tensor.Value{Kind: tensor.JSONValue, String: `{"a":[1]}`}
	}
	return tensor.Value{}
}

func (d draw) parameters() tensor.Parameters {
	return tensor.Parameters(list(d, 0, func() tensor.Parameter { return tensor.Parameter{Name: d.name(), Value: d.value()} }))
}

func (d draw) datatype() tensor.Datatype {
	return rapid.SampledFrom(datatypes[:]).Draw(d.T, "datatype")
}

func (d draw) tensor() tensor.Tensor {
	if d.yes() {
		return tensor.OfFP64(d.word(), 1, 0.5, math.Inf(-1))
	}
	return tensor.OfStrings(d.word(), "", "a\x00\xff")
}

func (d draw) policies() ast.Policies {
	if d.yes() {
		return ast.Policies{}
	}
	return ast.Policies{
		Timeout: d.duration(), Optional: d.yes(),
		Retry: maybe(d, func() ast.Retry {
			return ast.Retry{Attempts: d.n(9), PerTryTimeout: d.duration(), On: list(d, 0, d.name)}
		}),
		Breaker: maybe(d, func() ast.Breaker {
			return ast.Breaker{ConsecutiveFailures: uint32(d.n(9)), FailureRatio: 0.25, MinRequests: uint32(d.n(9)), Interval: d.duration(), OpenFor: d.duration(), HalfOpenRequests: uint32(d.n(9))}
		}),
		Hedge: maybe(d, func() ast.Hedge { return ast.Hedge{After: d.duration()} }),
		Cache: maybe(d, func() ast.Cache { return ast.Cache{TTL: d.duration(), Entries: d.n(9)} }),
		Batch: maybe(d, func() ast.Batch { return ast.Batch{MaxRows: d.n(9), MaxWait: d.duration()} }),
		Limit: maybe(d, func() ast.Limit { return ast.Limit{MaxConcurrent: d.n(9), MaxQueue: d.n(9)} }),
	}
}

func (d draw) common() ast.Common {
	return ast.Common{Label: d.word(), Policies: d.policies(), Pos: d.pos()}
}

func (d draw) call() *ast.Call {
	return &ast.Call{Model: d.name(), Version: d.word(), Method: methods[d.n(len(methods)-1)], Parameters: d.parameters(), Tolerate: d.yes(), As: d.word()}
}

func (d draw) bindings() []ast.Binding {
	return list(d, 0, func() ast.Binding {
		return ast.Binding{Field: d.word(), From: d.name(), Output: d.word(), Pos: d.pos()}
	})
}

func (d draw) weights() map[string]float64 {
	if d.yes() {
		return nil
	}
	return map[string]float64{d.name(): d.float()}
}

func (d draw) optional(depth int) ast.Part {
	if d.yes() {
		return nil
	}
	return d.part(depth)
}

// operators is how many operators part draws from.
const operators = 15

func (d draw) part(depth int) ast.Part {
	high := operators - 1
	if depth <= 0 {
		high = 3
	}
	c, below := d.common(), func() ast.Part { return d.part(depth - 1) }
	switch d.n(high) {
	case 0:
		call := d.call()
		call.Common = c
		return call
	case 1:
		return &ast.Map{Common: c, Operations: list(d, 0, d.operation)}
	case 2:
		return &ast.Answer{Common: c, Fields: list(d, 0, d.tensor), JSON: []byte(`{"a":1.0}`), Status: d.n(500), Failure: maybe(d, func() message.Failure {
			return message.Failure{Code: CodeAnswered, Kind: message.KindOf(400 + d.n(199)), Detail: d.word()}
		})}
	case 3:
		return &ast.Pass{Common: c, Status: d.n(500)}
	case 4:
		return &ast.Chain{Common: c, Parts: list(d, 0, below)}
	case 5:
		return &ast.Steps{Common: c, Out: d.bindings(), Steps: list(d, 0, func() ast.Step {
			return ast.Step{Name: d.name(), Part: below(), In: d.bindings(), When: d.condition(), Pos: d.pos()}
		})}
	case 6:
		return &ast.Parallel{Common: c, Parts: list(d, 0, below), Combine: d.combine(), Need: d.n(3)}
	case 7:
		return d.choose(c, depth-1)
	case 8:
		return &ast.Cascade{Common: c, Else: d.optional(depth - 1), Rows: ast.Rows(d.n(2)), Tries: list(d, 0, func() ast.Try {
			return ast.Try{Part: below(), Accept: d.condition(), Pos: d.pos()}
		})}
	case 9:
		return &ast.Guard{Common: c, If: &ast.Condition{Text: d.word()}, Then: below(), Else: d.optional(depth - 1)}
	case 10:
		return &ast.Original{Common: c, Part: below()}
	case 11:
		return &ast.Scope{Common: c, Part: below()}
	case 12:
		return &ast.Tap{Common: c, Part: below(), Shadows: list(d, 0, func() ast.Shadow {
			return ast.Shadow{To: below(), Percent: d.float(), Key: d.condition(), InFlight: d.n(9), Timeout: d.duration(), Pos: d.pos(), Compare: list(d, 0, d.compare)}
		})}
	case 13:
		return &ast.Repeat{Common: c, Part: below(), While: d.condition(), Max: d.n(9)}
	}
	return &ast.Each{Common: c, Part: below(), Chunk: d.n(9)}
}

func (d draw) compare() ast.Compare {
	if d.yes() {
		return ast.Compare{Field: d.name(), Exact: true}
	}
	return ast.Compare{Field: d.name(), Abs: d.float()}
}

func (d draw) combine() ast.Combine {
	c := ast.Combine{By: ast.Combiner(d.n(int(ast.JSONObject))), Pos: d.pos()}
	switch c.By {
	case ast.Mean:
		c.Field, c.Weights = d.word(), d.weights()
	case ast.Vote:
		c.Field, c.Weights, c.Tie = d.word(), d.weights(), d.word()
	case ast.ByServer:
		c.Server = d.call()
	}
	return c
}

func (d draw) choose(c ast.Common, depth int) ast.Part {
	out := &ast.Choose{Common: c, By: ast.Chooser(d.n(int(ast.ByWish))), Rows: ast.Rows(d.n(2))}
	switch out.By {
	case ast.ByWeight:
		out.Sticky = d.condition()
	case ast.ByCondition:
		out.Else, out.NoMatch = d.optional(depth), d.n(500)
	case ast.ByServerRoute:
		out.Router = d.call()
	case ast.ByWish:
		out.Wish = d.word()
	}
	out.Arms = list(d, 0, func() ast.Arm {
		return ast.Arm{Name: d.word(), Weight: d.float(), When: d.condition(), Part: d.part(depth), Pos: d.pos()}
	})
	out.With = list(d, 0, func() ast.With {
		return ast.With{Name: d.word(), Part: d.part(depth), Output: d.word(), Pos: d.pos()}
	})
	return out
}

func (d draw) operation() ast.Operation {
	o := ast.Operation{Op: ast.Operator(d.n(int(ast.SetParameter))), Pos: d.pos()}
	switch o.Op {
	case ast.Rename:
		o.Field, o.To = d.word(), d.word()
	case ast.Select, ast.Drop:
		o.Fields = list(d, 0, d.word)
	case ast.Cast:
		o.Field, o.Type = d.word(), d.datatype()
	case ast.Reshape:
		o.Field, o.Shape = d.word(), list(d, 0, func() int64 { return int64(d.n(3)) - 1 })
	case ast.Compute:
		o.Field, o.Type, o.Value = d.word(), d.datatype(), &ast.Condition{Text: d.word()}
	case ast.SetParameter:
		o.Field, o.Param = d.word(), d.value()
	}
	return o
}

func (d draw) graph() *ast.Graph {
	field := func() ast.Field { return ast.Field{Name: d.word(), Type: d.datatype(), Pos: d.pos()} }
	return &ast.Graph{
		Namespace: "default", Name: "g", Inputs: list(d, 0, field), Outputs: list(d, 0, field), Root: d.part(3),
		Rules: ast.Rules(d.n(2)), Origin: d.word(), Askable: d.yes(), Pos: d.pos(),
	}
}

func (d draw) contract() *contract.Contract {
	field := func() contract.Field {
		f := contract.Field{Name: d.name(), Tensor: d.word(), Type: d.datatype(), Parameters: d.parameters(), Optional: d.yes(), Default: maybe(d, d.tensor)}
		if d.yes() {
			f.Shape = append([]contract.Dim{}, list(d, 0, func() contract.Dim { return contract.Dim{Size: int64(d.n(4)) - 1, Rows: d.yes()} })...)
		}
		return f
	}
	return &contract.Contract{Inputs: list(d, 0, field), Outputs: list(d, 0, field), Parameters: d.parameters(), Answer: d.word()}
}

func (d draw) address() *pb.Address {
	switch d.n(2) {
	case 0:
		return &pb.Address{World: &pb.Address_Seldon{Seldon: &pb.SeldonAddress{Namespace: "n", Deployment: "d"}}}
	case 1:
		return &pb.Address{World: &pb.Address_Kserve{Kserve: &pb.KServeAddress{Namespace: "n", Name: "d"}}}
	}
	return nil
}
