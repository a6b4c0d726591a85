package plan

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/diagnostic"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

var update = flag.Bool("update", false, "write the golden files anew")

// world is a resolver over a few models and graphs.
type world struct {
	models map[string]*Model
	graphs map[string]*ast.Graph
}

func (w world) Model(namespace, name, version string) (*Model, bool) {
	m, ok := w.models[name]
	if !ok || namespace != "default" || version != "" && version != "3" {
		return nil, false
	}
	return m, true
}

func (w world) Graph(namespace, name string) (*ast.Graph, bool) {
	g, ok := w.graphs[name]
	return g, ok && namespace == "default"
}

func (w world) Near(_, name string) []string {
	var names []string
	for n := range w.models {
		names = append(names, n)
	}
	return contract.Near(name, names)
}

func field(name, server string, t tensor.Datatype) contract.Field {
	return contract.Field{Name: name, Tensor: server, Type: t, Shape: []contract.Dim{{Rows: true}}}
}

func textModel(name string, d message.Dialect, outputs ...contract.Field) *Model {
	return &Model{
		Namespace: "default", Name: name, Dialects: []message.Dialect{d}, Batched: true, Askable: true,
		Contract: &contract.Contract{Inputs: []contract.Field{field("text", "TXT", tensor.Bytes)}, Outputs: outputs},
	}
}

func testWorld() world {
	oip, seldon, v1 := message.OpenInferenceREST, message.SeldonREST, message.KServeV1
	plain := func(name string, d message.Dialect) *Model {
		return &Model{Namespace: "default", Name: name, Dialects: []message.Dialect{d}}
	}
	return world{
		models: map[string]*Model{
			"sentiment": textModel("sentiment", oip, field("label", "l", tensor.Bytes), field("score", "s", tensor.FP32)),
			"language":  textModel("language", oip, field("code", "", tensor.Bytes)),
			"topic":     textModel("topic", oip, field("label", "", tensor.Bytes)),
			"tox":       plain("tox", v1),
			"translate": textModel("translate", seldon, field("text", "", tensor.Bytes)),
			"embed":     {Namespace: "default", Name: "embed", Contract: &contract.Contract{Inputs: []contract.Field{{Name: "ids", Type: tensor.Int64}}, Outputs: []contract.Field{{Name: "vector", Type: tensor.FP32}}}, Dialects: []message.Dialect{oip}},
			"judge":     {Namespace: "default", Name: "judge", Contract: &contract.Contract{Inputs: []contract.Field{field("code", "", tensor.Bytes), field("sentiment.label", "", tensor.Bytes)}}, Dialects: []message.Dialect{oip}},
			"norm":      plain("norm", seldon),
			"model":     plain("model", seldon),
			"hidden":    plain("hidden", oip),
			"pure":      {Namespace: "default", Name: "pure", Pure: true, Dialects: []message.Dialect{oip}},
		},
		graphs: map[string]*ast.Graph{
			"triage": {Namespace: "default", Name: "triage", Root: &ast.Parallel{Parts: []ast.Part{call("language"), call("sentiment")}}},
			"loop":   {Namespace: "default", Name: "loop", Root: call("loop2")},
			"loop2":  {Namespace: "default", Name: "loop2", Root: call("loop")},
			"broken": {Namespace: "default", Name: "broken", Root: &ast.Chain{}},
		},
	}
}

func call(model string) *ast.Call { return &ast.Call{Model: model} }

func as(label string, p ast.Part) ast.Part {
	p.Base().Label = label
	return p
}

func chain(parts ...ast.Part) ast.Part { return &ast.Chain{Parts: parts} }

func merge(parts ...ast.Part) *ast.Parallel { return &ast.Parallel{Parts: parts} }

func cel(s string) *ast.Condition { return &ast.Condition{Text: s} }

func with(p ast.Part, set func(*ast.Policies)) ast.Part {
	set(&p.Base().Policies)
	return p
}

func take(field, from, output string) ast.Binding {
	return ast.Binding{Field: field, From: from, Output: output}
}

func graphOf(root ast.Part) *ast.Graph {
	return &ast.Graph{Namespace: "default", Name: "g", Root: root, Pos: ast.Position{File: "g.yaml", Line: 1, Column: 1}}
}

