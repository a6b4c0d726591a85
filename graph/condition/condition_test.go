package condition

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

type head map[string]string

func (h head) Get(name string) []byte {
	if v, ok := h[name]; ok {
		return []byte(v)
	}
	return nil
}

func question() *message.Message {
	matrix := tensor.OfFP64("matrix", 1, 2, 3, 4)
	matrix.Shape = []int64{2, 2}
	return message.FromContent(&message.Content{
		ID:         "42",
		Parameters: tensor.Parameters{{Name: "top_k", Value: tensor.Int64Of(3)}},
		Tensors: []tensor.Tensor{
			tensor.OfStrings("text", "hello"), tensor.OfStrings("words", "a", "b"), tensor.OfFP64("x", 1.5),
			{Name: "n", Datatype: tensor.Int64, Shape: []int64{1, 1}, Data: []byte{7, 0, 0, 0, 0, 0, 0, 0}},
			{Name: "big", Datatype: tensor.Uint64, Shape: []int64{1}, Data: []byte{255, 255, 255, 255, 255, 255, 255, 255}},
			{Name: "yes", Datatype: tensor.Bool, Shape: []int64{1}, Data: []byte{1}},
			{Name: "raw", Datatype: tensor.Untyped, Shape: []int64{1}, Data: tensor.AppendBytes(nil, "2.5")},
			matrix,
		},
	})
}

func TestConditions(t *testing.T) {
	reply := message.FromContent(&message.Content{Tensors: []tensor.Tensor{tensor.OfFP64("score", 0.9)}})
	merged := message.FromContent(&message.Content{Parts: []message.Part{{Name: "tox", Message: reply.Retain()}}})
	env := func() *Env {
		return &Env{Request: question(), Reply: reply, Head: head{"x-user": "ann"}, Row: -1, Values: []Value{{"lang", reply, "score"}, {"all", merged, ""}}}
	}
	for _, c := range []struct{ text, want string }{
		{`text == "hello" && request.text.startsWith("he")`, "true"},
		{`words == ["a", "b"] && size(words) == 2`, "true"},
		{`x > 1 && x < 2.0 && n == 7 && n < 7.5`, "true"},
		{`big == 18446744073709551615u && yes && raw == 2.5`, "true"},
		{`matrix[1][0] == 3.0`, "true"},
		{`request.headers["x-user"] == "ann" && !("x-other" in request.headers)`, "true"},
		{`request.parameters.top_k == 3 && request.id == "42" && !has(request.parameters.nothing)`, "true"},
		{`out.score >= 0.85 && has(out.score) && !has(out.label)`, "true"},
		{`lang > 0.5 && all.tox.score > 0.5`, "true"},
		{`words.exists(w, w == "b") && words.all(w, size(w) == 1)`, "true"},
		{`out["score"] > 0.95`, "false"},
		{`out.label == "x"`, `"out.label == \"x\"": no such key: label`},
		{`words == "a"`, "false"},
		{`x.y == 1`, "no such key: y"},
		{`text + 1 == 2`, "no such overload"},
	} {
		compiled, err := Compile(&ast.Condition{Text: c.text}, WantBool, Scope{Names: []string{"lang", "all"}, Reply: true})
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		got, err := compiled.Bool(env())
		answer := map[bool]string{true: "true", false: "false"}[got]
		if err != nil {
			answer = err.Error()
		}
		if !strings.Contains(answer, c.want) {
			t.Errorf("%s: %s, want %s", c.text, answer, c.want)
		}
	}
}

func TestARowIsOneValue(t *testing.T) {
	c, err := Compile(&ast.Condition{Text: `words == "b" && matrix == [3.0, 4.0]`}, WantBool, Scope{})
	if err != nil {
		t.Fatal(err)
	}
	for row, want := range []bool{false, true} {
		if got, err := c.Bool(&Env{Request: question(), Row: row}); err != nil || got != want {
			t.Errorf("row %d: %v, %v", row, got, err)
		}
	}
}

