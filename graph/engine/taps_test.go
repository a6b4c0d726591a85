package engine_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/graph/ast"
	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/graph/plan"
	"github.com/millrace/millrace/protocol/body"
	"github.com/millrace/millrace/protocol/message"
	"github.com/millrace/millrace/protocol/tensor"
)

func tapped(s ast.Shadow) *ast.Tap {
	s.To = call("shadow")
	return &ast.Tap{Part: call("main"), Shadows: []ast.Shadow{s}}
}

const shadowKey = "default/g#shadow[0].shadow"

func TestShadowNeverDelaysThePrimary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taps := engine.NewTaps()
		f := newFake(map[string]script{"main": {delay: time.Millisecond}, "shadow": {delay: time.Hour}})
		e := &engine.Engine{Servers: f, Taps: taps}
		p := compile(t, tapped(ast.Shadow{Percent: 100, InFlight: 2, Timeout: time.Minute}), nil)
		for range 5 {
			if got := executeOn(t, e, p, text("q")); got != "main(q)" {
				t.Fatal(got)
			}
		}
		if took := time.Since(f.started); took != 5*time.Millisecond {
			t.Errorf("the primaries took %v", took)
		}
		taps.Wait()
		c := taps.Counts(shadowKey)
		if c.Sent.Load() != 2 || c.Dropped.Load() != 3 || c.Failed.Load() != 2 || c.InFlight.Load() != 0 {
			t.Errorf("sent %d, dropped %d, failed %d, in flight %d", c.Sent.Load(), c.Dropped.Load(), c.Failed.Load(), c.InFlight.Load())
		}
		if took := time.Since(f.started); took > 2*time.Minute {
			t.Errorf("a shadow ran for %v, past its own timeout", took)
		}
		taps.Close()
	})
}

func TestShadowHoldsTheBodyUntilItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := body.NewBudget(0)
		b, err := body.Copy(budget, []byte(`{"x":1}`))
		if err != nil {
			t.Fatal(err)
		}
		taps := engine.NewTaps()
		var mu sync.Mutex
		var seen []string
		taps.Done = func(_ *plan.Shadow, m *message.Message, _ error) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, render(m))
		}
		f := newFake(map[string]script{"shadow": {delay: time.Second}})
		p := compile(t, tapped(ast.Shadow{Percent: 100}), nil)
		request := message.FromWire(&message.Wire{Body: b, JSONLength: -1}, nil)
		executeOn(t, &engine.Engine{Servers: f, Taps: taps}, p, request)
		request.Release()
		if budget.Used() == 0 {
			t.Error("the body was given back while a shadow used it")
		}
		taps.Wait()
		if budget.Used() != 0 || len(seen) != 1 || seen[0] != `shadow(0 {"x":1})` {
			t.Errorf("%d bytes are held, the shadow saw %v", budget.Used(), seen)
		}
		taps.Close()
	})
}

func TestClosedTapsCancelTheirShadows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taps := engine.NewTaps()
		f := newFake(map[string]script{"shadow": {delay: time.Hour}})
		e := &engine.Engine{Servers: f, Taps: taps}
		p := compile(t, tapped(ast.Shadow{Percent: 100, Timeout: 2 * time.Hour}), nil)
		executeOn(t, e, p, text("q"))
		taps.Close()
		if f.open != 0 || time.Since(f.started) != 0 {
			t.Errorf("%d calls go on after Close, which took %v", f.open, time.Since(f.started))
		}
		executeOn(t, e, p, text("q"))
		if c := taps.Counts(shadowKey); c.Dropped.Load() != 1 {
			t.Errorf("%d shadows were dropped after Close, want 1", c.Dropped.Load())
		}
	})
}

func TestPercentPicksItsShareByKey(t *testing.T) {
	taps := engine.NewTaps()
	defer taps.Close()
	e := &engine.Engine{Servers: newFake(nil), Taps: taps}
	p := compile(t, tapped(ast.Shadow{Percent: 25, Key: cel("v")}), nil)
	const n = 2000
	for i := range n {
		executeOn(t, e, p, text(string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/676))))
	}
	taps.Wait()
	c := taps.Counts(shadowKey)
	picked := int(c.Sent.Load() + c.Dropped.Load())
	if picked+int(c.Passed.Load()) != n || !within(picked, n, 0.25) {
		t.Errorf("%d of %d were picked", picked, n)
	}
}

func TestShadowIsComparedWithThePrimaryWhicheverComesFirst(t *testing.T) {
	for name, delay := range map[string]time.Duration{"the shadow is slower": time.Hour, "the primary is slower": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				taps := engine.NewTaps()
				main, shadow := answers(tensor.OfFP64("score", 0.5)), answers(tensor.OfFP64("score", 0.505))
				main.delay, shadow.delay = time.Minute, delay
				e := &engine.Engine{Servers: newFake(map[string]script{"main": main, "shadow": shadow}), Taps: taps}
				for _, abs := range []float64{0.01, 0.001} {
					executeOn(t, e, compile(t, tapped(ast.Shadow{Percent: 100, Timeout: 2 * time.Hour, Compare: []ast.Compare{{Field: "score", Abs: abs}}}), nil), text("q"))
				}
				taps.Wait()
				if c := taps.Counts(shadowKey); c.Same.Load() != 1 || c.Different.Load() != 1 {
					t.Errorf("%d the same, %d different", c.Same.Load(), c.Different.Load())
				}
				taps.Close()
			})
		})
	}
}

func TestShadowOfAPartThatIsGivenUpEndsItsComparison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taps := engine.NewTaps()
		f := newFake(map[string]script{"main": {delay: time.Hour}, "fast": {delay: time.Second}, "shadow": {delay: time.Minute}})
		tap := tapped(ast.Shadow{Percent: 100, Timeout: 2 * time.Hour, Compare: []ast.Compare{{Field: "v", Exact: true}}})
		got := executeOn(t, &engine.Engine{Servers: f, Taps: taps}, compile(t, parallel(ast.Combine{By: ast.First}, tap, call("fast")), nil), text("q"))
		taps.Wait()
		if took := time.Since(f.started); got != "fast(q)" || took != time.Minute {
			t.Errorf("got %s, and the shadow ended after %v", got, took)
		}
		taps.Close()
	})
}
