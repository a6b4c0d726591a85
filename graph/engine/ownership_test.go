package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/graph/engine"
	"github.com/millrace/millrace/protocol/body"
)

func TestEveryBodyIsGivenBackWhenARunIsClosed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := generator{t: rt}
		root := g.part(4)
		models, late := scripts(rt), delays(rt)
		after := time.Duration(rapid.IntRange(0, 3_000_000_000).Draw(rt, "cancel after"))
		p := compile(t, root, nil)
		left := int64(0)
		synctest.Test(t, func(t *testing.T) {
			f := newFake(models)
			f.delays, f.budget = late, body.NewBudget(0)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			defer time.AfterFunc(after, cancel).Stop()
			run := (&engine.Engine{Servers: f}).NewRun(ctx)
			request := f.charged("q")
			if m, err := engine.Execute(run, p, request); err == nil {
				_ = render(m)
			}
			run.Close()
			request.Release()
			left = f.budget.Used()
		})
		if left != 0 {
			rt.Fatalf("%d bytes were not given back\nof %s", left, shown(root))
		}
	})
}