func TestConditionsThatReadNoFieldDoNotDecode(t *testing.T) {
	c, err := Compile(&ast.Condition{Text: `request.headers["x-user"] == "ann"`}, WantBool, Scope{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Reads.Decodes("") || !c.Reads.Headers {
		t.Errorf("reads %+v", c.Reads)
	}
	m := message.FromWire(&message.Wire{Body: body.Of([]byte("x"))}, func(*message.Wire) (*message.Content, error) {
		t.Error("the message was decoded")
		return nil, nil
	})
	if yes, err := c.Bool(&Env{Request: m, Head: head{"x-user": "ann"}, Row: -1}); !yes || err != nil {
		t.Error(yes, err)
	}
}

func TestWhatAConditionReadsIsKnown(t *testing.T) {
	c, err := Compile(&ast.Condition{Text: `out.score > limit && request.text.matches(text) && [1, 2].exists(i, i == n) && lang.code == string(x)`}, WantBool, Scope{Names: []string{"lang"}, Reply: true})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range c.Reads.Fields {
		all = append(all, f.From+"/"+f.Name)
	}
	if got, want := strings.Join(all, " "), "out/score /limit /text /n lang/code /x"; got != want {
		t.Errorf("reads %q, want %q", got, want)
	}
}

func TestAMessageThatCannotBeDecodedIsTheFailure(t *testing.T) {
	c, _ := Compile(&ast.Condition{Text: `text == "x"`}, WantBool, Scope{})
	wrong := message.Invalid("MR402", "offset 1: expected a value")
	m := message.FromWire(&message.Wire{Body: body.Of([]byte("x"))}, func(*message.Wire) (*message.Content, error) { return nil, wrong })
	if _, err := c.Bool(&Env{Request: m, Row: -1}); err != wrong {
		t.Errorf("got %v", err)
	}
}

func TestKeys(t *testing.T) {
	for text, want := range map[string]string{`request.headers["x-user"]`: "ann", `request.headers["x-none"]`: "", `text`: "hello", `n`: "7", `text + "/" + request.headers["x-user"]`: "hello/ann"} {
		c, err := Compile(&ast.Condition{Text: text}, WantKey, Scope{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Key(&Env{Request: question(), Head: head{"x-user": "ann"}, Row: -1}); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestComputedValuesBecomeTensors(t *testing.T) {
	for text, want := range map[string]tensor.Datatype{`size(text)`: tensor.Int64, `x * 2.0`: tensor.FP64, `text + "!"`: tensor.Bytes, `[1u, 2u]`: tensor.Uint64, `words.map(w, w == "a")`: tensor.Bool} {
		c, err := Compile(&ast.Condition{Text: text}, WantValue, Scope{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Tensor(&Env{Request: question(), Row: -1}, "y")
		if err != nil || got.Datatype != want || got.Name != "y" || got.Check() != nil {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{`out.score >= 0.85`, `lang == "de"`, `request.headers["x"]`, `a.b.c[0].exists(x, x > 1)`, `{"a": 1}.a == 1`, "", "(", `"\u`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Compile(&ast.Condition{Text: text}, WantBool, Scope{Reply: true})
		if err != nil {
			return
		}
		_, _ = c.Bool(&Env{Request: question(), Reply: question(), Row: -1})
	})
}

func FuzzGJSON(f *testing.F) {
	f.Add("a.b", `{"a":{"b":null}}`)
	f.Add("[@this].#(k==1)", `{"k":1}`)
	f.Fuzz(func(t *testing.T, path, text string) {
		c, err := Compile(&ast.Condition{Language: ast.GJSON, Text: path}, WantBool, Scope{})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Bool(&Env{Request: message.FromWire(&message.Wire{Body: body.Of([]byte(text))}, nil)})
	})
}

func BenchmarkHeaderCondition(b *testing.B) {
	c, err := Compile(&ast.Condition{Text: `request.headers["x-user"] == "ann"`}, WantBool, Scope{})
	if err != nil {
		b.Fatal(err)
	}
	env := &Env{Request: question(), Head: head{"x-user": "ann"}, Row: -1}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Bool(env); err != nil {
			b.Fatal(err)
		}
	}
}
