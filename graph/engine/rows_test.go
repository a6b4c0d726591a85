package engine_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// batch is a request of these texts, one a row.
func batch(texts ...string) *message.Message {
	return message.FromContent(&message.Content{Tensors: []tensor.Tensor{tensor.OfStrings("v", texts...)}})
}

// each makes a fake model that answers row by row.
func each(f func(row string) string) script {
	return script{reply: func(in []*message.Message) *message.Message {
		c, _ := in[0].Content()
		var out []string
		for s := c.Tensors[0].Strings(); ; {
			row, ok := s.Next()
			if !ok {
				return batch(out...)
			}
			out = append(out, f(string(row)))
		}
	}}
}

// marks answers each row with the model's name before it.
func marks(name string) script { return each(func(row string) string { return name + row }) }

func byFirstLetter(rows ast.Rows, arms ...ast.Arm) *ast.Choose {
	return &ast.Choose{By: ast.ByCondition, Rows: rows, Arms: arms}
}

func starts(letter string, p ast.Part) ast.Arm { return when(cel(`v.startsWith("`+letter+`")`), p) }

func TestRows(t *testing.T) {
	unknown := &ast.Answer{Fields: []tensor.Tensor{tensor.OfStrings("v", "unknown")}}
	sure := func(p ast.Part, word string) ast.Try {
		return ast.Try{Part: p, Accept: cel(`out.v.endsWith("` + word + `")`)}
	}
	for _, c := range []struct {
		name    string
		models  map[string]script
		root    ast.Part
		request *message.Message
		want    string
		calls   string
	}{
		{"a batch is split by decision and stitched in order", nil, byFirstLetter(ast.RowsEach, starts("a", call("A")), starts("b", call("B"))), batch("a1", "b1", "a2", "b2"), "Aa1 Bb1 Aa2 Bb2", "A B"},
		{"a batch that goes one way is one call", nil, byFirstLetter(ast.RowsEach, starts("a", call("A")), starts("b", call("B"))), batch("b1", "b2"), "Bb1 Bb2", "B"},
		{"one row needs no rows", nil, byFirstLetter(ast.RowsEach, starts("a", call("A"))), text("a1"), "Aa1", "A"},
		{"rows: same refuses a batch that would split and names the rows", nil, byFirstLetter(ast.RowsSame, starts("a", call("A")), starts("b", call("B"))), batch("a1", "b1", "a2"),
			"failed MR440 choose: the rows of the batch would go different ways: rows 0, 2 to A, row 1 to B", ""},
		{"a failure names its rows", map[string]script{"B": {fail: down("B is down")}}, byFirstLetter(ast.RowsEach, starts("a", call("A")), starts("b", call("B"))), batch("a1", "b1", "b2"),
			"failed MR442 B: rows 1, 2: B is down", "A B"},
		{"a row without a branch is named", nil, byFirstLetter(ast.RowsEach, starts("a", call("A"))), batch("a1", "x"), "failed MR442 choose: row 1: no branch matches the request", "A"},
		{"a cascade asks the next for the rows that were not accepted", nil, &ast.Cascade{Rows: ast.RowsEach, Tries: []ast.Try{sure(call("A"), "1"), {Part: call("B")}}}, batch("x1", "x2", "y1"), "Ax1 Bx2 Ay1", "A B"},
		{"a cascade's else answers each row that is left", nil, &ast.Cascade{Rows: ast.RowsEach, Tries: []ast.Try{sure(call("A"), "1"), sure(call("B"), "2")}, Else: unknown}, batch("x3", "x2", "x1", "y3"), "unknown Bx2 Ax1 unknown", "A B"},
		{"without else the last reply stands", nil, &ast.Cascade{Rows: ast.RowsEach, Tries: []ast.Try{sure(call("A"), "1"), sure(call("B"), "2")}}, batch("x1", "x3"), "Ax1 Bx3", "A B"},
		{"a cascade with rows: same refuses what is accepted in part", nil, &ast.Cascade{Rows: ast.RowsSame, Tries: []ast.Try{sure(call("A"), "1"), {Part: call("B")}}}, batch("x1", "x2"),
			"failed MR440 cascade: the rows of the batch would go different ways: row 0 accepted from A, row 1 not", "A"},
		{"a reply that lost rows is refused", map[string]script{"A": {reply: func([]*message.Message) *message.Message { return batch("one") }}},
			byFirstLetter(ast.RowsEach, starts("a", call("A")), starts("b", call("B"))), batch("a1", "a2", "b1"), `failed MR441 choose: stitch "v": group 0: expected 2 rows, got 1`, "A B"},
		{"merges are stitched part by part", nil, byFirstLetter(ast.RowsEach, starts("a", parallel(ast.Combine{}, labelled("p", call("A")))), starts("b", parallel(ast.Combine{}, labelled("p", call("B"))))), batch("a1", "b1"), "{p:Aa1 Bb1}", "A B"},
	} {
		t.Run(c.name, func(t *testing.T) {
			models := map[string]script{"A": marks("A"), "B": marks("B")}
			for name, s := range c.models {
				models[name] = s
			}
			f := newFake(models)
			if got := execute(t, f, c.root, c.request); got != c.want {
				t.Errorf("\n got  %s\n want %s", got, c.want)
			}
			var calls []string
			for _, a := range f.calls {
				calls = append(calls, a.model)
			}
			if got := strings.Join(calls, " "); got != c.calls {
				t.Errorf("calls %q, want %q", got, c.calls)
			}
		})
	}
}
