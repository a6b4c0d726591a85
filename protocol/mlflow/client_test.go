package mlflow

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

func typed(contentType, text string) *message.Wire {
	w := wire(text)
	w.ContentType = contentType
	return w
}

func describe(c *message.Content) string {
	var all []string
	for i := range c.Tensors {
		x := &c.Tensors[i]
		shape, _ := json.Marshal(append([]int64{}, x.Shape...))
		all = append(all, x.Name+"="+x.Datatype.String()+string(shape)+" "+x.Preview())
	}
	if len(c.JSON) > 0 {
		all = append(all, "JSON "+string(c.JSON))
	}
	if len(c.Parameters) > 0 {
		text, _ := c.Parameters.AppendJSON(nil)
		all = append(all, "params "+string(text))
	}
	return strings.Join(all, " ")
}

func TestEveryFormOfAnInvocationIsRead(t *testing.T) {
	const fields = "The input must be a JSON dictionary with exactly one of the input fields {"
	for _, c := range []struct{ name, kind, text, want string }{
		{"a split dataframe", "application/json", `{"dataframe_split":{"index":[0,1],"columns":["a","b"],"data":[["x",1],["y",2.5]]}}`, `a=BYTES[2] ["x","y"] b=UNTYPED[2] [1,2.5]`},
		{"data before columns", "", `{"dataframe_split":{"data":[[9007199254740993]],"columns":["a"]}}`, `a=UNTYPED[1] 9007199254740993`},
		{"columns that are numbers", "", `{"dataframe_split":{"columns":[0,1],"data":[[true,[1,2]]]}}`, `0=BOOL[1] true 1=UNTYPED[1,2] [1,2]`},
		{"no columns", "", `{"dataframe_split":{"data":[[1,2],[3,4]]}}`, `=UNTYPED[2,2] [1,2,3,4]`},
		{"no rows", "", `{"dataframe_split":{"columns":["a"],"data":[]}}`, `a=UNTYPED[0] []`},
		{"records", "application/json; charset=utf-8", `{"dataframe_records":[{"a":1,"b":"x"},{"b":"y","a":2}]}`, `a=UNTYPED[2] [1,2] b=BYTES[2] ["x","y"]`},
		{"no records", "", `{"dataframe_records":[]}`, `=UNTYPED[0] []`},
		{"instances", "", `{"instances":[[1,2],[3,4]]}`, `=UNTYPED[2,2] [1,2,3,4]`},
		{"instances by name", "", `{"instances":[{"a":1},{"a":2}]}`, `a=UNTYPED[2] [1,2]`},
		{"a tensor", "", `{"inputs":["x"]}`, `=BYTES[1] "x"`},
		{"a bare text", "", `{"inputs":"x"}`, `=BYTES[] "x"`},
		{"tensors by name", "", `{"inputs":{"a":[[1,2]],"b":["x"]}}`, `a=UNTYPED[1,2] [1,2] b=BYTES[1] "x"`},
		{"params", "", `{"params":{"k":3,"top":"x"},"inputs":[1]}`, `=UNTYPED[1] 1 params {"k":3,"top":"x"}`},
		{"no params", "", `{"params":null,"inputs":[1]}`, `=UNTYPED[1] 1`},
		{"a chat", "", `{"messages":[{"role":"user","content":"x"}],"inputs":1}`, `JSON {"messages":[{"role":"user","content":"x"}],"inputs":1}`},
		{"a completion", "", `{"prompt":"x"}`, `JSON {"prompt":"x"}`},
		{"a table", "text/csv", "a,b,ok\nx,1,True\n\"y,z\",2.50,false\n", `a=BYTES[2] ["x","y,z"] b=UNTYPED[2] [1,2.50] ok=BOOL[2] [true,false]`},
		{"a table of what only looks like numbers", "text/csv; charset=UTF-8", "\xEF\xBB\xBFa,b\r\n007,\r\n1e5,\r\n", `a=BYTES[2] ["007","1e5"] b=BYTES[2] ["",""]`},
		{"a table without rows", "text/csv", "a\n", `a=UNTYPED[0] []`},

		{"no form", "", `{"x":1}`, "!" + fields},
		{"two forms", "", `{"inputs":1,"instances":[1]}`, "!. Received 2 of them."},
		{"a list", "", `[1]`, "!Received a list."},
		{"a string", "", `"x"`, "!Received a string."},
		{"not JSON", "", `{"inputs":`, "!malformed JSON: offset 10"},
		{"not JSON at all", "", `x`, "!malformed JSON: offset 0"},
		{"null in a column", "", `{"dataframe_split":{"columns":["a"],"data":[[1],[null]]}}`, `!dataframe_split: column "a": element 1: expected a number, found null; a column has values of one kind`},
		{"a short row", "", `{"dataframe_split":{"columns":["a","b"],"data":[[1,2],[1]]}}`, `!dataframe_split: row 1: expected 2 values, found 1`},
		{"a long row", "", `{"dataframe_split":{"columns":["a"],"data":[[1,2]]}}`, `!dataframe_split: row 0: expected 1 values, found more`},
		{"a row that is none", "", `{"dataframe_split":{"columns":["a"],"data":[1]}}`, `!dataframe_split: row 0: expected a list of values, found a number`},
		{"a column twice", "", `{"dataframe_split":{"columns":["a","a"],"data":[[1,2]]}}`, `!dataframe_split: column "a" stands twice`},
		{"columns that are none", "", `{"dataframe_split":{"columns":"a","data":[]}}`, `!columns: expected a list of names, found a string`},
		{"columns of columns", "", `{"dataframe_split":{"columns":[["a"]],"data":[]}}`, `!columns: expected a name, found an array`},
		{"no data", "", `{"dataframe_split":{"columns":["a"]}}`, `!expected an object with data`},
		{"data that is ragged", "", `{"dataframe_split":{"data":[[1],[1,2]]}}`, `!dataframe_split: data: data is ragged`},
		{"records that differ", "", `{"dataframe_records":[{"a":1},{"b":2}]}`, `!dataframe_records: expected a regular array of values of one kind, or the same keys in all`},
		{"records that are none", "", `{"dataframe_records":[1]}`, `!dataframe_records: expected a list of records`},
		{"one record", "", `{"dataframe_records":{"a":1}}`, `!dataframe_records: expected a list of records`},
		{"ragged instances", "", `{"instances":[[1],[1,2]]}`, `!instances: expected a regular array`},
		{"params that are none", "", `{"inputs":[1],"params":3}`, `!params: offset 0: expected an object`},
		{"a hole among numbers", "text/csv", "a,b\n1,x\n,y\n", `!csv: column "a": row 1 is empty among numbers; fill it`},
		{"a table that is ragged", "text/csv", "a,b\n1\n", `!csv: record on line 2: wrong number of fields`},
		{"an empty table", "text/csv", "", `!csv: expected a line that names the columns`},
		{"a table with a column twice", "text/csv", "a,a\n", `!csv: column "a" stands twice`},
		{"a table that is no text", "text/csv", "a\n\xff\n", `!csv: expected UTF-8`},
		{"another content type", "text/html", ``, `!This predictor only supports the following content types: Types: ['text/csv', 'application/json']. Got 'text/html'.`},
		{"another charset", "text/csv; charset=latin1", ``, `!The scoring server only supports UTF-8`},
		{"another parameter", "application/json; v=1", ``, `!Unrecognized content type parameters: v.`},
	} {
		got, err := Codec{}.DecodeRequest(typed(c.kind, c.text))
		if want, refused := strings.CutPrefix(c.want, "!"); refused || err != nil {
			var f *message.Failure
			if !errors.As(err, &f) || f.Kind != message.InvalidArgument || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", c.name, err, want)
			}
			continue
		}
		if text := describe(got); text != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, text, c.want)
		}
	}
}

