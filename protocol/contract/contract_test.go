package contract

import (
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
	"pgregory.net/rapid"
)

func shape(axes ...string) []Dim {
	s, err := ParseShape(axes)
	if err != nil {
		panic(err)
	}
	return s
}

// sentiment is the contract of an MLServer model.
func sentiment() *Contract {
	return &Contract{
		Inputs: []Field{{
			Name: "text", Tensor: "TXT", Type: tensor.Bytes, Shape: shape("rows", "1"),
			Parameters: tensor.Parameters{{Name: "content_type", Value: tensor.StringOf("str")}},
		}},
		Outputs: []Field{
			{Name: "label", Tensor: "l", Type: tensor.Bytes},
			{Name: "score", Tensor: "s", Type: tensor.FP64},
		},
		Parameters: tensor.Parameters{{Name: "lang", Value: tensor.StringOf("en")}},
	}
}

func content(ts ...tensor.Tensor) *message.Content { return &message.Content{Tensors: ts} }

func untyped(name string, shape []int64, numbers ...string) tensor.Tensor {
	t := tensor.OfStrings(name, numbers...)
	t.Datatype, t.Shape = tensor.Untyped, shape
	return t
}

func TestARequestIsMappedToWhatTheServerExpects(t *testing.T) {
	in := content(tensor.OfStrings("text", "a", "b"))
	in.Parameters = tensor.Parameters{{Name: "lang", Value: tensor.StringOf("de")}}
	in.Asked = []message.Asked{{Name: "score"}}
	out, err := sentiment().Request(in)
	if err != nil {
		t.Fatal(err)
	}
	got := out.Tensors[0]
	if got.Name != "TXT" || formatShape(got.Shape) != "[2,1]" || got.Datatype != tensor.Bytes {
		t.Errorf("the server gets %s %s %s", got.Name, got.Datatype, formatShape(got.Shape))
	}
	if v, _ := got.Parameters.Get("content_type"); v.String != "str" {
		t.Errorf("content_type is %q", v.String)
	}
	if v, _ := out.Parameters.Get("lang"); v.String != "de" {
		t.Errorf("the caller's parameter lost to the fixed one: %q", v.String)
	}
	if out.Asked[0].Name != "s" {
		t.Errorf("asked for %q", out.Asked[0].Name)
	}
	if in.Tensors[0].Name != "text" || len(in.Tensors[0].Shape) != 1 {
		t.Error("the caller's request changed")
	}
}

func TestARequestInTheServersOwnNamesIsPassedAsItIs(t *testing.T) {
	in := content(tensor.OfStrings("TXT", "a"))
	out, err := sentiment().Request(in)
	if err != nil || out != in {
		t.Fatalf("it became %v, %v", out, err)
	}
	numbers := &Contract{Inputs: []Field{{Name: "x", Tensor: "X", Type: tensor.Int64}}}
	untypedIn := content(untyped("X", []int64{1}, "7"))
	if out, err := numbers.Request(untypedIn); err != nil || out.Tensors[0].Datatype != tensor.Int64 || untypedIn.Tensors[0].Datatype != tensor.Untyped {
		t.Errorf("numbers in the server's names: %v, %v", out, err)
	}
	if in, err := (*Contract)(nil).Request(in); err != nil || in == nil {
		t.Fatal("no contract maps nothing")
	}
}