func TestFindings(t *testing.T) {
	each := func(parts ...ast.Part) ast.Part {
		c := &ast.Cascade{Rows: ast.RowsEach}
		for _, p := range parts {
			c.Tries = append(c.Tries, ast.Try{Part: p})
		}
		return c
	}
	for _, c := range []struct {
		name string
		root ast.Part
		want string
	}{
		{"an unknown model, with a near name", chain(call("language"), call("sentimnt")), `MR203 graph g: no model "sentimnt"; did you mean "sentiment"?`},
		{"a version that is not there", &ast.Call{Model: "sentiment", Version: "9"}, `MR203 graph g: model "sentiment" has no version "9"`},
		{"another namespace", call("other/sentiment"), `MR203 graph g: no model "other/sentiment"; did you mean "sentiment"?`},
		{"an empty chain", chain(), `MR204 graph g: the graph: chain has no parts`},
		{"weights that are all zero", &ast.Choose{Arms: []ast.Arm{{Name: "a", Part: call("tox")}, {Name: "b", Part: call("norm")}}}, "MR202 graph g: the graph: the weights of the split are all zero; give at least one arm a weight above zero"},
		{"a negative weight", &ast.Choose{Arms: []ast.Arm{{Name: "a", Weight: -1, Part: call("tox")}, {Name: "b", Weight: 2, Part: call("norm")}}}, "MR202 graph g: the graph: the weight of arm a is -1"},
		{"a condition that is no CEL", &ast.Guard{If: cel("v =="), Then: call("tox"), Else: &ast.Pass{}}, `MR201 graph g: the graph: condition "v ==": `},
		{"a condition that is not true or false", &ast.Guard{If: cel(`"x"`), Then: call("tox"), Else: &ast.Pass{}}, `MR201 graph g: the graph: condition "\"x\"": the condition is string, not true or false`},
		{"a reply where there is none", &ast.Guard{If: cel(`out.score > 1`), Then: call("tox"), Else: &ast.Pass{}}, "MR201 graph g: the graph: condition \"out.score > 1\": there is no reply yet that `out` could mean"},
		{"a step that takes from a later one", &ast.Steps{Steps: []ast.Step{{Name: "a", Part: call("tox"), In: []ast.Binding{take("x", "b", "y")}}, {Name: "b", Part: call("tox")}}}, `MR205 graph g: step a takes from "b", which does not stand before it; write the steps in the order in which they take from each other`},
		{"a step that takes from nowhere", &ast.Steps{Steps: []ast.Step{{Name: "a", Part: call("tox"), In: []ast.Binding{take("x", "z", "y")}}}}, `MR205 graph g: step a takes from "z", which is no step; there is request`},
		{"two steps of one name", &ast.Steps{Steps: []ast.Step{{Name: "a", Part: call("tox")}, {Name: "a", Part: call("tox")}}}, `MR205 graph g: two steps are called "a"`},
		{"an operator that is not executed yet", &ast.Repeat{Part: call("tox")}, "MR206 graph g: the graph: operator repeat is not executed yet"},
		{"a policy that is not executed yet", with(call("tox"), func(p *ast.Policies) { p.Hedge = &ast.Hedge{} }), "MR206 graph g: the graph: policy hedge is not executed yet"},
		{"two parts of one name", merge(call("tox"), call("tox")), `MR207 graph g: the graph: two parts are called "tox"; give one of them a label`},
		{"a quorum beyond the parts", &ast.Parallel{Parts: []ast.Part{call("tox")}, Need: 2}, "MR208 graph g: the graph: 2 good replies are needed of 1 parts"},
		{"a circle of graphs", call("loop"), "MR209 graph loop2: graphs call each other in a circle: default/loop → default/loop2 → default/loop"},
		{"a field that the input cannot have", chain(call("language"), call("sentiment")), `MR210 graph g: model "sentiment" needs field "text", which its input does not have; there is code`},
		{"a field of another type", chain(&ast.Map{Operations: []ast.Operation{{Op: ast.Select, Fields: []string{"text"}}, {Op: ast.Cast, Field: "text", Type: tensor.Bytes}, {Op: ast.Rename, Field: "text", To: "ids"}}}, call("embed")), `MR211 graph g: model "embed" takes field "ids" as INT64, and gets BYTES; change it with a`},
		{"a condition on an output that no contract gives", &ast.Cascade{Tries: []ast.Try{{Part: call("language"), Accept: cel("out.score > 0.5")}, {Part: call("tox")}}}, `MR212 graph g: "out.score > 0.5" reads out.score, which no contract gives; there is code`},
		{"a with that takes what no contract gives", &ast.Choose{By: ast.ByCondition, With: []ast.With{{Name: "l", Part: call("language"), Output: "lang"}}, Arms: []ast.Arm{{When: cel(`l == "x"`), Part: call("tox")}}}, "MR212 graph g: `with` l takes lang, which no contract gives; there is code"},
		{"a merge into a model that binds nothing", chain(merge(call("language"), call("sentiment")), call("tox")), `MR213 graph g: model "tox" has no contract that says which outputs of the merge it takes; declare its inputs, or take the fields by`},
		{"a merge into a model that binds others", chain(merge(call("topic"), call("sentiment")), call("judge")), `MR210 graph g: model "judge" needs field "code", which its input does not have; there is topic.label, sentiment.label, sentiment.score`},
		{"rows of a model that does not declare them", each(call("tox"), call("sentiment")), `MR214 graph g: the graph decides row by row, and model "tox" does not say what its rows are; declare the batch axis`},
		{"a retry condition that does not exist", with(call("tox"), func(p *ast.Policies) { p.Retry = &ast.Retry{Attempts: 2, On: []string{"often"}} }), `MR215 graph g: the graph: no retry condition "often"; there are connect-failure, reset, 5xx`},
		{"a combiner's weight for nobody", &ast.Parallel{Parts: []ast.Part{call("tox")}, Combine: ast.Combine{By: ast.Mean, Weights: map[string]float64{"x": 1}}}, `MR218 graph g: the graph: a weight names "x", which is no part; there are tox`},
		{"a graph that has errors of its own", call("broken"), `MR221 graph g: graph "broken" has errors of its own`},
		{"a shadow's comparison of nothing", &ast.Tap{Part: call("tox"), Shadows: []ast.Shadow{{To: call("tox"), Compare: []ast.Compare{{Exact: true}}}}}, "MR215 graph g: shadow[0].tox: a comparison needs a field, and a tolerance of 0 or more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, found := Compile(graphOf(c.root), testWorld())
			if p != nil {
				t.Error("it compiles")
			}
			if len(found) == 0 || !strings.HasPrefix(strings.TrimPrefix(found[0].String(), "g.yaml:1:1: "), c.want) {
				t.Errorf("\n got  %v\n want %s", found, c.want)
			}
			for _, d := range found {
				if _, ok := diagnostic.Explain(string(d.Code)); !ok {
					t.Errorf("%s has no explanation", d.Code)
				}
			}
		})
	}
}

