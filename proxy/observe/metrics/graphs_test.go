package metrics

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/message"
)

// call is a part of a graph.
func call(graph, name, model string) *plan.Call {
	_, short, _ := strings.Cut(graph, "/")
	return &plan.Call{Info: plan.Info{Name: name, Path: "parallel[0]." + name, Key: graph + "#parallel[0]." + name, Graph: short},
		Model: &plan.Model{Namespace: "default", Name: model}}
}

func TestCallsOfPartsAreCountedByTheirResult(t *testing.T) {
	m := New(Sources{})
	g := m.Graphs()
	tox := &engine.Call{Target: call("default/triage", "tox", "tox-big")}
	for _, err := range []error{
		nil, nil, &message.Failure{Kind: message.Unavailable}, fmt.Errorf("wrapped: %w", &message.Failure{Kind: message.FailedUpstream}),
		context.DeadlineExceeded, context.Canceled, errors.New("other"),
	} {
		g.CallDone(tox, time.Now().Add(-30*time.Millisecond), err)
	}
	const labels = `millrace_part_requests_total{graph="default/triage",model="default/tox-big",part="tox",result="`
	expect(t, scrape(t, m), map[string]string{
		labels + `ok"}`: "2", labels + `unavailable"}`: "1", labels + `failed_upstream"}`: "1", labels + `deadline_exceeded"}`: "1",
		labels + `canceled"}`: "1", labels + `internal"}`: "1",
		`millrace_part_seconds_count{graph="default/triage",model="default/tox-big",part="tox"}`:             "7",
		`millrace_part_seconds_bucket{graph="default/triage",model="default/tox-big",part="tox",le="0.025"}`: "0",
	})
}

func TestAResultHasALabelForEachKindOfFailure(t *testing.T) {
	if n := int(message.FailedUpstream) + 2; n != len(results) {
		t.Errorf("%d labels for %d results", len(results), n)
	}
}

func TestRepliesOfGraphsAreCountedByStatus(t *testing.T) {
	m := New(Sources{})
	p := &plan.Plan{Namespace: "default", Name: "triage"}
	for _, status := range []int{200, 200, 503, 0} {
		m.Graphs().Done(p, status, 3*time.Millisecond)
	}
	expect(t, scrape(t, m), map[string]string{
		`millrace_graph_requests_total{code="200",graph="default/triage"}`: "2",
		`millrace_graph_requests_total{code="503",graph="default/triage"}`: "1",
		`millrace_graph_requests_total{code="500",graph="default/triage"}`: "1",
		`millrace_graph_seconds_count{graph="default/triage"}`:             "4",
	})
}

func TestNothingThatACallerWritesBecomesALabel(t *testing.T) {
	m := New(Sources{})
	g := m.Graphs()
	for i := range 100 {
		name := fmt.Sprintf("mine%d", i)
		c := call("default/<expression>", name, "sentiment")
		g.CallDone(&engine.Call{Target: c}, time.Now(), nil)
		g.Done(&plan.Plan{Namespace: "default", Name: "<expression>"}, 200, time.Millisecond)
		g.Chose([]engine.Decision{{Node: &plan.Choose{Info: plan.Info{Name: "split", Path: "parallel[0]." + name, Key: c.Key, Graph: "inner"}}, Arm: "a"}})
	}
	got := scrape(t, m)
	expect(t, got, map[string]string{
		`millrace_part_requests_total{graph="<expression>",model="default/sentiment",part="default/sentiment",result="ok"}`: "100",
		`millrace_graph_requests_total{code="200",graph="<expression>"}`:                                                    "100",
		`millrace_choice_total{arm="a",graph="<expression>",part="split"}`:                                                  "100",
	})
	if found := with(got, "mine"); len(found) > 0 {
		t.Error(found)
	}
}

