package ask

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/contract"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

func wire(text string) *message.Wire {
	return &message.Wire{Dialect: message.Ask, Body: body.Of([]byte(text)), JSONLength: -1}
}

// fields are those of a model with a text, and a hint that may be absent.
var fields = []FieldSpec{{Name: "text", Type: tensor.Bytes}, {Name: "hint", Optional: true}}

func TestAQuestionIsReadAsAPersonWritesIt(t *testing.T) {
	for _, c := range []struct {
		text   string
		scalar bool
		want   string
	}{
		{`{"text": "I love it"}`, true, `text BYTES [1] "I love it"`},
		{`{"text": ["a", "b"]}`, false, `text BYTES [2] ["a","b"]`},
		{`{"text": []}`, false, `text BYTES [0] []`},
		{`"I love it"`, true, `text BYTES [1] "I love it"`},
		{` ["a", "b"] `, false, `text BYTES [2] ["a","b"]`},
		{`{"text": "a", "hint": null}`, true, `text BYTES [1] "a"`},
		{`{"text": "a", "hint": 9007199254740993}`, true, `text BYTES [1] "a"; hint Untyped [1] 9007199254740993`},
		{`{"text": "a", "hint": [[1, 2.50], [3, 4]]}`, true, `text BYTES [1] "a"; hint Untyped [2 2] [1,2.50,3,4]`},
		{`{"text": "a", "hint": true}`, true, `text BYTES [1] "a"; hint BOOL [1] true`},
	} {
		got, err := DecodeRequestFields(wire(c.text), fields)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if s := describe(got.Tensors); s != c.want || got.Scalar != c.scalar {
			t.Errorf("%s: %s, scalar %v", c.text, s, got.Scalar)
		}
	}
	got, err := DecodeRequestFields(wire(`{"$parameters": {"top_k": 3, "lang": "de"}, "text": "a"}`), fields)
	if err != nil || len(got.Parameters) != 2 {
		t.Errorf("parameters: %v, %v", got, err)
	}
	if got, err := (Codec{}).DecodeRequest(wire(`{"x": 1, "y": "b"}`)); err != nil || len(got.Tensors) != 2 {
		t.Errorf("without fields every name is taken: %v, %v", got, err)
	}
}

func describe(ts []tensor.Tensor) string {
	var all []string
	for i := range ts {
		t := &ts[i]
		d := t.Datatype.String()
		if t.Datatype == tensor.Untyped {
			d = "Untyped"
		}
		all = append(all, t.Name+" "+d+" "+fmt.Sprint(t.Shape)+" "+t.Preview())
	}
	return strings.Join(all, "; ")
}

func TestAQuestionThatIsNotUnderstoodIsRefusedWithTheWayOut(t *testing.T) {
	for text, want := range map[string]string{
		``:                                     `expected a JSON object of fields, found an empty body; write {"text": "…"}`,
		`I love it`:                            `expected a JSON object of fields, found other text`,
		`text=I love it`:                       `expected a JSON object of fields, found other text`,
		` true `:                               `field "text": offset 1: element 0: expected a string, found a boolean`,
		`{"txet": "a"}`:                        `unknown field "txet"; did you mean "text"?`,
		`{}`:                                   `field "text" is missing: expected BYTES`,
		`{"text": {"a": 1}}`:                   `field "text": expected a scalar, an array of scalars or a tensor of numbers, found an object`,
		`{"text": [["a"]]}`:                    `found an array of arrays of strings`,
		`{"text": [1, "a"]}`:                   `field "text": offset 10: element 0: expected a string, found a number`,
		`{"text": "a", "hint": [[1], [2, 3]]}`: `ragged`,
		`{"text": "a", "text": "b"}`:           `field "text" stands twice`,
		`{"text": "a"} x`:                      `offset 14: expected the end of the text`,
		`{"text": "a",}`:                       `malformed JSON: offset 13`,
		`{"$params": {}, "text": "a"}`:         `unknown field "$params"; of the names that begin with $ there is only $parameters`,
		`{"$parameters": [], "text": "a"}`:     `$parameters: expected an object, found an array`,
		`{"text": "` + "\xff" + `"}`:           `UTF-8`,
		`{"text": [null]}`:                     `found null`,
		strings.Repeat(`[`, 200):               `depth`,
	} {
		_, err := DecodeRequestFields(wire(text), fields)
		var f *message.Failure
		if !errors.As(err, &f) || f.Kind != message.InvalidArgument || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %q", text, err, want)
		}
	}
	two := []FieldSpec{{Name: "a"}, {Name: "b"}}
	if _, err := DecodeRequestFields(wire(`"x"`), two); err == nil || !strings.Contains(err.Error(), "there are 2") {
		t.Errorf("a bare value for two fields: %v", err)
	}
}

func answer(name string, ts ...tensor.Tensor) *message.Message {
	return message.FromContent(&message.Content{Answer: name, Tensors: ts})
}