func TestUnknownNamesWarmAndOthersDoNot(t *testing.T) {
	_, found := Compile(graphOf(call("nobody")), testWorld())
	if len(found) != 1 || !found[0].Warming || diagnostic.Fatal(found) {
		t.Errorf("an unknown model: %v", found)
	}
	_, found = Compile(graphOf(chain(call("language"), call("sentiment"))), testWorld())
	if !diagnostic.Fatal(found) {
		t.Errorf("a contract that does not fit: %v", found)
	}
}

func TestPositionOfAConditionIsWhereItIsWrong(t *testing.T) {
	g := graphOf(&ast.Guard{If: &ast.Condition{Text: `v == "a" &&& true`, Pos: ast.Position{File: "g.yaml", Line: 7, Column: 20}}, Then: call("tox"), Else: &ast.Pass{}})
	found := Check(g)
	if len(found) != 1 || found[0].Pos.Line != 7 || found[0].Pos.Column != 31 {
		t.Errorf("found %v", found)
	}
}

func TestExpressionsAskOnlyWhatIsAskable(t *testing.T) {
	g := graphOf(call("hidden"))
	g.Origin = "expression"
	if _, found := Compile(g, testWorld()); len(found) != 1 || found[0].Code != CodeNotAskable {
		t.Errorf("found %v", found)
	}
}