func TestChoicesAreCountedOnceOrForEachRow(t *testing.T) {
	m := New(Sources{})
	split := &plan.Choose{Info: plan.Info{Name: "sentiment", Path: "split", Key: "default/ab#split", Graph: "ab"}}
	for range 3 {
		m.Graphs().Chose([]engine.Decision{{Node: split, Arm: "a"}, {Node: split, Arm: "b", Rows: 5}})
	}
	expect(t, scrape(t, m), map[string]string{
		`millrace_choice_total{arm="a",graph="default/ab",part="split"}`: "3",
		`millrace_choice_total{arm="b",graph="default/ab",part="split"}`: "15",
	})
}

func TestAGraphThatIsGoneLeavesNoSeries(t *testing.T) {
	m := New(Sources{})
	g := m.Graphs()
	use := func(graph string) *plan.Call {
		c := call(graph, "a", "sentiment")
		g.CallDone(&engine.Call{Target: c}, time.Now(), nil)
		_, name, _ := strings.Cut(graph, "/")
		g.Done(&plan.Plan{Namespace: "default", Name: name}, 200, time.Millisecond)
		g.Chose([]engine.Decision{{Node: &plan.Choose{Info: c.Info}, Arm: "a"}})
		return c
	}
	stays := use("default/stays")
	use("default/goes")
	use("default/<expression>")
	g.Retain(func(name string) bool { return name == "default/stays" })
	g.CallDone(&engine.Call{Target: stays}, time.Now(), nil)
	got := scrape(t, m)
	if found := with(got, "goes"); len(found) > 0 {
		t.Error(found)
	}
	if len(with(got, "<expression>")) == 0 {
		t.Error("the expressions were forgotten")
	}
	expect(t, got, map[string]string{`millrace_part_requests_total{graph="default/stays",model="default/sentiment",part="a",result="ok"}`: "2"})
}

func TestCountingIsSafeWhileTheCatalogChanges(t *testing.T) {
	m := New(Sources{})
	g := m.Graphs()
	c := &engine.Call{Target: call("default/triage", "tox", "tox-big")}
	split := &plan.Choose{Info: plan.Info{Path: "split", Key: "default/triage#split"}}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 200 {
				g.CallDone(c, time.Now(), nil)
				g.Chose([]engine.Decision{{Node: split, Arm: fmt.Sprint(i)}})
			}
		})
	}
	all.Go(func() {
		for range 50 {
			g.Retain(func(string) bool { return true })
		}
	})
	all.Wait()
	got := scrape(t, m)
	expect(t, got, map[string]string{`millrace_part_requests_total{graph="default/triage",model="default/tox-big",part="tox",result="ok"}`: "800"})
	for i := range 4 {
		expect(t, got, map[string]string{fmt.Sprintf(`millrace_choice_total{arm="%d",graph="default/triage",part="split"}`, i): "200"})
	}
}

func TestHandlesAreBounded(t *testing.T) {
	g := New(Sources{}).Graphs()
	for range maxHandles + 10 {
		g.CallDone(&engine.Call{Target: call("default/<expression>", "x", "sentiment")}, time.Now(), nil)
	}
	n := 0
	g.handles.Range(func(any, any) bool { n++; return true })
	if n > maxHandles || int64(n) != g.kept.Load() {
		t.Errorf("%d handles, %d counted", n, g.kept.Load())
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	g := New(Sources{}).Graphs()
	c := &engine.Call{Target: call("default/triage", "tox", "tox-big")}
	p := &plan.Plan{Namespace: "default", Name: "triage"}
	ds := []engine.Decision{{Node: &plan.Choose{Info: plan.Info{Path: "split", Key: "default/triage#split"}}, Arm: "a"}}
	n := testing.AllocsPerRun(100, func() {
		g.CallDone(c, time.Now(), nil)
		g.Done(p, 200, time.Millisecond)
		g.Chose(ds)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCallDone(b *testing.B) {
	g := New(Sources{}).Graphs()
	c := &engine.Call{Target: call("default/triage", "tox", "tox-big")}
	start := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		g.CallDone(c, start, nil)
	}
}