func TestWhatDoesNotFitIsRefusedByName(t *testing.T) {
	two := &Contract{Inputs: []Field{
		{Name: "a", Type: tensor.FP32, Shape: shape("rows", "2")},
		{Name: "b", Type: tensor.Int64, Shape: shape("rows")},
	}}
	for _, c := range []struct {
		name string
		c    *Contract
		in   *message.Content
		code message.Code
		want string
	}{
		{"a misspelt field", sentiment(), content(tensor.OfStrings("text", "a"), tensor.OfStrings("txet", "a")), CodeUnknownField, `unknown field "txet"; did you mean "text"?`},
		{"a missing field with a near one", sentiment(), content(tensor.OfStrings("Text", "a")), CodeMissingField, `field "text" is missing: expected BYTES [rows,1], found "Text"; rename "Text" to "text"`},
		{"nothing at all", sentiment(), content(), CodeMissingField, `field "text" is missing: expected BYTES [rows,1], found no fields`},
		{"the wrong datatype", sentiment(), content(untyped("text", []int64{1}, "1")), CodeDatatype, `resolve "text": expected strings`},
		{"the wrong shape", two, content(untyped("a", []int64{3}, "1", "2", "3"), untyped("b", []int64{1}, "1")), CodeShape, `field "a": expected shape [rows,2], found [3]`},
		{"different rows", two, content(untyped("a", []int64{1, 2}, "1", "2"), untyped("b", []int64{2}, "1", "2")), CodeShape, `field "a" has 1 rows and field "b" has 2`},
		{"a fraction for an integer", two, content(untyped("a", []int64{2}, "1", "2"), untyped("b", []int64{1}, "1.5")), CodeDatatype, `resolve "b" as INT64: element 0 is 1.5`},
	} {
		_, err := c.c.Request(c.in)
		var f *message.Failure
		if !errors.As(err, &f) || f.Code != c.code || f.Kind != message.InvalidArgument {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !strings.Contains(f.Error(), c.want) {
			t.Errorf("%s:\n got %s\nwant %s", c.name, f, c.want)
		}
	}
}

func TestShapesFitWhereOnlyOnesComeAndGo(t *testing.T) {
	for _, c := range []struct {
		found    []int64
		declared []Dim
		want     string // empty: refused
	}{
		{[]int64{3}, shape("rows", "1"), "[3,1]"},
		{[]int64{3, 1}, shape("rows"), "[3]"},
		{nil, shape("rows", "1"), "[1,1]"},
		{nil, shape(), "[]"},
		{[]int64{1}, shape(), "[]"},
		{[]int64{1, 1}, shape(), "[]"},
		{[]int64{2}, shape(), ""},
		{[]int64{4}, shape("rows", "4"), "[1,4]"},
		{[]int64{8}, shape("rows", "4"), ""},
		{[]int64{1, 4}, shape("4"), "[4]"},
		{[]int64{2, 4}, shape("rows", "-1"), "[2,4]"},
		{[]int64{0}, shape("rows", "1"), "[0,1]"},
		{[]int64{2, 3}, nil, "[2,3]"},
		{[]int64{4, 1}, shape("rows", "2"), ""},
	} {
		got, ok := fit(c.found, c.declared)
		if ok != (c.want != "") || ok && formatShape(got) != c.want {
			t.Errorf("%s as %s: %s, %v, want %q", formatShape(c.found), formatDims(c.declared), formatShape(got), ok, c.want)
		}
	}
}

func TestAnOptionalFieldHasItsDefaultInEveryRow(t *testing.T) {
	one := tensor.OfStrings("", "en")
	c := &Contract{Inputs: []Field{
		{Name: "text", Type: tensor.Bytes, Shape: shape("rows")},
		{Name: "lang", Type: tensor.Bytes, Shape: shape("rows"), Optional: true, Default: &one},
		{Name: "hint", Optional: true},
	}}
	out, err := c.Request(content(tensor.OfStrings("text", "a", "b", "c")))
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Tensor("lang"); got == nil || got.Preview() != `["en","en","en"]` {
		t.Errorf("the default is %v", got)
	}
	if len(out.Tensors) != 2 {
		t.Errorf("%d tensors", len(out.Tensors))
	}
	out, err = c.Request(content(tensor.OfStrings("text", "a"), tensor.OfStrings("lang", "de")))
	if err != nil || out.Tensor("lang").Preview() != `"de"` {
		t.Errorf("the caller's value lost to the default: %v", err)
	}
}

func TestAShapeAloneReservesNoMemory(t *testing.T) {
	one := tensor.OfStrings("", "en")
	c := &Contract{Inputs: []Field{{Name: "x", Shape: shape("rows", "-1")}, {Name: "lang", Shape: shape("rows"), Default: &one}}}
	if _, err := c.Request(content(tensor.Tensor{Name: "x", Datatype: tensor.FP32, Shape: []int64{1 << 40, 0}})); err == nil {
		t.Error("a default was repeated in a billion rows of nothing")
	}
}

func TestAMergesOutputsAreFoundByPartOrByName(t *testing.T) {
	part := func(name string, c *message.Content) message.Part {
		return message.Part{Name: name, Message: message.FromContent(c)}
	}
	score := tensor.OfFP64("score", 0.5)
	merged := &message.Content{Parts: []message.Part{
		part("language", &message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("label", "en")}, Answer: "label"}),
		part("sentiment", content(tensor.OfStrings("label", "positive"), score)),
	}}
	c := &Contract{Inputs: []Field{{Name: "language"}, {Name: "score"}, {Name: "sentiment.label", Tensor: "mood"}}}
	out, unused, err := c.RequestFrom(merged)
	if err != nil || len(unused) != 0 {
		t.Fatal(err, unused)
	}
	for i, want := range []string{`"en"`, `0.5`, `"positive"`} {
		if got := out.Tensors[i].Preview(); got != want {
			t.Errorf("%s is %s, want %s", out.Tensors[i].Name, got, want)
		}
	}
	ambiguous := &Contract{Inputs: []Field{{Name: "label"}}}
	if _, err := ambiguous.Request(merged); err == nil {
		t.Error("an output that two parts have was taken from one of them")
	}
}

