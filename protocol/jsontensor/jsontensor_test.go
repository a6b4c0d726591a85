package jsontensor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/jsontext"
	"github.com/millrace/millrace/protocol/tensor"
	"pgregory.net/rapid"
)

func TestAPathFindsItsValue(t *testing.T) {
	text := []byte(`{"a":{"b.c":[10,{"d":"x"}]},"l":[{"s":1,"n":"p"},{"s":0.50,"n":"q"}],"dup":1,"dup":2,"é\n":true}`)
	for path, want := range map[string]string{
		`dup`:           `2`,
		`$.dup`:         `2`,
		`a["b.c"][0]`:   `10`,
		`a["b.c"][1].d`: `"x"`,
		`l[*].s`:        `[1,0.50]`,
		`l[1].n`:        `"q"`,
		`$.l[*].n`:      `["p","q"]`,
		`["é\n"]`:       `true`,
		`a.x`:           ``,
		`l[2]`:          ``,
		`l.s`:           ``,
		`dup[0]`:        ``,
		`l[*].missing`:  ``,
	} {
		p, err := ParsePath(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		raw, ok := p.Raw(text)
		if string(raw) != want || ok != (want != "") {
			t.Errorf("%s: %s, %v, want %s", path, raw, ok, want)
		}
		again, err := ParsePath(p.String())
		if err != nil || again.String() != p.String() {
			t.Errorf("%s is written as %s, which is read as %s, %v", path, p, again, err)
		}
	}
	if raw, _ := (Path{}).Raw([]byte(" 1 ")); string(raw) != "1" {
		t.Errorf("the whole value is %q", raw)
	}
}

func TestAPathThatIsNoneIsRefusedWithThePlace(t *testing.T) {
	for path, want := range map[string]string{
		``: "a key", `a..b`: "a key after '.'", `a[`: "']'", `a[x]`: "an index", `a[-1]`: "an index", `a[1]b`: "'.' or '['", `$x`: "'.' or '['",
		`a["x]`: "']'", `a.`: "a key", `a[99999999]`: "an index",
	} {
		if _, err := ParsePath(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
}

func numbers(name string, shape []int64, texts ...string) *tensor.Tensor {
	t := tensor.OfStrings(name, texts...)
	t.Datatype, t.Shape = tensor.Untyped, shape
	return &t
}

func TestATemplatePutsTensorsAtTheirPlaces(t *testing.T) {
	text := tensor.OfStrings("text", "a", "b")
	one := numbers("n", nil, "7")
	matrix := numbers("m", []int64{2, 2}, "1", "2", "3", "4")
	for _, c := range []struct {
		paths   []string
		tensors []*tensor.Tensor
		want    string
	}{
		{[]string{"text", "n"}, []*tensor.Tensor{&text, one}, `{"text":["a","b"],"n":7}`},
		{[]string{"text", "n"}, []*tensor.Tensor{nil, one}, `{"n":7}`},
		{[]string{"text"}, []*tensor.Tensor{nil}, `{}`},
		{[]string{"q.text", "n", "q.m"}, []*tensor.Tensor{&text, one, matrix}, `{"q":{"text":["a","b"],"m":[[1,2],[3,4]]},"n":7}`},
		{[]string{"$"}, []*tensor.Tensor{matrix}, `[[1,2],[3,4]]`},
		{[]string{"l[1]", "l[0].x"}, []*tensor.Tensor{one, matrix}, `{"l":[{"x":[[1,2],[3,4]]},7]}`},
		{[]string{"i[*].t", "i[*].m", "n"}, []*tensor.Tensor{&text, matrix, one}, `{"i":[{"t":"a","m":[1,2]},{"t":"b","m":[3,4]}],"n":7}`},
		{[]string{"i[*]"}, []*tensor.Tensor{&text}, `{"i":["a","b"]}`},
	} {
		tp, err := NewTemplate(c.paths)
		if err != nil {
			t.Errorf("%v: %v", c.paths, err)
			continue
		}
		got, err := tp.AppendJSON(nil, c.tensors)
		if err != nil || string(got) != c.want {
			t.Errorf("%v:\n got %s %v\nwant %s", c.paths, got, err, c.want)
		}
	}
	tp, err := NewTemplate([]string{"i[*].t", "i[*].n"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tp.AppendJSON(nil, []*tensor.Tensor{&text, numbers("n", []int64{3}, "1", "2", "3")}); err == nil || !strings.Contains(err.Error(), "same number of rows") {
		t.Errorf("columns of different length: %v", err)
	}
}

func TestATemplateWhosePathsContradictIsRefused(t *testing.T) {
	for _, paths := range [][]string{{"a", "a"}, {"a", "a.b"}, {"a.b", "a"}, {"a.b", "a[0]"}, {"l[1]"}, {"a[*].b[*]"}, {"$", "a"}, {"a["}} {
		if _, err := NewTemplate(paths); err == nil {
			t.Errorf("%v was taken", paths)
		}
	}
}

func TestAValueIsReadAsTheTensorsThatItHolds(t *testing.T) {
	for text, want := range map[string]string{
		`[1,2]`:                                 ` [2] [1,2]`,
		`"a"`:                                   ` [] "a"`,
		`{"a":1,"b":["x"]}`:                     `a [] 1; b [1] "x"`,
		`{"a":1,"b":2,"a":3}`:                   `b [] 2; a [] 3`,
		`{"a":1,"b":{"c":1}}`:                   `a [] 1; JSON`,
		`[{"a":1,"b":[1,2]},{"b":[3,4],"a":2}]`: `a [2] [1,2]; b [2 2] [1,2,3,4]`,
		`[{"a":1,"o":{}},{"a":2,"o":{}}]`:       `a [2] [1,2]; JSON`,
		`[{"a":1},{"b":2}]`:                     `JSON`,
		`[{"a":1},{}]`:                          `JSON`,
		`[{"a":1},{"a":1,"b":2}]`:               `JSON`,
		`[{"a":1,"a":2}]`:                       `JSON`,
		`[{"a":1},2]`:                           `JSON`,
		`[[1],[2,3]]`:                           `JSON`,
		`null`:                                  `JSON`,
		`{}`:                                    `JSON`,
		`[{}]`:                                  `JSON`,
	} {
		c := DecodeValue([]byte(text))
		var got []string
		for i := range c.Tensors {
			x := &c.Tensors[i]
			got = append(got, fmt.Sprint(x.Name, " ", x.Shape, " ", x.Preview()))
		}
		if len(c.JSON) > 0 {
			got = append(got, "JSON")
		}
		if s := strings.Join(got, "; "); s != want {
			t.Errorf("%s: %s, want %s", text, s, want)
		}
	}
}

func TestAServersErrorIsReadInTheFormsThatServersUse(t *testing.T) {
	for text, want := range map[string]string{
		`{"error":"no such model"}`:                                            "no such model",
		`{"error":{"message":"too long","type":"x"}}`:                          "too long",
		`{"detail":"Not Found"}`:                                               "Not Found",
		`{"detail":[{"loc":["body","x"],"msg":"field required"},{"msg":"m"}]}`: `["body","x"]: field required; m`,
		`{"error_code":"BAD_REQUEST","message":"The input must be"}`:           "The input must be",
		`Internal Server Error`:                                                "Internal Server Error",
		`{"x":1}`:                                                              `{"x":1}`,
		`{"detail":"a","error":"b"}`:                                           "b",
		``:                                                                     "",
	} {
		if got := ErrorText([]byte(text)); got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
	if got := ErrorText(bytes.Repeat([]byte("x"), 5000)); len(got) != maxErrorText {
		t.Errorf("%d bytes are repeated", len(got))
	}
}

func TestAnEmptyTensorIsNotWrittenWithEndlessBrackets(t *testing.T) {
	for _, shape := range [][]int64{{1 << 40, 0}, {1 << 20, 1 << 20, 0}} {
		huge := tensor.Tensor{Name: "x", Datatype: tensor.FP32, Shape: shape}
		if _, err := Append(nil, &huge); err == nil {
			t.Errorf("%v was written", shape)
		}
		if _, err := NewRows(&huge); err == nil {
			t.Errorf("the rows of %v were written", shape)
		}
	}
	for _, c := range []struct {
		shape []int64
		want  string
	}{{[]int64{2, 0}, "[[],[]]"}, {[]int64{0, 1 << 40}, "[]"}, {[]int64{0}, "[]"}} {
		empty := tensor.Tensor{Datatype: tensor.FP32, Shape: c.shape}
		if got, err := Append(nil, &empty); err != nil || string(got) != c.want {
			t.Errorf("%v: %s, %v", c.shape, got, err)
		}
	}
}

func TestRowsAreTheWholeRowByRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, m := rapid.IntRange(0, 5).Draw(t, "rows"), rapid.IntRange(0, 3).Draw(t, "columns")
		texts := rapid.SliceOfN(rapid.String(), n*m, n*m).Draw(t, "texts")
		x := tensor.OfStrings("x", texts...)
		x.Shape = []int64{int64(n), int64(m)}
		whole, err := Append(nil, &x)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := NewRows(&x)
		if err != nil {
			t.Fatal(err)
		}
		parts := []byte{'['}
		for i := range n {
			if i > 0 {
				parts = append(parts, ',')
			}
			if parts, err = rows.AppendNext(parts); err != nil {
				t.Fatal(err)
			}
		}
		if parts = append(parts, ']'); !bytes.Equal(parts, whole) {
			t.Fatalf("%s and %s", parts, whole)
		}
		var back tensor.Tensor
		if err := Parse(whole, &back); err != nil {
			t.Fatal(err)
		}
		if n*m > 0 && !tensor.Equal(&back, &tensor.Tensor{Datatype: x.Datatype, Shape: x.Shape, Data: x.Data}) {
			t.Fatalf("%s is read as %s", whole, back.Preview())
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"a.b[0]", "$[*].x", `["a.b"].c`, "$", "a[*]"} {
		f.Add(s, []byte(`{"a":{"b":[1]},"a.b":{"c":2}}`))
	}
	f.Fuzz(func(t *testing.T, path string, text []byte) {
		p, err := ParsePath(path)
		if err != nil {
			return
		}
		again, err := ParsePath(p.String())
		if err != nil || again.String() != p.String() {
			t.Fatalf("%q is written as %q, which is read as %q, %v", path, p, again, err)
		}
		if raw, ok := p.Raw(text); ok && json.Valid(text) && !json.Valid(raw) {
			t.Fatalf("%q in %q is %q", path, text, raw)
		}
	})
}

func FuzzDecodeValue(f *testing.F) {
	for _, s := range []string{`[1,2]`, `[{"a":1},{"a":2}]`, `{"a":[[1]],"b":{}}`, `[{"a":1,"a":2}]`, `{"detail":[{"loc":["a"],"msg":"x"}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		ErrorText(text)
		s := jsontext.NewScanner(text)
		s.Skip()
		valid := s.End() == nil
		c := DecodeValue(text)
		for i := range c.Tensors {
			if err := c.Tensors[i].Check(); err != nil {
				t.Fatal(err)
			}
		}
		out, err := AppendContent(nil, c, Whole)
		if valid && (err != nil || !json.Valid(out)) {
			t.Fatalf("%q is written as %q, %v", text, out, err)
		}
	})
}

func BenchmarkTemplate(b *testing.B) {
	tp, err := NewTemplate([]string{"instances[*].comment"})
	if err != nil {
		b.Fatal(err)
	}
	x := tensor.OfStrings("comment", "I love it")
	ts := []*tensor.Tensor{&x}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		if buf, err = tp.AppendJSON(buf[:0], ts); err != nil {
			b.Fatal(err)
		}
	}
}