func TestTheAnswerFollowsTheQuestion(t *testing.T) {
	merge := message.FromContent(&message.Content{Parts: []message.Part{
		{Name: "language", Message: answer("label", tensor.OfStrings("label", "en"), tensor.OfFP64("score", 0.9))},
		{Name: "sentiment", Message: answer("", tensor.OfStrings("label", "positive"))},
		{Name: "service", Message: message.FromContent(&message.Content{JSON: []byte(`{"n": [1]}`)})},
	}})
	partial := message.FromContent(&message.Content{
		Parts:  []message.Part{{Name: "language", Message: answer("label", tensor.OfStrings("label", "en"))}},
		Errors: []message.PartError{{Part: "tox", Failure: &message.Failure{Code: "MR504", Part: "tox", Detail: "no answer in 80ms"}}},
	})
	rows := answer("label", tensor.OfStrings("label", "good", "bad"), tensor.OfFP64("score", 1, 0.25))
	matrix := tensor.OfFP64("e", 1, 2, 3, 4)
	matrix.Shape = []int64{1, 4}
	for _, c := range []struct {
		name         string
		m            *message.Message
		scalar, full bool
		want         string
	}{
		{"one model is keyed by its name", answer("label", tensor.OfFP64("score", 0.9), tensor.OfStrings("label", "positive")), true, false, `{"m": "positive"}`},
		{"every output of one", answer("label", tensor.OfStrings("label", "positive"), tensor.OfFP64("score", 0.9)), true, true, `{"m": {"label": "positive", "score": 0.9}}`},
		{"a merge is keyed by part", merge, true, false, `{"language": "en", "sentiment": "positive", "service": {"n": [1]}}`},
		{"every output of a merge", merge, true, true, `{"language": {"label": "en", "score": 0.9}, "sentiment": {"label": "positive"}, "service": {"n": [1]}}`},
		{"arrays for rows", rows, false, true, `{"m": {"label": ["good","bad"], "score": [1.0,0.25]}}`},
		{"one row of a tensor", answer("", matrix), true, false, `{"m": [1.0,2.0,3.0,4.0]}`},
		{"one row asked for as an array", answer("", matrix), false, false, `{"m": [[1.0,2.0,3.0,4.0]]}`},
		{"a part that failed", partial, true, false, `{"language": "en", "errors": {"tox": "MR504 part tox: no answer in 80ms"}}`},
		{"nothing", answer(""), true, false, `{"m": null}`},
	} {
		w, err := Codec{}.EncodeReply(c.m, &message.Asking{Model: "m", Full: c.full, Request: &message.Content{Scalar: c.scalar}})
		if err != nil || w.Status != 200 {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := string(w.Body.Bytes()); got != c.want+"\n" {
			t.Errorf("%s:\n got %swant %s", c.name, got, c.want)
		}
	}
	if _, err := (Codec{}).EncodeReply(answer("", tensor.OfStrings("x", "\xff")), &message.Asking{}); err == nil {
		t.Error("bytes that are no text were answered as JSON")
	}
}

func TestAFailureIsAnObjectWithItsStatus(t *testing.T) {
	f := &message.Failure{Code: "MR203", Kind: message.NotFound, Detail: `no model "sentimnt"`, Remedy: `did you mean "sentiment"?`, Graph: "triage"}
	w := Codec{}.EncodeFailure(f, &message.Asking{ID: "r1"})
	want := `{"error": {"code": "MR203", "message": "no model \"sentimnt\"", "graph": "triage", "remedy": "did you mean \"sentiment\"?", "id": "r1"}}` + "\n"
	if got := string(w.Body.Bytes()); got != want || w.Status != 404 {
		t.Errorf("%d %s", w.Status, got)
	}
}

func TestFieldsAreThoseOfTheContract(t *testing.T) {
	d := tensor.OfStrings("", "en")
	got := Fields(&contract.Contract{Inputs: []contract.Field{{Name: "text", Type: tensor.Bytes}, {Name: "lang", Default: &d}}})
	if len(got) != 2 || got[0].Optional || !got[1].Optional {
		t.Errorf("%v", got)
	}
}

func TestNoServerSpeaksThisDialect(t *testing.T) {
	if _, err := (Codec{}).EncodeRequest(nil, nil); err == nil {
		t.Error("a request was rendered")
	}
	if _, err := (Codec{}).DecodeReply(wire(`{}`)); err == nil {
		t.Error("a reply was read")
	}
}

func FuzzDecodeRequest(f *testing.F) {
	for _, s := range []string{`{"text":"a"}`, `"a"`, `["a",1]`, `{"text":[[1,2],[3,4]],"$parameters":{"a":[1]}}`, `{"a":1,"a":2}`, `{"text":null}`, `[[],[]]`, `-0.0e-5`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, fs := range [][]FieldSpec{nil, fields} {
			c, err := DecodeRequestFields(wire(string(text)), fs)
			if err != nil {
				var fail *message.Failure
				if !errors.As(err, &fail) || fail.Kind != message.InvalidArgument {
					t.Fatalf("%v does not blame the request", err)
				}
				continue
			}
			for i := range c.Tensors {
				if err := c.Tensors[i].Check(); err != nil {
					t.Fatalf("%s: %v", c.Tensors[i].Name, err)
				}
			}
			if _, err := (Codec{}).EncodeReply(message.FromContent(c), &message.Asking{Full: true, Request: c}); err != nil {
				t.Fatalf("what was read cannot be written: %v", err)
			}
		}
	})
}

func BenchmarkDecodeRequest(b *testing.B) {
	w := wire(`{"text": "I love it"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeRequestFields(w, fields); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeReply(b *testing.B) {
	m := message.FromContent(&message.Content{Parts: []message.Part{
		{Name: "language", Message: answer("label", tensor.OfStrings("label", "en"))},
		{Name: "sentiment", Message: answer("label", tensor.OfStrings("label", "positive"))},
	}})
	a := &message.Asking{Request: &message.Content{Scalar: true}}
	b.ReportAllocs()
	for b.Loop() {
		w, err := Codec{}.EncodeReply(m, a)
		if err != nil {
			b.Fatal(err)
		}
		w.Body.Release()
	}
}