func TestAPartTakesWhatItNeedsOfTheValueBeforeIt(t *testing.T) {
	out, unused, err := sentiment().RequestFrom(content(tensor.OfStrings("text", "a"), tensor.OfStrings("changed", "no")))
	if err != nil || len(out.Tensors) != 1 || strings.Join(unused, " ") != "changed" {
		t.Fatalf("%v %v %v", out, unused, err)
	}
}

func TestATensorWithoutANameIsTheFieldThatIsDue(t *testing.T) {
	out, err := sentiment().Request(content(tensor.OfStrings("", "a")))
	if err != nil || out.Tensors[0].Name != "TXT" {
		t.Fatal(err)
	}
	columns := content(untyped("", []int64{2, 2}, "1", "2", "3", "4"))
	columns.Names = []string{"a", "b"}
	c := &Contract{Inputs: []Field{{Name: "a", Type: tensor.Int64}, {Name: "b", Type: tensor.FP32}}}
	out, err = c.Request(columns)
	if err != nil || out.Tensors[0].Preview() != "[1,3]" || out.Tensors[1].Preview() != "[2.0,4.0]" {
		t.Fatalf("%v %v", out, err)
	}
}

func TestNoRowsAreOfAnyDatatype(t *testing.T) {
	out, err := sentiment().Request(content(tensor.Tensor{Name: "text", Shape: []int64{0}}))
	if err != nil || out.Tensors[0].Datatype != tensor.Bytes || formatShape(out.Tensors[0].Shape) != "[0,1]" {
		t.Errorf("%v, %v", out, err)
	}
}

func TestAnEmptyListOfObjectsHasEveryOutputWithoutRows(t *testing.T) {
	c := &Contract{Outputs: []Field{{Name: "toxic", Type: tensor.Bool, Shape: shape("rows", "1")}, {Name: "words", Type: tensor.Bytes, Shape: shape("rows", "3")}}}
	reply, dropped, err := c.Reply(content(tensor.Tensor{Shape: []int64{0}}))
	if err != nil || dropped != 0 || formatShape(reply.Tensors[0].Shape) != "[0]" || formatShape(reply.Tensors[1].Shape) != "[0,3]" || reply.Tensors[1].Datatype != tensor.Bytes {
		t.Errorf("%v, %d, %v", reply, dropped, err)
	}
}

func TestFieldsAreReadFromAJSONObject(t *testing.T) {
	out, err := sentiment().Request(&message.Content{JSON: []byte(`{"text": ["a", "b"]}`)})
	if err != nil || out.Tensors[0].Preview() != `["a","b"]` {
		t.Fatalf("%v %v", out, err)
	}
}