// graphs are those of the golden files.
func graphs() map[string]ast.Part {
	slow := with(as("tox", call("tox")), func(p *ast.Policies) { p.Timeout, p.Optional = 80*time.Millisecond, true })
	return map[string]ast.Part{
		"one":       call("sentiment"),
		"triage":    merge(call("language"), call("sentiment"), slow),
		"undecoded": chain(&ast.Call{Model: "norm", Method: message.TransformInput}, call("model"), call("tox")),
		"nested":    chain(call("triage"), call("judge")),
		"split":     &ast.Choose{Sticky: cel(`request.headers["x-user"]`), Arms: []ast.Arm{{Name: "a", Weight: 90, Part: call("tox")}, {Name: "b", Weight: 10, Part: call("tox")}, {Name: "off", Part: call("norm")}}},
		"cascade":   &ast.Cascade{Rows: ast.RowsEach, Tries: []ast.Try{{Part: call("sentiment"), Accept: cel("out.score >= 0.85")}}, Else: &ast.Answer{Fields: []tensor.Tensor{tensor.OfStrings("label", "unknown")}}},
		"choose": &ast.Choose{By: ast.ByCondition, With: []ast.With{{Name: "lang", Part: call("language"), Output: "code"}}, Arms: []ast.Arm{
			{When: cel(`lang == "de"`), Part: chain(call("translate"), call("sentiment"))}, {When: cel("true"), Part: call("sentiment")}}, Else: call("topic")},
		"steps": &ast.Steps{Steps: []ast.Step{
			{Name: "lang", Part: call("language")}, {Name: "tr", Part: call("translate"), When: cel(`lang.code != "en"`)},
			{Name: "mood", Part: call("sentiment"), In: []ast.Binding{take("text", "tr", "text")}}, {Name: "topic", Part: call("topic"), In: []ast.Binding{take("text", "tr", "text")}}},
			Out: []ast.Binding{take("language", "lang", "code"), take("label", "mood", "label")}},
		"tap":    &ast.Tap{Part: call("pure"), Shadows: []ast.Shadow{{To: call("tox"), Percent: 20}}},
		"shared": merge(as("a", chain(call("pure"), call("model"))), as("b", chain(call("pure"), call("norm")))),
		"map":    chain(&ast.Map{Operations: []ast.Operation{{Op: ast.Rename, Field: "t", To: "text"}, {Op: ast.Compute, Field: "n", Value: cel("size(text)")}}}, call("sentiment")),
	}
}

func TestExplain(t *testing.T) {
	for name, root := range graphs() {
		g := graphOf(root)
		g.Name = name
		p, found := Compile(g, testWorld())
		if p == nil {
			t.Errorf("%s: %v", name, found)
			continue
		}
		formats := []Format{Text}
		if name == "triage" {
			formats = append(formats, JSON, Dot, Mermaid)
		}
		for _, f := range formats {
			got, err := Explain(p, f)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+"."+map[Format]string{Text: "txt", JSON: "json", Dot: "dot", Mermaid: "mmd"}[f], got)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s (run with -update to take it over)\n got:\n%s\n want:\n%s", name, got, want)
	}
}

func TestNeedOfTheBody(t *testing.T) {
	tox, two := call("tox"), merge(call("tox"), call("norm"))
	for name, c := range map[string]struct {
		root ast.Part
		want Need
	}{
		"an answer needs nothing":               {&ast.Answer{JSON: []byte("{}")}, NeedNone},
		"one call streams":                      {tox, NeedPrefix},
		"a split by headers streams":            {graphs()["split"], NeedPrefix},
		"a chain streams to its first":          {chain(call("norm"), call("tox")), NeedPrefix},
		"two calls need it whole":               {two, NeedWhole},
		"a retry needs it whole":                {with(call("tox"), func(p *ast.Policies) { p.Retry = &ast.Retry{Attempts: 2} }), NeedWhole},
		"a cascade needs it whole":              {&ast.Cascade{Tries: []ast.Try{{Part: call("tox")}, {Part: call("norm")}}}, NeedWhole},
		"a shadow needs it whole":               {graphs()["tap"], NeedWhole},
		"a later part that takes the original":  {chain(call("norm"), &ast.Original{Part: call("tox")}), NeedWhole},
		"GJSON reads it whole":                  {&ast.Guard{If: &ast.Condition{Language: ast.GJSON, Text: "a"}, Then: call("tox"), Else: call("norm")}, NeedWhole},
		"a contract that maps needs tensors":    {call("sentiment"), NeedTensors},
		"a condition on a field needs tensors":  {&ast.Guard{If: cel("text == ''"), Then: call("tox"), Else: call("norm")}, NeedTensors},
		"a condition on a header needs nothing": {&ast.Guard{If: cel("request.headers['a'] == ''"), Then: call("tox"), Else: call("norm")}, NeedPrefix},
		"rows need tensors":                     {graphs()["cascade"], NeedTensors},
	} {
		p, found := Compile(graphOf(c.root), testWorld())
		if p == nil {
			t.Errorf("%s: %v", name, found)
		} else if p.Need != c.want {
			t.Errorf("%s: %s, want %s", name, p.Need, c.want)
		}
	}
}

