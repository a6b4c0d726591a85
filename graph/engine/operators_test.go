package engine_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

// answers makes a fake model that replies with these tensors.
func answers(ts ...tensor.Tensor) script {
	return script{reply: func([]*message.Message) *message.Message {
		return message.FromContent(&message.Content{Tensors: ts})
	}}
}

// says makes a fake model whose reply is JSON with a status.
func says(status int, json string) script {
	return script{reply: func([]*message.Message) *message.Message { return wire(status, json) }}
}

func wire(status int, json string) *message.Message {
	return message.FromWire(&message.Wire{Dialect: message.Opaque, Body: body.Of([]byte(json)), Status: status, JSONLength: -1}, nil)
}

// refuses makes a fake model that answers with an error of its own.
func refuses(status int, json string) script {
	return script{fail: &message.Failure{Kind: message.FailedUpstream, Detail: "the server refused", Reply: wire(status, json)}}
}

func parallel(c ast.Combine, parts ...ast.Part) *ast.Parallel {
	return &ast.Parallel{Parts: parts, Combine: c}
}

func optional(p ast.Part) ast.Part {
	p.Base().Policies.Optional = true
	return p
}

func original(p ast.Part) ast.Part { return &ast.Original{Part: p} }

func when(c *ast.Condition, p ast.Part) ast.Arm { return ast.Arm{When: c, Part: p} }

func gjson(path string) *ast.Condition { return &ast.Condition{Language: ast.GJSON, Text: path} }

func step(name, model string, in ...ast.Binding) ast.Step {
	return ast.Step{Name: name, Part: call(model), In: in}
}

func take(field, from, output string) ast.Binding {
	return ast.Binding{Field: field, From: from, Output: output}
}