func TestAnUnknownContentTypeIs415InPlainText(t *testing.T) {
	_, err := Codec{}.DecodeRequest(typed("text/html", ""))
	var f *message.Failure
	if !errors.As(err, &f) {
		t.Fatal(err)
	}
	w := Codec{}.EncodeFailure(f, nil)
	if w.Status != 415 || w.ContentType != "text/plain" || !strings.HasPrefix(string(w.Body.Bytes()), "This predictor only supports") {
		t.Errorf("%d %s %s", w.Status, w.ContentType, w.Body.Bytes())
	}
}

func TestRepliesToClientsArePredictions(t *testing.T) {
	label := tensor.OfStrings("label", "a", "b")
	score := tensor.OfFP64("score", 0.5, 1)
	other := tensor.OfFP64("other", 3)
	chat := &message.Asking{Request: &message.Content{JSON: []byte(`{"prompt":"x"}`)}}
	part := message.Part{Name: "p", Message: message.FromContent(content(label))}
	for _, c := range []struct {
		name string
		a    *message.Asking
		in   *message.Content
		want string
	}{
		{"one output", nil, content(label), `{"predictions":["a","b"]}`},
		{"records", nil, content(label, score), `{"predictions":[{"label":"a","score":0.5},{"label":"b","score":1.0}]}`},
		{"outputs with different rows", nil, content(label, other), `{"predictions":{"label":["a","b"],"other":[3.0]}}`},
		{"a merge", nil, &message.Content{Parts: []message.Part{part}}, `{"predictions":{"p":{"label":["a","b"]}}}`},
		{"JSON", nil, &message.Content{JSON: []byte(`{"x": 1}`)}, `{"predictions":{"x": 1}}`},
		{"a chat's is bare", chat, &message.Content{JSON: []byte(`{"choices": []}`)}, `{"choices": []}`},
		{"a chat's output is bare", chat, content(label), `["a","b"]`},
	} {
		w, err := Codec{}.EncodeReply(message.FromContent(c.in), c.a)
		if err != nil || string(w.Body.Bytes()) != c.want || w.Status != 200 {
			t.Errorf("%s: %v, %s", c.name, err, w.Body.Bytes())
		}
	}
	if _, err := (Codec{}).EncodeReply(message.FromContent(content(tensor.OfStrings("b", "\xff"))), nil); err == nil || !strings.Contains(err.Error(), `tensor "b"`) {
		t.Errorf("bytes: %v", err)
	}
	own := wire(`{"predictions": [1]}`)
	own.Reply, own.Native, own.Status = true, true, 200
	if w, err := (Codec{}).EncodeReply(message.FromWire(own, nil), nil); err != nil || string(w.Body.Bytes()) != `{"predictions": [1]}` {
		t.Errorf("a server's own: %v %v", w, err)
	}
}

