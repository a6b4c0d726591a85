package algebra

import (
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"pgregory.net/rapid"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	pb "github.com/millrace/millrace/xds/api/graphv1"
)

func TestAGraphIsTheSameAfterTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := draw{t}.graph()
		sent := EncodeGraph(g, draw{t}.address())
		wire, err := proto.Marshal(sent)
		if err != nil {
			t.Fatal(err)
		}
		got := &pb.InferenceGraph{}
		if err := proto.Unmarshal(wire, got); err != nil {
			t.Fatal(err)
		}
		back, found := DecodeGraph(got)
		if len(found) > 0 {
			t.Fatalf("refused: %v", found)
		}
		if !reflect.DeepEqual(g, back) {
			t.Fatalf("sent %#v\ngot  %#v", g, back)
		}
		if !proto.Equal(sent, EncodeGraph(back, got.GetAddress())) {
			t.Fatal("encoding it again gives another resource")
		}
	})
}

func TestAContractIsTheSameAfterTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := draw{t}.contract()
		wire, err := proto.Marshal(&pb.Model{Name: "default/m", Contract: EncodeContract(c, nil)})
		if err != nil {
			t.Fatal(err)
		}
		got := &pb.Model{}
		if err := proto.Unmarshal(wire, got); err != nil {
			t.Fatal(err)
		}
		back, found := DecodeContract(got)
		if len(found) > 0 || !reflect.DeepEqual(c, back) {
			t.Fatalf("%v\nsent %#v\ngot  %#v", found, c, back)
		}
	})
}

var at = &pb.Position{File: "g.yaml", Line: 7, Column: 3}

func call(model string) *pb.Part {
	return &pb.Part{Operator: &pb.Part_Call{Call: &pb.Call{Model: model}}}
}

func graph(root *pb.Part) *pb.InferenceGraph {
	return &pb.InferenceGraph{Name: "default/g", Root: root, Position: at}
}

func chain(parts ...*pb.Part) *pb.Part {
	return &pb.Part{Operator: &pb.Part_Chain{Chain: &pb.Chain{Parts: parts}}}
}

func unknown(m proto.Message) {
	raw := protowire.AppendTag(nil, 999, protowire.VarintType)
	m.ProtoReflect().SetUnknown(protowire.AppendVarint(raw, 1))
}