func TestOperators(t *testing.T) {
	fp := func(name string, v ...float64) tensor.Tensor { return tensor.OfFP64(name, v...) }
	column := fp("p", 3, 5)
	column.Shape = []int64{2, 1}
	for _, c := range []struct {
		name    string
		models  map[string]script
		root    ast.Part
		request *message.Message
		want    string
	}{
		{"a call asks one model", nil, call("a"), nil, "a(q)"},
		{"a chain hands replies on", nil, chain(call("a"), call("b")), nil, "b(a(q))"},
		{"a merge names its parts", nil, parallel(ast.Combine{}, call("a"), labelled("x", call("b"))), nil, "{a:a(q) x:b(q)}"},
		{"a merge fails with the first of its parts that failed", map[string]script{"b": {fail: down("b is down")}, "c": {fail: down("c is down")}},
			parallel(ast.Combine{}, call("a"), call("b"), call("c")), nil, "failed MR501 b: b is down"},
		{"an optional part may fail", map[string]script{"b": {fail: down("down")}}, parallel(ast.Combine{}, call("a"), optional(call("b"))), nil, "{a:a(q) !b}"},
		{"a merge of nothing but failures fails", map[string]script{"a": {fail: down("down")}}, parallel(ast.Combine{}, optional(call("a"))), nil, "failed MR501 a: down"},
		{"a combiner server gets the replies in order", nil, parallel(ast.Combine{By: ast.ByServer, Server: &ast.Call{Model: "agg", Method: message.Aggregate}}, call("a"), call("b")), nil, "agg(a(q),b(q))"},
		{"first in order answers with the first and runs all", nil, parallel(ast.Combine{By: ast.FirstIn}, call("a"), call("b")), nil, "a(q)"},
		{"mean averages with weights, and [n] fits [n,1]", map[string]script{"a": answers(fp("p", 1, 2)), "b": answers(column)},
			parallel(ast.Combine{By: ast.Mean, Weights: map[string]float64{"a": 3}}, call("a"), call("b")), nil, "p=1.5 2.75"},
		{"mean never broadcasts, and names parts and shapes", map[string]script{"a": answers(fp("p", 1, 2)), "b": answers(fp("p", 1))},
			parallel(ast.Combine{By: ast.Mean}, call("a"), call("b")), nil, `failed MR444 parallel: output "p" of part a is FP64 [2] and that of part b is FP64 [1]`},
		{"concat joins rows", map[string]script{"a": answers(fp("p", 1)), "b": answers(fp("p", 2, 3))}, parallel(ast.Combine{By: ast.Concat}, call("a"), call("b")), nil, "p=1 2 3"},
		{"a vote goes to the most", map[string]script{"a": answers(tensor.OfStrings("v", "x")), "b": answers(tensor.OfStrings("v", "y")), "c": answers(tensor.OfStrings("v", "y"))},
			parallel(ast.Combine{By: ast.Vote, Field: "v"}, call("a"), call("b"), call("c")), nil, "y"},
		{"a tie goes to the part that decides", map[string]script{"a": answers(tensor.OfStrings("v", "x")), "b": answers(tensor.OfStrings("v", "y"))},
			parallel(ast.Combine{By: ast.Vote, Field: "v", Tie: "b"}, call("a"), call("b")), nil, "y"},
		{"a JSON object splices bodies by name", map[string]script{"a": says(200, `{"x": 9007199254740993}`), "b": says(200, ` {"y":1.0} `)},
			parallel(ast.Combine{By: ast.JSONObject}, call("b"), call("a")), nil, `200 {"a":{"x": 9007199254740993},"b": {"y":1.0} }`},
		{"a JSON object of a body that is none fails", map[string]script{"a": says(200, `[1]`)}, parallel(ast.Combine{By: ast.JSONObject}, call("a")), nil,
			"failed MR444 a: the part's reply is not a JSON object"},
		{"an ensemble without steps is an empty object", nil, parallel(ast.Combine{By: ast.JSONObject}), nil, "200 {}"},
		{"a cascade tries the next after a failure", map[string]script{"a": {fail: down("down")}}, &ast.Cascade{Tries: []ast.Try{{Part: call("a")}, {Part: call("b")}}}, nil, "b(q)"},
		{"a cascade tries the next where a reply is not accepted", map[string]script{"a": answers(fp("score", 0.5)), "b": answers(fp("score", 0.4))},
			&ast.Cascade{Tries: []ast.Try{{Part: call("a"), Accept: cel("out.score >= 0.85")}, {Part: call("b"), Accept: cel("out.score >= 0.85")}}}, nil, "score=0.4"},
		{"a cascade ends with else", map[string]script{"a": answers(fp("score", 0.5))},
			&ast.Cascade{Tries: []ast.Try{{Part: call("a"), Accept: cel("out.score >= 0.85")}}, Else: &ast.Answer{Fields: []tensor.Tensor{tensor.OfStrings("v", "unknown")}}}, nil, "unknown"},
		{"a choice by a condition on a value computed first", map[string]script{"lang": answers(tensor.OfStrings("code", "de"))},
			&ast.Choose{By: ast.ByCondition, With: []ast.With{{Name: "lang", Part: call("lang"), Output: "code"}}, Arms: []ast.Arm{when(cel(`lang == "fr"`), call("fr")), when(cel(`lang == "de"`), call("de"))}}, nil, "de(q)"},
		{"a choice without a match fails", nil, &ast.Choose{By: ast.ByCondition, Arms: []ast.Arm{when(cel(`v == "x"`), call("a"))}}, nil, "failed MR410 choose: no branch matches the request"},
		{"a condition on a field that is not there fails", nil, &ast.Choose{By: ast.ByCondition, Arms: []ast.Arm{when(cel(`nothing == "x"`), call("a"))}}, nil, `failed MR446 choose: "nothing == \"x\"": no such attribute(s): nothing`},
		{"GJSON matches what exists, null too", nil, &ast.Choose{By: ast.ByCondition, Arms: []ast.Arm{when(gjson("a.b"), call("a")), when(gjson("c"), call("c"))}}, wire(0, `{"a":{},"c":null}`), "c(0 {\"a\":{},\"c\":null})"},
		{"GJSON on what is not JSON fails", nil, &ast.Choose{By: ast.ByCondition, Arms: []ast.Arm{when(gjson("a"), call("a"))}}, wire(0, `nope`), "failed MR446 choose: the message is not valid JSON"},
		{"original is what entered the scope", nil, chain(call("a"), &ast.Scope{Part: chain(call("b"), original(call("c")))}), nil, "c(a(q))"},
		{"a tolerated failure is a value with its status", map[string]script{"a": refuses(422, `{"why":1}`)}, chain(&ast.Call{Model: "a", Tolerate: true}, call("b")), nil, `b(422 {"why":1})`},
		{"a tolerated failure at the end keeps its status", map[string]script{"a": refuses(422, `{"why":1}`)}, chain(call("b"), &ast.Call{Model: "a", Tolerate: true}), nil, `422 {"why":1}`},
		{"a failure that is not tolerated ends the chain", map[string]script{"a": refuses(422, `{"why":1}`)}, chain(call("a"), call("b")), nil, "failed  a: the server refused"},
		{"an ensemble takes a tolerated failure as a result", map[string]script{"a": refuses(422, `{"why":1}`), "b": says(200, `{}`)},
			parallel(ast.Combine{By: ast.JSONObject}, &ast.Call{Model: "a", Tolerate: true}, call("b")), nil, `200 {"a":{"why":1},"b":{}}`},
		{"a tolerated transport error is an object that says so", map[string]script{"a": {fail: down("down")}}, &ast.Call{Model: "a", Tolerate: true}, nil,
			`503 {"error":"Failed to process request","cause":"MR501 graph g: part a: down"}`},
		{"an unmet guard passes with status 200", map[string]script{"a": refuses(422, `{"why":1}`)},
			chain(&ast.Call{Model: "a", Tolerate: true}, &ast.Guard{If: gjson("predictions"), Then: call("b"), Else: &ast.Pass{Status: 200}}), nil, `200 {"why":1}`},
		{"a map renames, computes and selects", nil, chain(&ast.Map{Operations: []ast.Operation{
			{Op: ast.Rename, Field: "v", To: "t"}, {Op: ast.Compute, Field: "n", Value: cel("size(t) * 2")}, {Op: ast.Cast, Field: "n", Type: tensor.FP64}, {Op: ast.Select, Fields: []string{"n"}}}}), nil, "n=2"},
		{"a map says which field is not there", nil, &ast.Map{Operations: []ast.Operation{{Op: ast.Drop, Field: "x"}}}, nil, `failed MR448 map: the map needs field "x"; there is v`},
		{"an answer can be a failure", nil, &ast.Answer{Failure: &message.Failure{Code: "MR499", Kind: message.NotFound, Detail: "not here"}}, nil, "failed MR499 answer: not here"},
		{"steps take fields from each other", map[string]script{"tok": answers(fp("ids", 1, 2), fp("mask", 1, 1))},
			&ast.Steps{Steps: []ast.Step{step("t", "tok", take("text", "request", "v")), step("e", "enc", take("x", "t", "ids"), take("m", "t", "mask"))}, Out: []ast.Binding{take("r", "e", "v"), take("ids", "t", "ids")}}, nil,
			"{r=enc({x=1 2 m=1 1}) ids=1 2}"},
		{"a step that is skipped takes along what needs it", nil, &ast.Steps{Steps: []ast.Step{step("a", "a"),
			{Name: "b", Part: call("b"), When: cel(`a.v == "x"`)}, {Name: "c", Part: call("c"), In: []ast.Binding{{From: "b"}}}}}, nil, "a(q)"},
		{"an optional step may fail, and is told", map[string]script{"b": {fail: down("down")}},
			&ast.Steps{Steps: []ast.Step{step("a", "a"), {Name: "b", Part: optional(call("b"))}}, Out: []ast.Binding{take("x", "a", "v"), take("y", "b", "v")}}, nil, "{x=a(q) !b}"},
		{"a step that takes what is not there says what there is", nil, &ast.Steps{Steps: []ast.Step{step("a", "a"), step("b", "b", take("x", "a", "score"))}}, nil,
			"failed MR447 b: field x takes a.score, which is not there; there is v"},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := c.request
			if request == nil {
				request = text("q")
			}
			f := newFake(c.models)
			if got := execute(t, f, c.root, request); got != c.want {
				t.Errorf("\n got  %s\n want %s", got, c.want)
			}
			if f.open != 0 {
				t.Errorf("%d calls were not waited for", f.open)
			}
		})
	}
}

