package engine_test

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/protocol/message"
)

// within tells whether hits of n is what probability p gives, at a confidence of one error in a hundred million (5.73
// standard deviations of the binomial distribution, by its normal approximation).
func within(hits, n int, p float64) bool {
	return math.Abs(float64(hits)-float64(n)*p) <= 5.73*math.Sqrt(float64(n)*p*(1-p))
}

type head map[string]string

func (h head) Get(name string) []byte {
	if v, ok := h[name]; ok {
		return []byte(v)
	}
	return nil
}

func split(sticky *ast.Condition) *ast.Choose {
	return &ast.Choose{By: ast.ByWeight, Sticky: sticky, Arms: []ast.Arm{{Name: "a", Weight: 90, Part: call("a")}, {Name: "b", Weight: 10, Part: call("b")}, {Name: "off", Part: call("off")}}}
}

func TestSplitFollowsItsWeights(t *testing.T) {
	f := newFake(nil)
	p := compile(t, split(nil), nil)
	e := &engine.Engine{Servers: f}
	const n = 20_000
	hits := map[string]int{}
	for i := range n {
		hits[executeOn(t, e, p, text("q"), func(r *engine.Run) { r.Seed = uint64(i + 1) })]++
	}
	if !within(hits["b(q)"], n, 0.1) || hits["a(q)"]+hits["b(q)"] != n {
		t.Errorf("hits %v", hits)
	}
}

func TestStickySplitKeepsACallerOnItsArmAndReadsNoBody(t *testing.T) {
	p := compile(t, split(cel(`request.headers["x-user"]`)), nil)
	e := &engine.Engine{Servers: newFake(map[string]script{"a": says(200, "a"), "b": says(200, "b")})}
	const n = 5000
	b := 0
	for i := range n {
		var first string
		for range 2 {
			request := wire(0, "not to be decoded")
			got := executeOn(t, e, p, request, func(r *engine.Run) { r.Head = head{"x-user": fmt.Sprint("user", i)} })
			if first == "" {
				first = got
			}
			if got != first {
				t.Fatalf("user %d moved from %s to %s", i, first, got)
			}
		}
		if first == "200 b" {
			b++
		}
	}
	if !within(b, n, 0.1) {
		t.Errorf("%d of %d users are on the arm of 10%%", b, n)
	}
	if got := executeOn(t, e, p, wire(0, ""), func(r *engine.Run) { r.Head = head{} }); got != "200 a" && got != "200 b" {
		t.Errorf("without the header: %s", got)
	}
}

func TestWishNamesTheArm(t *testing.T) {
	root := &ast.Choose{By: ast.ByWish, Wish: "x-arm", Arms: []ast.Arm{{Name: "a", Part: call("a")}, {Name: "b", Part: call("b")}}, Else: call("c")}
	for wish, want := range map[string]string{"b": "b(q)", "z": "c(q)", "": "c(q)"} {
		if got := execute(t, newFake(nil), root, text("q"), func(r *engine.Run) { r.Head = head{"x-arm": wish} }); got != want {
			t.Errorf("wish %q: %s, want %s", wish, got, want)
		}
	}
}

func TestDecisionsAreToldInOrder(t *testing.T) {
	f := newFake(map[string]script{"a": {fail: down("down")}})
	e := &engine.Engine{Servers: f}
	root := chain(&ast.Cascade{Tries: []ast.Try{{Part: call("a")}, {Part: call("b")}}}, byFirstLetter(ast.RowsWhole, starts("b", call("c"))))
	run := e.NewRun(t.Context())
	defer run.Close()
	if _, err := engine.Execute(run, compile(t, root, nil), text("q")); err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, d := range run.Decisions {
		got += d.Node.Base().Path + "=" + d.Arm + " "
	}
	if want := "chain[0]=b chain[1]=c "; got != want {
		t.Errorf("decisions %q, want %q", got, want)
	}
}

// counting notes the most goroutines there were at a start or wait.
type counting struct {
	*fake
	most int
}

func (c *counting) Start(r *engine.Run, call *engine.Call) engine.Pending {
	c.most = max(c.most, runtime.NumGoroutine())
	return c.fake.Start(r, call)
}

func (c *counting) WaitAny(all []engine.Pending) int {
	c.most = max(c.most, runtime.NumGoroutine())
	return c.fake.WaitAny(all)
}

func TestJoinsStartNoGoroutine(t *testing.T) {
	c := &counting{fake: newFake(nil)}
	parts := make([]ast.Part, 16)
	for i := range parts {
		parts[i] = labelled(fmt.Sprint("p", i), chain(call("a"), call("b")))
	}
	first := parallel(ast.Combine{By: ast.First}, labelled("m", parallel(ast.Combine{}, parts...)), call("x"))
	p := compile(t, first, nil)
	before := runtime.NumGoroutine()
	executeOn(t, &engine.Engine{Servers: c}, p, text("q"))
	if c.most > before {
		t.Errorf("%d goroutines during the run, %d before", c.most, before)
	}
}

func TestPlainJoinsAreGatheredInOrderWithoutPolling(t *testing.T) {
	f := newFake(nil)
	execute(t, f, parallel(ast.Combine{}, call("a"), call("b"), call("c"), call("d")), text("q"))
	if f.waits != 0 {
		t.Errorf("WaitAny was called %d times", f.waits)
	}
}

// instant is a server that answers at once with one message; it costs nothing.
type instant struct{ reply *message.Message }

func (i *instant) Start(*engine.Run, *engine.Call) engine.Pending { return i }
func (i *instant) WaitAny([]engine.Pending) int                   { return 0 }
func (i *instant) Route(*message.Message) (int, error)            { return 0, nil }
func (i *instant) Wait() (*message.Message, error)                { return i.reply.Retain(), nil }
func (i *instant) Cancel()                                        {}

func BenchmarkExecute(b *testing.B) {
	fan := func(n int) ast.Part {
		parts := make([]ast.Part, n)
		for i := range parts {
			parts[i] = labelled(fmt.Sprint("p", i), call("a"))
		}
		return parallel(ast.Combine{}, parts...)
	}
	for _, c := range []struct {
		name string
		root ast.Part
	}{
		{"one node", call("a")},
		{"chain of 4", chain(call("a"), call("b"), call("c"), call("d"))},
		{"fan-out of 4", fan(4)},
		{"fan-out of 16", fan(16)},
		{"split 90/10", split(nil)},
		{"sticky split", split(cel(`request.headers["x-user"]`))},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := compile(b, c.root, nil)
			e := &engine.Engine{Servers: &instant{wire(200, "{}")}}
			request := wire(0, "{}")
			h := head{"x-user": "ann"}
			b.ReportAllocs()
			for b.Loop() {
				run := e.NewRun(b.Context())
				run.Head = h
				if _, err := engine.Execute(run, p, request); err != nil {
					b.Fatal(err)
				}
				run.Close()
			}
		})
	}
}

func TestOneNodeAllocatesNothing(t *testing.T) {
	p := compile(t, call("a"), nil)
	e := &engine.Engine{Servers: &instant{wire(200, "{}")}}
	request := wire(0, "{}")
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		run := e.NewRun(ctx)
		_, _ = engine.Execute(run, p, request)
		run.Close()
	}); n > 0 {
		t.Errorf("%v allocations a run", n)
	}
}