func TestABadGraphIsRefusedByNameAndPlace(t *testing.T) {
	deep := call("a")
	for range maxDepth {
		deep = chain(deep)
	}
	future, futurePolicy := call("a"), call("a")
	unknown(future.GetCall())
	futurePolicy.Policies = &pb.Policies{Retry: &pb.Retry{}}
	unknown(futurePolicy.Policies.Retry)
	long := call("a")
	long.Policies = &pb.Policies{Timeout: &durationpb.Duration{Seconds: -1}}
	ratio := call("a")
	ratio.Policies = &pb.Policies{Breaker: &pb.Breaker{FailureRatio: 2}}
	odd := call("a")
	odd.GetCall().Method = 99
	here := &pb.Position{File: "g.yaml", Line: 9, Column: 5}
	placed := &pb.Part{Position: here}
	choose := func(c *pb.Choose) *pb.Part { return &pb.Part{Operator: &pb.Part_Choose{Choose: c}} }
	parallel := func(c *pb.Combine) *pb.Part {
		return &pb.Part{Operator: &pb.Part_Parallel{Parallel: &pb.Parallel{Parts: []*pb.Part{call("a")}, Combine: c}}}
	}
	operation := func(o *pb.Operation) *pb.Part {
		return &pb.Part{Operator: &pb.Part_Map{Map: &pb.Map{Operations: []*pb.Operation{o}}}}
	}
	answer := func(a *pb.Answer) *pb.Part { return &pb.Part{Operator: &pb.Part_Answer{Answer: a}} }
	for _, c := range []struct {
		name string
		g    *pb.InferenceGraph
		want string
	}{
		{"no root", graph(nil), "g.yaml:7:3: MR302 graph g: graph: the part has no operator"},
		{"no operator below a chain, at its own place", graph(chain(call("a"), placed)), "g.yaml:9:5: MR302 graph g: graph.chain[1]: the part has no operator"},
		{"a name without a namespace", &pb.InferenceGraph{Name: "g", Root: call("a")}, `MR303 graph g: name: a resource is called namespace/name, not "g"`},
		{"an unknown field in a call", graph(chain(future)), "MR301 graph g: graph.root.chain.parts[0].call: millrace.graph.v1.Call has a field that this proxy does not know"},
		{"an unknown field in a policy", graph(futurePolicy), "graph.root.policies.retry: millrace.graph.v1.Retry has a field"},
		{"a call without a model", graph(call("")), "graph.call: the call names no model"},
		{"an unknown method", graph(odd), "graph.call: there is no method 99"},
		{"unknown rules", &pb.InferenceGraph{Name: "default/g", Root: call("a"), Rules: 9}, "rules: there are no rules 9"},
		{"an address without a world", &pb.InferenceGraph{Name: "default/g", Root: call("a"), Address: &pb.Address{}}, "address: the address has no world"},
		{"a negative timeout", graph(long), "graph.timeout: the duration must not be negative"},
		{"a ratio above one", graph(ratio), "graph.breaker.failure_ratio: the ratio must be from 0 to 1, not 2"},
		{"a parallel without a combiner", graph(parallel(nil)), "graph.combine: the combiner is not given"},
		{"a combiner server without a model", graph(parallel(&pb.Combine{By: &pb.Combine_Server{Server: &pb.Call{}}})), "graph.combine.server: the call names no model"},
		{"a chooser that is not given", graph(choose(&pb.Choose{})), "graph.choose: the chooser is not given"},
		{"an arm without a part", graph(choose(&pb.Choose{By: &pb.Choose_Weight{Weight: &pb.ByWeight{}}, Arms: []*pb.Arm{{Name: "x", Position: here}}})), "g.yaml:9:5: MR302 graph g: graph.choose.x: the part has no operator"},
		{"an unknown way with rows", graph(choose(&pb.Choose{By: &pb.Choose_Weight{Weight: &pb.ByWeight{}}, Rows: 7})), "graph.choose.rows: there is no way 7"},
		{"a condition without an expression", graph(choose(&pb.Choose{By: &pb.Choose_Condition{Condition: &pb.ByCondition{}}, Arms: []*pb.Arm{{Part: call("a"), When: &pb.Condition{Position: here}}}})), "g.yaml:9:5: MR302 graph g: graph.choose[0].when: the condition has no expression"},
		{"a guard without a condition", graph(&pb.Part{Operator: &pb.Part_Guard{Guard: &pb.Guard{Then: call("a")}}}), "graph.guard: the guard has no condition"},
		{"a try without a part", graph(&pb.Part{Operator: &pb.Part_Cascade{Cascade: &pb.Cascade{Tries: []*pb.Try{{}}}}}), "graph.cascade[0]: the part has no operator"},
		{"a step without a part", graph(&pb.Part{Operator: &pb.Part_Steps{Steps: &pb.Steps{Steps: []*pb.Step{{Name: "tok"}}}}}), "graph.steps.tok: the part has no operator"},
		{"an operation that is not given", graph(operation(&pb.Operation{})), "graph.map[0]: the operation is not given"},
		{"a computed field without an expression", graph(operation(&pb.Operation{Op: &pb.Operation_Compute{Compute: &pb.Compute{Field: "x"}}})), "graph.map[0]: the computed field has no expression"},
		{"an unknown datatype", graph(operation(&pb.Operation{Op: &pb.Operation_Cast{Cast: &pb.Cast{Field: "x", To: 77}}})), "graph.map[0]: there is no datatype 77"},
		{"a constant with too little data", graph(answer(&pb.Answer{Fields: []*pb.Tensor{{Datatype: pb.Datatype_DATATYPE_FP64, Shape: []int64{2}, Data: make([]byte, 8)}}})), "graph.answer.fields[0]: "},
		{"an error with the status of a success", graph(answer(&pb.Answer{Failure: &pb.Failure{Status: 200}})), "graph.answer.failure.status: an error's status must be from 400 to 599, not 200"},
		{"a shadow without a part", graph(&pb.Part{Operator: &pb.Part_Tap{Tap: &pb.Tap{Part: call("a"), Shadows: []*pb.Shadow{{}}}}}), "graph.tap.shadows[0]: the part has no operator"},
		{"a comparison without a tolerance", graph(&pb.Part{Operator: &pb.Part_Tap{Tap: &pb.Tap{Part: call("a"), Shadows: []*pb.Shadow{{To: call("b"), Compare: []*pb.Compare{{Field: "s"}}}}}}}), "graph.tap.shadows[0].compare.s: the tolerance is not given"},
		{"nesting without end", graph(deep), "the resource nests deeper than 1000 messages"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, found := DecodeGraph(c.g)
			if g != nil {
				t.Error("it was taken")
			}
			refusedAs(t, found, c.want)
		})
	}
}

func refusedAs(t *testing.T, found []diagnostic.Diagnostic, want string) {
	t.Helper()
	var all []string
	for _, d := range found {
		all = append(all, d.String())
		if _, ok := diagnostic.Explain(string(d.Code)); !ok {
			t.Errorf("code %s is not explained", d.Code)
		}
	}
	if len(found) != 1 || !strings.Contains(all[0], want) {
		t.Errorf("found:\n%s\nwant %s", strings.Join(all, "\n"), want)
	}
}

func model() *pb.Model {
	return &pb.Model{
		Name: "default/m", Position: at, Transports: []*pb.Transport{{Cluster: "c", Dialect: pb.Dialect_DIALECT_PLAIN}},
		Contract: &pb.Contract{Inputs: []*pb.ContractField{{Name: "text"}}, Outputs: []*pb.ContractField{{Name: "label"}}},
	}
}