func TestAReplyIsMappedToFieldsInTheirCanonicalShape(t *testing.T) {
	l := tensor.OfStrings("l", "positive", "negative")
	l.Shape = []int64{2, 1}
	reply, dropped, err := sentiment().Reply(content(untyped("s", []int64{2}, "0.5", "0.25"), tensor.OfFP64("extra", 1), l))
	if err != nil || dropped != 1 {
		t.Fatal(err, dropped)
	}
	if reply.Answer != "label" || reply.Tensors[0].Name != "label" || formatShape(reply.Tensors[0].Shape) != "[2]" {
		t.Errorf("the answer is %s, the first output %s %v", reply.Answer, reply.Tensors[0].Name, reply.Tensors[0].Shape)
	}
	if got := reply.Tensors[1]; got.Name != "score" || got.Datatype != tensor.FP64 || got.Preview() != "[0.5,0.25]" {
		t.Errorf("the score is %s %s %s", got.Name, got.Datatype, got.Preview())
	}
}

func TestAReplyOfPlainJSONIsReadByPath(t *testing.T) {
	c := &Contract{Outputs: []Field{
		{Name: "label", Tensor: "result.items[0].label", Type: tensor.Bytes},
		{Name: "scores", Tensor: "result.items[*].score", Type: tensor.FP32},
	}}
	reply, _, err := c.Reply(&message.Content{JSON: []byte(`{"result":{"items":[{"label":"a","score":1},{"label":"b","score":0.5}]}}`)})
	if err != nil {
		t.Fatal(err)
	}
	if reply.Tensors[0].Preview() != `"a"` || reply.Tensors[1].Preview() != "[1.0,0.5]" || reply.JSON != nil {
		t.Errorf("%v", reply)
	}
	_, _, err = c.Reply(&message.Content{JSON: []byte(`{"result":{}}`)})
	if err == nil || !strings.Contains(err.Error(), `the reply has no output "result.items[0].label" (field "label")`) {
		t.Errorf("a missing path: %v", err)
	}
}

func TestAMissingOutputIsTheServersFaultUnlessItWasNotAskedFor(t *testing.T) {
	_, _, err := sentiment().Reply(content(tensor.OfStrings("label", "a"), tensor.OfFP64("s", 1)))
	var f *message.Failure
	if !errors.As(err, &f) || f.Kind != message.BadReply || f.Detail != `the reply has no output "l" (field "label"), it has "label", "s"` {
		t.Errorf("%v", err)
	}
	reply, _, err := sentiment().Reply(content(tensor.OfFP64("s", 1)))
	if err != nil || len(reply.Tensors) != 1 {
		t.Errorf("only one output was asked for: %v", err)
	}
}

func TestCheckNamesWhatIsWrongInAContractAlone(t *testing.T) {
	text := tensor.OfStrings("", "a")
	for _, c := range []struct {
		name string
		c    Contract
		want string
	}{
		{"a sound one", *sentiment(), ""},
		{"an empty name", Contract{Inputs: []Field{{}}}, `input "": the name is empty`},
		{"a dollar", Contract{Inputs: []Field{{Name: "$p"}}}, "begins with $"},
		{"a dot", Contract{Outputs: []Field{{Name: "a.b"}}}, "has a dot"},
		{"twice", Contract{Outputs: []Field{{Name: "a"}, {Name: "a"}}}, `output "a": the name stands twice`},
		{"one tensor for two", Contract{Inputs: []Field{{Name: "a"}, {Name: "b", Tensor: "a"}}}, `tensor "a" is that of "a" too`},
		{"rows behind", Contract{Inputs: []Field{{Name: "a", Shape: []Dim{{Size: 2}, {Size: -1, Rows: true}}}}}, "rows stands at axis 1"},
		{"no size", Contract{Inputs: []Field{{Name: "a", Shape: []Dim{{}}}}}, "axis 0 has the size 0"},
		{"an answer that is none", Contract{Outputs: []Field{{Name: "label"}}, Answer: "lable"}, `contract: answer "lable" is not an output; did you mean "label"?`},
		{"a default of another type", Contract{Inputs: []Field{{Name: "a", Type: tensor.FP32, Default: &text}}}, "default: "},
		{"a bad path", Contract{Outputs: []Field{{Name: "a", Tensor: "x["}}}, "expected ']'"},
	} {
		problems := Check(&c.c)
		switch {
		case c.want == "" && len(problems) > 0:
			t.Errorf("%s: %v", c.name, problems)
		case c.want != "" && (len(problems) != 1 || !strings.Contains(problems[0].Error(), c.want)):
			t.Errorf("%s: %v, want %s", c.name, problems, c.want)
		}
	}
}