func TestAChatInAnotherDialectGoesToTheModelAsItStands(t *testing.T) {
	in := &message.Content{JSON: []byte(`{"messages": []}`), Tensors: []tensor.Tensor{tensor.OfStrings("", "x")}}
	w, err := Codec{}.EncodeRequest([]*message.Message{message.FromContent(in)}, &message.Target{})
	if err != nil || string(w.Body.Bytes()) != `{"messages": []}` {
		t.Errorf("%v %v", w, err)
	}
}

func TestWhatIsSentAsADataframeIsReadBackExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(1, 5).Draw(t, "rows")
		texts := rapid.SliceOfN(rapid.String(), rows, rows).Draw(t, "texts")
		numbers := rapid.SliceOfN(rapid.Float64(), rows, rows).Draw(t, "numbers")
		a, b := tensor.OfStrings("a", texts...), tensor.OfFP64(rapid.StringMatching(`[b-z"\\]{1,4}`).Draw(t, "name"), numbers...)
		w, err := Codec{}.EncodeRequest([]*message.Message{message.FromContent(content(a, b))}, &message.Target{})
		if err != nil {
			t.Fatal(err)
		}
		c, err := Codec{}.DecodeRequest(w)
		if err != nil {
			t.Fatalf("%s: %v", w.Body.Bytes(), err)
		}
		back, err := tensor.Resolve(&c.Tensors[1], tensor.FP64)
		if err != nil || !tensor.Equal(&c.Tensors[0], &a) || !tensor.Equal(&back, &b) {
			t.Fatalf("%s: %v", w.Body.Bytes(), err)
		}
		reply, err := Codec{}.EncodeReply(message.FromContent(content(a, b)), nil)
		if err != nil {
			t.Fatal(err)
		}
		c, err = Codec{}.DecodeReply(reply)
		if err != nil || len(c.Tensors) != 2 || !tensor.Equal(&c.Tensors[0], &a) {
			t.Fatalf("%s: %v", reply.Body.Bytes(), err)
		}
	})
}

func FuzzDecodeRequest(f *testing.F) {
	f.Add("", `{"dataframe_split":{"columns":["a","b"],"data":[["x",1],["y",2]]}}`)
	f.Add("", `{"dataframe_records":[{"a":1},{"a":2}],"params":{"a":1}}`)
	f.Add("", `{"inputs":{"a":[]}}`)
	f.Add("", `{"prompt":1}`)
	f.Add("text/csv", "a,b\n1,x\n2,\"y\"\n")
	f.Add("text/csv;charset=\"utf-8\"", "a\nTrue\n")
	f.Fuzz(func(t *testing.T, contentType, text string) {
		c, err := Codec{}.DecodeRequest(typed(contentType, text))
		if err != nil {
			var failure *message.Failure
			if !errors.As(err, &failure) {
				t.Fatal(err)
			}
			return
		}
		total := 0
		for i := range c.Tensors {
			if err := c.Tensors[i].Check(); err != nil {
				t.Fatal(err)
			}
			total += cap(c.Tensors[i].Data)
		}
		if total > 16*len(text)+4096 {
			t.Fatalf("%d bytes of data from %d", total, len(text))
		}
		w, err := Codec{}.EncodeReply(message.FromContent(c), nil)
		if err == nil && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s", w.Body.Bytes())
		}
	})
}

func BenchmarkDecodeSplit(b *testing.B) {
	text := `{"dataframe_split":{"columns":["text","score"],"data":[` + strings.Repeat(`["a text of some words",0.25],`, 999) + `["x",1]]}}`
	w := wire(text)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Codec{}).DecodeRequest(w); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeReply(b *testing.B) {
	m := message.FromContent(content(tensor.OfStrings("label", "a", "b"), tensor.OfFP64("score", 0.5, 1)))
	b.ReportAllocs()
	for b.Loop() {
		w, err := Codec{}.EncodeReply(m, nil)
		if err != nil {
			b.Fatal(err)
		}
		w.Body.Release()
	}
}