func TestABadModelIsRefusedByNameAndPlace(t *testing.T) {
	if found := CheckModel(model()); len(found) > 0 {
		t.Fatalf("a good one is refused: %v", found)
	}
	for _, c := range []struct {
		name   string
		change func(*pb.Model)
		want   string
	}{
		{"no transport", func(m *pb.Model) { m.Transports = nil }, "g.yaml:7:3: MR302 transports: model m has no transport"},
		{"no cluster", func(m *pb.Model) { m.Transports[0].Cluster = "" }, "transports[0]: model m: the cluster is not named"},
		{"no dialect", func(m *pb.Model) { m.Transports[0].Dialect = 0 }, "transports[0]: model m: there is no dialect DIALECT_UNSPECIFIED"},
		{"an unknown field", func(m *pb.Model) { unknown(m.Transports[0]) }, "MR301 model.transports[0]: millrace.graph.v1.Transport has a field"},
		{"an unknown datatype", func(m *pb.Model) { m.Contract.Inputs[0].Datatype = 50 }, "inputs.text: there is no datatype 50"},
		{"a default with too little data", func(m *pb.Model) {
			m.Contract.Inputs[0].Default = &pb.Tensor{Datatype: pb.Datatype_DATATYPE_INT8, Shape: []int64{3}}
		}, "inputs.text.default: "},
		{"an answer that is no output", func(m *pb.Model) { m.Contract.Answer = "lable" }, `contract: model m: contract: answer "lable" is not an output; did you mean "label"?`},
		{"one field twice", func(m *pb.Model) {
			m.Contract.Outputs = append(m.Contract.Outputs, &pb.ContractField{Name: "label"})
		}, `contract.outputs.label: model m: output "label": the name stands twice`},
		{"an axis of no size", func(m *pb.Model) {
			m.Contract.Inputs[0].ShapeDeclared, m.Contract.Inputs[0].Shape = true, []*pb.Dimension{{}}
		}, "contract.inputs.text: model m: "},
		{"a header that would end the head", func(m *pb.Model) {
			m.Headers = []*pb.HeaderField{{Name: "x-key", Value: "a\r\nhost: b"}}
		}, `headers[0]: model m: "x-key" is no header field`},
		{"an unknown idempotence", func(m *pb.Model) { m.Idempotence = 8 }, "idempotence: model m: there is no idempotence 8"},
		{"a duration out of range", func(m *pb.Model) { m.Timeout = &durationpb.Duration{Nanos: -5} }, "timeout: the duration must not be negative"},
		{"a name with nothing before the slash", func(m *pb.Model) { m.Name = "/m" }, `name: a resource is called namespace/name, not "/m"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := model()
			c.change(m)
			refusedAs(t, CheckModel(m), c.want)
		})
	}
}

func TestEveryDialectHasItsNameOnTheWire(t *testing.T) {
	for value, name := range pb.Dialect_name {
		d, ok := DecodeDialect(pb.Dialect(value))
		if ok != (value != 0) {
			t.Errorf("%s: %v", name, ok)
		}
		if ok && EncodeDialect(d) != pb.Dialect(value) {
			t.Errorf("%s comes back as %s", name, EncodeDialect(d))
		}
	}
	if len(datatypes) != len(pb.Datatype_name) || len(methods) != len(pb.Method_name) {
		t.Error("a datatype or a method has no counterpart")
	}
}

func FuzzDecodeGraph(f *testing.F) {
	for _, g := range []*pb.InferenceGraph{
		graph(chain(call("a"), call("b"))), graph(nil),
		EncodeGraph(&ast.Graph{Namespace: "a", Name: "b", Root: &ast.Tap{Part: &ast.Pass{}, Shadows: []ast.Shadow{{To: &ast.Answer{JSON: []byte("{}")}}}}}, nil),
	} {
		wire, err := proto.Marshal(g)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
		f.Add(append(wire, 0xba, 0x3e, 1, 0))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := &pb.InferenceGraph{}
		if proto.Unmarshal(wire, r) != nil {
			return
		}
		g, found := DecodeGraph(r)
		if (g == nil) != (len(found) > 0) {
			t.Fatalf("a graph is taken or refused, not both: %v", found)
		}
		if g == nil {
			return
		}
		again, found := DecodeGraph(EncodeGraph(g, r.GetAddress()))
		if again == nil {
			t.Fatalf("what was decoded is refused when it is sent on: %v", found)
		}
	})
}

func FuzzCheckModel(f *testing.F) {
	wire, err := proto.Marshal(model())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Fuzz(func(_ *testing.T, wire []byte) {
		m := &pb.Model{}
		if proto.Unmarshal(wire, m) == nil {
			CheckModel(m)
			DecodeContract(m)
		}
	})
}