func TestFieldsOfAGraphAreThoseOfItsModels(t *testing.T) {
	g := graphOf(merge(call("language"), call("sentiment")))
	p, found := Compile(g, testWorld())
	if p == nil {
		t.Fatal(found)
	}
	if in := fieldList(p.Inputs); in != "text BYTES" {
		t.Errorf("inputs %s", in)
	}
	if out := fieldList(p.Outputs); out != "language.code BYTES, sentiment.label BYTES, sentiment.score FP32" {
		t.Errorf("outputs %s", out)
	}
	if len(p.Calls) != 2 || p.Single != nil {
		t.Errorf("calls %v, single %v", p.Calls, p.Single)
	}
}

func TestDeclaredOutputsMustBeGiven(t *testing.T) {
	g := graphOf(call("sentiment"))
	g.Outputs = []ast.Field{{Name: "label"}, {Name: "score", Type: tensor.Bytes}, {Name: "mood"}}
	_, found := Compile(g, testWorld())
	if len(found) != 2 || found[0].Code != CodeTypes || found[1].Code != CodeNoOutput {
		t.Fatalf("found %v", found)
	}
	g.Outputs = g.Outputs[:1]
	p, found := Compile(g, testWorld())
	if p == nil || fieldList(p.Outputs) != "label BYTES" {
		t.Errorf("found %v", found)
	}
}

func TestFixedAnswersTakeTheTypesOfWhatTheyStandBeside(t *testing.T) {
	p, found := Compile(graphOf(&ast.Choose{By: ast.ByCondition, Arms: []ast.Arm{{When: cel("text == ''"), Part: call("sentiment")}},
		Else: &ast.Answer{Fields: []tensor.Tensor{tensor.OfStrings("label", "none"), tensor.OfFP64("score", 0)}}}), testWorld())
	if p == nil {
		t.Fatal(found)
	}
	fields := p.Root.(*Choose).Else.(*Answer).Fields
	if fields[0].Datatype != tensor.Bytes || fields[1].Datatype != tensor.FP32 {
		t.Errorf("fields %v", fields)
	}
}

func TestKeysStayTheSameAfterARecompilation(t *testing.T) {
	keys := func(root ast.Part) (all []string) {
		p, _ := Compile(graphOf(root), testWorld())
		walk(p.Root, func(n Node) { all = append(all, n.Base().Key) })
		return all
	}
	a, b := keys(chain(call("norm"), call("triage"))), keys(chain(call("norm"), call("triage")))
	if strings.Join(a, " ") != strings.Join(b, " ") || a[2] != "default/g#chain[1].triage" || a[4] != "default/g#chain[1].triage/parallel[0].language" {
		t.Errorf("keys %v and %v", a, b)
	}
}

func TestUnreachablePartsAreDroppedWithAWarning(t *testing.T) {
	p, found := Compile(graphOf(graphs()["choose"]), testWorld())
	if p == nil || len(found) != 1 || found[0].Code != CodeUnreachable || diagnostic.Fatal(found) {
		t.Fatalf("found %v", found)
	}
	if n := p.Root.(*Choose); n.Else != nil || len(n.Arms) != 2 {
		t.Errorf("else %v, %d arms", n.Else, len(n.Arms))
	}
	if len(p.Calls) != 4 {
		t.Errorf("%d calls", len(p.Calls))
	}
}

func BenchmarkCompile(b *testing.B) {
	w := testWorld()
	for name, root := range map[string]ast.Part{"expression": merge(call("language"), call("sentiment")), "with conditions": graphs()["choose"]} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if p, found := Compile(graphOf(root), w); p == nil {
					b.Fatal(found)
				}
			}
		})
	}
}