func TestBytesPassOnlyWhereNothingNeedsChanging(t *testing.T) {
	if sentiment().Identity() {
		t.Error("a contract that renames is no identity")
	}
	if !(*Contract)(nil).Identity() {
		t.Error("no contract is an identity")
	}
	if c := (&Contract{Inputs: []Field{{Name: "x", Type: tensor.FP32, Shape: shape("rows", "4")}}}); !c.Identity() {
		t.Error("a declaration alone changes nothing")
	}
	if c := (&Contract{Inputs: []Field{{Name: "x", Shape: shape("rows", "1")}}}); c.Identity() {
		t.Error("[n] has to become [n,1]")
	}
}

func TestDeclaredTypesAndAxesAreReadFromTheirNames(t *testing.T) {
	for name, want := range map[string]tensor.Datatype{
		"string": tensor.Bytes, "int": tensor.Int64, "float": tensor.FP64, "bool": tensor.Bool, "": tensor.Untyped,
		"FP32": tensor.FP32, "int32": tensor.Int32, "BYTES": tensor.Bytes, "bf16": tensor.BF16,
	} {
		if got, err := ParseType(name); err != nil || got != want {
			t.Errorf("%q is %v, %v", name, got, err)
		}
	}
	for _, bad := range []string{"str", "text", "FP8"} {
		if _, err := ParseType(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	for _, bad := range [][]string{{"0"}, {"-2"}, {"n"}, {"4", "rows"}, {""}} {
		if _, err := ParseShape(bad); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

func TestNearNamesComeNearestFirst(t *testing.T) {
	for _, c := range []struct {
		name, want string
		names      []string
	}{
		{"sentimnt", "sentiment", []string{"language", "sentiment", "toxicity"}},
		{"Txt", "text", []string{"text", "lang"}},
		{"lang", "language", []string{"text", "language"}},
		{"zebra", "", []string{"text", "lang"}},
	} {
		if got := strings.Join(Near(c.name, c.names), " "); got != c.want {
			t.Errorf("%q: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAFittedShapeHasTheSameElements(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		found := rapid.SliceOfN(rapid.Int64Range(0, 3), 0, 4).Draw(t, "found")
		declared := make([]Dim, rapid.IntRange(0, 4).Draw(t, "rank"))
		for i := range declared {
			declared[i] = Dim{Size: rapid.SampledFrom([]int64{-1, 1, 2, 3}).Draw(t, "size")}
			declared[i].Rows = i == 0 && declared[i].Size < 0 && rapid.Bool().Draw(t, "rows")
		}
		fitted, ok := fit(found, declared)
		if !ok {
			return
		}
		before, err := tensor.Elements(found)
		if err != nil {
			t.Fatal(err)
		}
		if after, err := tensor.Elements(fitted); err != nil || after != before {
			t.Fatalf("%v as %s is %v", found, formatDims(declared), fitted)
		}
		if again, ok := fit(fitted, declared); !ok || formatShape(again) != formatShape(fitted) {
			t.Fatalf("%v as %s is %v and then %v", found, formatDims(declared), fitted, again)
		}
	})
}

func BenchmarkRequest(b *testing.B) {
	c, in := sentiment(), content(tensor.OfStrings("text", "I love it"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Request(in); err != nil {
			b.Fatal(err)
		}
	}
}