func TestRoutersFollowSeldonsRules(t *testing.T) {
	root := func() ast.Part {
		return &ast.Choose{By: ast.ByServerRoute, Router: &ast.Call{Model: "router", Method: message.Route}, Arms: []ast.Arm{{Part: call("a")}, {Part: call("b")}}}
	}
	for _, c := range []struct {
		name  string
		route int
		want  string
		calls int
	}{
		{"a branch by its index", 1, "b(q)", 2},
		{"-1 asks all, and the first answers", -1, "a(q)", 3},
		{"-2 asks none", -2, "q", 1},
		{"an index beyond the last is refused", 2, "failed MR443 router: the router chose branch 2; there are 2, counted from 0", 1},
		{"another negative is refused", -3, "failed MR443 router: the router chose branch -3; there are 2, counted from 0", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(nil)
			f.route = func(*message.Message) (int, error) { return c.route, nil }
			if got := execute(t, f, root(), text("q")); got != c.want || len(f.calls) != c.calls {
				t.Errorf("got %s with %d calls, want %s with %d", got, len(f.calls), c.want, c.calls)
			}
		})
	}
	t.Run("when all are asked, all run to their end and the lowest failure wins", func(t *testing.T) {
		f := newFake(map[string]script{"b": {fail: down("down")}})
		f.route = func(*message.Message) (int, error) { return -1, nil }
		if got := execute(t, f, root(), text("q")); got != "failed MR501 b: down" {
			t.Error(got)
		}
	})
}

func TestFirstGoodReplyCancelsTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(map[string]script{"slow": {delay: time.Hour}, "fast": {delay: time.Second}, "broken": {fail: down("down")}})
		got := execute(t, f, parallel(ast.Combine{By: ast.First}, call("slow"), call("broken"), call("fast")), text("q"))
		if took := time.Since(f.started); got != "fast(q)" || took != time.Second || f.open != 0 {
			t.Errorf("got %s after %v with %d open", got, took, f.open)
		}
	})
}

func TestQuorumGoesOnWithWhatIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(map[string]script{"a": {delay: time.Hour}, "b": {delay: time.Second}, "c": {delay: 2 * time.Second}})
		p := parallel(ast.Combine{}, call("a"), call("b"), call("c"))
		p.Need = 2
		if got := execute(t, f, p, text("q")); got != "{b:b(q) c:c(q)}" || time.Since(f.started) != 2*time.Second {
			t.Errorf("got %s after %v", got, time.Since(f.started))
		}
	})
}

func TestTimeoutOfAPartEndsItAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(map[string]script{"slow": {delay: time.Minute}})
		slow := optional(call("slow"))
		slow.Base().Policies.Timeout = 80 * time.Millisecond
		if got := execute(t, f, parallel(ast.Combine{}, call("a"), slow), text("q")); got != "{a:a(q) !slow}" || time.Since(f.started) != 80*time.Millisecond {
			t.Errorf("got %s after %v", got, time.Since(f.started))
		}
	})
}

func TestRetryAsksAgainAfterTheFailuresThatItNames(t *testing.T) {
	for _, c := range []struct {
		name  string
		fail  *message.Failure
		on    []string
		calls int
	}{
		{"a server that is down", down("down"), nil, 3},
		{"not a complaint about the input", &message.Failure{Kind: message.InvalidArgument, Detail: "bad"}, nil, 1},
		{"a status, where 5xx is named", &message.Failure{Kind: message.FailedUpstream, Reply: wire(500, "{}")}, []string{"5xx"}, 3},
		{"not a status that is not named", &message.Failure{Kind: message.FailedUpstream, Reply: wire(500, "{}")}, []string{"gateway-error"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(map[string]script{"a": {fail: c.fail}})
			a := call("a")
			a.Policies.Retry = &ast.Retry{Attempts: 3, On: c.on}
			if c.fail.Reply != nil {
				c.fail.Reply.Retain().Retain() // the fake hands out one reply several times
			}
			execute(t, f, a, text("q"))
			if len(f.calls) != c.calls {
				t.Errorf("%d calls, want %d", len(f.calls), c.calls)
			}
		})
	}
}

func TestBreakerOutlivesRunsAndRecompilations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(map[string]script{"a": {fail: down("down")}})
		e := &engine.Engine{Servers: f, Breakers: &engine.Breakers{}}
		ask := func() string {
			a := call("a")
			a.Policies.Breaker = &ast.Breaker{ConsecutiveFailures: 2, OpenFor: time.Second}
			return executeOn(t, e, compile(t, a, nil), text("q"))
		}
		for range 2 {
			if got := ask(); got != "failed MR501 a: down" {
				t.Fatal(got)
			}
		}
		if got := ask(); !strings.Contains(got, "the breaker is open") || len(f.calls) != 2 {
			t.Errorf("%s after %d calls", got, len(f.calls))
		}
		<-time.After(1100 * time.Millisecond) // in the bubble's time
		f.models["a"] = script{}
		if got := ask(); got != "a(q)" {
			t.Errorf("after the pause: %s", got)
		}
	})
}

func TestPartialAnswersWhereTheCallerAskedForThem(t *testing.T) {
	f := newFake(map[string]script{"b": {fail: down("down")}})
	got := execute(t, f, parallel(ast.Combine{}, call("a"), call("b")), text("q"), func(r *engine.Run) { r.Partial = true })
	if got != "{a:a(q) !b}" {
		t.Error(got)
	}
}

func TestIdenticalCallsOfAPureModelAreAskedOnce(t *testing.T) {
	pure, _ := models(nil).Model("default", "a", "")
	pure.Pure = true
	root := parallel(ast.Combine{}, labelled("x", chain(call("a"), call("b"))), labelled("y", chain(call("a"), call("c"))), labelled("z", call("a")))
	f := newFake(nil)
	got := executeOn(t, &engine.Engine{Servers: f}, compile(t, root, models{"a": pure}), text("q"))
	if got != "{x:b(a(q)) y:c(a(q)) z:a(q)}" || len(f.calls) != 3 {
		t.Errorf("%s with calls %v", got, f.calls)
	}
}
